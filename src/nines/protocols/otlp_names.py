"""Names of OTLP metrics as Prometheus translates them, so that one selector reads both ways in.

Source: Prometheus, OTLP translation "UnderscoreEscapingWithSuffixes"; OpenTelemetry, "Prometheus and OpenMetrics
compatibility".
"""

from __future__ import annotations

import re
from functools import lru_cache

_UNITS = {
    "d": "days", "h": "hours", "min": "minutes", "s": "seconds", "ms": "milliseconds", "us": "microseconds",
    "ns": "nanoseconds", "By": "bytes", "KiBy": "kibibytes", "MiBy": "mebibytes", "GiBy": "gibibytes",
    "TiBy": "tibibytes", "KBy": "kilobytes", "MBy": "megabytes", "GBy": "gigabytes", "TBy": "terabytes", "B": "bytes",
    "KB": "kilobytes", "MB": "megabytes", "GB": "gigabytes", "TB": "terabytes", "m": "meters", "V": "volts",
    "A": "amperes", "J": "joules", "W": "watts", "g": "grams", "Cel": "celsius", "Hz": "hertz", "%": "percent",
    "1": "",
}  # fmt: skip
_PER = {"s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week", "mo": "month", "y": "year"}
_NOT_NAME, _NOT_LABEL, _RUN = re.compile(r"[^a-zA-Z0-9_:]"), re.compile(r"[^a-zA-Z0-9_]"), re.compile(r"_+")
_BRACES = re.compile(r"\{[^}]*\}")


@lru_cache(maxsize=10_000)
def metric_name(name: str, unit: str, *, counter: bool, gauge: bool) -> str:
    """Return the name of a metric.

    Args:
        name: as OpenTelemetry has it.
        unit: UCUM unit, or "".
        counter: whether it is a monotonic sum.
        gauge: whether it is a gauge.

    Example:
        >>> metric_name("http.server.request.duration", "s", counter=False, gauge=False)
        'http_server_request_duration_seconds'
        >>> metric_name("orders", "{order}", counter=True, gauge=False)
        'orders_total'
    """
    found = [part for part in _RUN.split(_NOT_NAME.sub("_", name)) if part]
    main, _, per = _BRACES.sub("", unit.strip()).partition("/")
    suffixes = [_UNITS.get(main.strip(), _RUN.sub("_", _NOT_NAME.sub("_", main.strip())).strip("_"))]
    if per.strip():
        suffixes.append("per_" + _PER.get(per.strip(), _NOT_NAME.sub("_", per.strip())))
    if gauge and main.strip() == "1":
        suffixes.append("ratio")
    for suffix in suffixes:
        if suffix and suffix not in found:
            found.append(suffix)
    if counter:
        found = [*(part for part in found if part != "total"), "total"]
    whole = "_".join(found)
    return f"_{whole}" if whole[:1].isdigit() else whole


@lru_cache(maxsize=10_000)
def label_name(name: str) -> str:
    """Return the name of a label.

    Example:
        >>> label_name("http.response.status_code")
        'http_response_status_code'
    """
    found = _RUN.sub("_", _NOT_LABEL.sub("_", name))
    if found[:1].isdigit():
        return f"key_{found}"
    return f"key{found}" if found.startswith("_") and not found.startswith("__") else found
