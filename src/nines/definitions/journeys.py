"""Read `kind: Probe`: from its shape to a journey, every mistake with its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import timedelta
from fractions import Fraction
from typing import Any
from urllib.parse import urlsplit

from nines.definitions import journey_shapes as js
from nines.definitions import shapes
from nines.definitions.readers import Reading
from nines.errors import Problem
from nines.telemetry.journey import (
    GOOD_STATUSES,
    BrowserAct,
    BrowserCall,
    Call,
    DnsCall,
    Expect,
    Extract,
    HttpCall,
    IcmpCall,
    Journey,
    Step,
    TcpCall,
    TlsCall,
    step_texts,
)
from nines.telemetry.templates import HIDDEN, json_path, places

_CALLS = ("http", "tcp", "dns", "tls", "icmp", "browser")
_STATUS = re.compile(r"([1-5])xx|([1-5]\d\d)(?:-([1-5]\d\d))?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_CREDENTIALS = {"authorization", "proxy-authorization", "cookie", "x-api-key"}


def journey(reading: Reading, metadata: shapes.Metadata, spec: js.ProbeSpec) -> Journey:
    """Read a Probe.

    Args:
        reading: takes the mistakes.
        metadata: its name.
        spec: its shape.
    """
    timeout = reading.length("timeout", spec.timeout)
    every, jitter = reading.length("schedule.every", spec.schedule.every), timedelta()
    jitter = reading.pause("schedule.jitter", spec.schedule.jitter)
    if jitter >= every:
        reading.refuse(
            "schedule.jitter", "the jitter is as long as the schedule", "give less than every", code="probe-jitter"
        )
    if timeout > every:
        reading.refuse(
            "timeout", "runs would overlap: the timeout is longer than every", "shorten it", code="probe-timeout"
        )
    _places_from(reading, spec)
    steps = tuple(_step(reading, f"steps.{n}", one, timeout) for n, one in enumerate(spec.steps))
    _unique(reading, "steps", [one.name for one in spec.steps], "step", "probe-step-twice")
    _values(reading, spec.values)
    _values_known(reading, steps, spec.values)
    if sum((s.share for s in steps if s.share), timedelta()) > timeout:
        reading.refuse("steps", "the shares of the steps exceed the timeout", "lower them", code="probe-share")
    return Journey(
        name=metadata.name, source=spec.source, steps=steps, every=every, jitter=jitter, timeout=timeout,
        locations=tuple(spec.locations), quorum=spec.quorum, retries=spec.retry.times,
        retry_after=reading.pause("retry.after", spec.retry.after), connectivity=tuple(spec.connectivity),
        values=tuple(spec.values.items()),
    )  # fmt: skip


def _places_from(reading: Reading, spec: js.ProbeSpec) -> None:
    """Check locations, quorum and what shows the location's own connection."""
    _unique(reading, "locations", spec.locations, "location", "probe-location-twice")
    if spec.quorum > len(spec.locations):
        what = f"the quorum is {spec.quorum}, but there are only {len(spec.locations)} locations"
        reading.refuse("quorum", what, "lower it or name more locations", code="probe-quorum")
    for number, target in enumerate(spec.connectivity):
        if not re.fullmatch(r"https?://[^/\s]+\S*|[^\s:/]+:\d{1,5}|\[[0-9a-fA-F:]+\]:\d{1,5}", target):
            fix = "write host:port or an http address"
            reading.refuse(f"connectivity.{number}", f"{target!r} cannot be reached for", fix, code="bad-url")


def _unique(reading: Reading, path: str, names: list[str], what: str, code: str) -> None:
    for number, name in enumerate(names):
        if name in names[:number]:
            reading.refuse(f"{path}.{number}", f"the {what} {name!r} stands twice", "name each once", code=code)


def _step(reading: Reading, at: str, one: js.StepShape, timeout: timedelta) -> Step:
    given = [name for name in _CALLS if getattr(one, name) is not None]
    if len(given) != 1:
        what = f"it says {', '.join(given) if given else 'nothing to do'}"
        reading.refuse(at, what, f"give exactly one of {', '.join(_CALLS)}", code="probe-step")
    call = _call(reading, at, one, given[0]) if given else IcmpCall(host="")
    beside = one.expect.model_fields_set - {"max_ms"} or one.extract
    if beside and given and "http" not in given:
        fix = "say what is expected inside the step itself" if one.expect.model_fields_set else "only http has answers"
        reading.refuse(
            f"{at}.expect", f"a {given[0]} step takes no expect but maxMs, and no extract", fix, code="probe-step"
        )
    extract = tuple(_extract(reading, f"{at}.extract.{name}", name, e) for name, e in one.extract.items())
    return Step(
        name=one.name, call=call, expect=_expect(reading, f"{at}.expect", one.expect),
        extract=tuple(e for e in extract if e is not None), share=_share(reading, f"{at}.share", one.share, timeout),
    )  # fmt: skip


def _share(reading: Reading, at: str, text: str | None, timeout: timedelta) -> timedelta | None:
    if text is None:
        return None
    if not text.endswith("%"):
        return reading.length(at, text)
    part: Fraction = reading.ratio(at, text)
    return timedelta(microseconds=int(part * (timeout // timedelta(microseconds=1))))


def _call(reading: Reading, at: str, one: js.StepShape, name: str) -> Call:
    if one.http is not None:
        return _http(reading, f"{at}.http", one.http)
    if one.browser is not None:
        acts = (_act(reading, f"{at}.browser.{n}", a) for n, a in enumerate(one.browser))
        return BrowserCall(tuple(a for a in acts if a is not None))
    if one.tls is not None:
        t = one.tls
        return TlsCall(host=t.host, port=t.port, min_days=t.min_days, server_name=t.server_name, verify=t.verify,
                       ca_file=t.ca_file)  # fmt: skip
    made: dict[str, Callable[..., Call]] = {"tcp": TcpCall, "dns": DnsCall, "icmp": IcmpCall}
    values = getattr(one, name).model_dump()
    return made[name](**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})


def _http(reading: Reading, at: str, http: js.HttpShape) -> HttpCall:
    if sum(v is not None for v in (http.body, http.json_body, http.form)) > 1:
        reading.refuse(at, "body, json and form exclude each other", "keep one of them", code="probe-body")
    _address(reading, f"{at}.url", http.url)
    for name, value in http.headers.items():
        if name.lower() in _CREDENTIALS and "${" not in value:
            where, what = (
                reading.document.where(_keys(f"{at}.headers")),
                f"the header {name} holds a secret in plain text",
            )
            reading.problems.append(Problem(where, what, "write ${secret:NAME}", "warning", code="plain-secret"))
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name) or re.search(r"[\r\n\0]", value):
            reading.refuse(
                f"{at}.headers", f"{name!r} is no header", "use letters, digits and hyphens", code="bad-header"
            )
    return HttpCall(
        url=http.url, method=http.method, headers=tuple(http.headers.items()), body=http.body, json=http.json_body,
        form=None if http.form is None else tuple(http.form.items()), follow=http.follow, verify=http.verify,
        ca_file=http.ca_file,
    )  # fmt: skip


def _keys(path: str) -> tuple[str | int, ...]:
    return ("spec", *(int(k) if k.isdigit() else k for k in path.split(".")))


def _address(reading: Reading, at: str, url: str) -> None:
    """Refuse what cannot be an http address, or one that shows a secret."""
    if url.startswith("${"):
        return
    try:
        parts = urlsplit(re.sub(r"\$\{[^{}]*\}", "0", url))
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        good = False
    if not good:
        reading.refuse(at, f"{url!r} is no http address", "write it like https://shop.example/login", code="bad-url")
    elif "@" in parts.netloc:
        fix = "send it in a header, by ${secret:NAME}"
        reading.refuse(at, "the address holds a name or a secret before @", fix, code="bad-url")


def _act(reading: Reading, at: str, one: js.BrowserActShape) -> BrowserAct | None:
    given = [name for name in ("goto", "fill", "click", "expect", "wait") if getattr(one, name) is not None]
    if len(given) != 1:
        reading.refuse(at, "one act does one thing", "give goto, fill, click, expect or wait", code="probe-act")
        return None
    if one.fill is not None:
        return BrowserAct("fill", one.fill.into, one.fill.value)
    if one.expect is not None:
        return BrowserAct("expect", "body", one.expect)
    if one.goto is not None:
        _address(reading, f"{at}.goto", one.goto)
        return BrowserAct("goto", one.goto)
    return BrowserAct("click", one.click) if one.click is not None else BrowserAct("wait", one.wait or "")


def _expect(reading: Reading, at: str, one: js.ExpectShape) -> Expect:
    patterns = [one.matches] if isinstance(one.matches, str) else one.matches
    for text in patterns:
        _pattern(reading, f"{at}.matches", text)
    for text in one.header.values():
        _pattern(reading, f"{at}.header", text)
    for path in one.json_values:
        reading.exactly(f"{at}.json", path, json_path, "write it like $.orders[0].id", ())
    return Expect(
        status=_statuses(reading, f"{at}.status", one.status),
        contains=(one.contains,) if isinstance(one.contains, str) else tuple(one.contains),
        matches=tuple(patterns), json=tuple(one.json_values.items()), header=tuple(one.header.items()),
        max_ms=one.max_ms,
    )  # fmt: skip


def _statuses(reading: Reading, at: str, value: object) -> tuple[tuple[int, int], ...]:
    if value is None:
        return GOOD_STATUSES
    found = []
    for one in value if isinstance(value, list) else [value]:
        match = _STATUS.fullmatch(str(one))
        low, high = (0, -1) if match is None else _range(match)
        if low > high:
            reading.refuse(at, f"{one!r} is no status", "write 200, 2xx or 200-299", code="bad-status")
        found.append((low, high))
    return tuple(found)


def _range(match: re.Match[str]) -> tuple[int, int]:
    if match[1]:
        return int(match[1]) * 100, int(match[1]) * 100 + 99
    return int(match[2]), int(match[3] or match[2])


def _pattern(reading: Reading, at: str, text: str) -> None:
    """Refuse a pattern that RE2, which never takes longer than the text is long, cannot read."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        pc.match_substring_regex(pa.array([""]), text)
    except pa.ArrowInvalid as error:
        told = str(error).removeprefix("Invalid regular expression: ")
        reading.refuse(at, f"{text!r} is no pattern: {told}", "patterns are RE2's", code="bad-pattern")


def _extract(reading: Reading, at: str, name: str, one: js.ExtractShape) -> Extract | None:
    given = {"json": one.json_at, "regex": one.regex, "header": one.header, "cookie": one.cookie}
    found: list[tuple[Any, str]] = [(kind, key) for kind, key in given.items() if key is not None]
    if not _VARIABLE.fullmatch(name):
        reading.refuse(at, f"{name!r} is no name of a value", "use letters, digits and _", code="bad-name")
    if len(found) != 1:
        reading.refuse(at, "one value comes from one place", "give json, regex, header or cookie", code="probe-extract")
        return None
    kind, key = found[0]
    if kind == "json":
        reading.exactly(f"{at}.json", key, json_path, "write it like $.orders[0].id", ())
    elif kind == "regex":
        _pattern(reading, f"{at}.regex", key)
    return Extract(name, kind, key, one.secret)


def _values(reading: Reading, given: Iterable[str]) -> None:
    for name in given:
        if not _VARIABLE.fullmatch(name):
            reading.refuse(
                f"values.{name}", f"{name!r} is no name of a value", "use letters, digits and _", code="bad-name"
            )


def _values_known(reading: Reading, steps: Iterable[Step], given: Iterable[str]) -> None:
    """Refuse places for values that are not given and that no earlier step takes."""
    known: set[str] = set(given)
    for number, step in enumerate(steps):
        for text in step_texts(step):
            for name in reading.exactly(f"steps.{number}", text, places, "write ${name} or ${secret:NAME}", ()):
                if not name.startswith(HIDDEN) and name not in known:
                    fix = (
                        f"known here: {', '.join(sorted(known))}"
                        if known
                        else "extract it in an earlier step, or give it"
                    )
                    what = f"no earlier step extracts {name!r}"
                    reading.refuse(f"steps.{number}", what, fix, code="probe-value")
        known |= {e.name for e in step.extract}
