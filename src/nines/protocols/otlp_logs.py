"""Log records of OTLP as event rows; they have no identity, so one that is sent twice counts twice."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from nines.protocols.otlp_spans import Attributes
from nines.protocols.otlp_values import Rejected, attributes_of, text_of

_TRACE = 16
_LATEST = 253_402_300_799 * 10**9


def records(request: Any, now_ns: int) -> tuple[pa.Table, Rejected]:  # noqa: ANN401 - generated messages
    """Return the log records of a request as event rows, and what was refused.

    Args:
        request: an ExportLogsServiceRequest.
        now_ns: when it came, UTC nanoseconds: the time of records without one.
    """
    known, rejected = Attributes(), Rejected()
    numbers: list[int] = []
    times: list[int] = []
    traces: list[str | None] = []
    for group in request.resource_logs:
        resource = attributes_of(group.resource.attributes)
        for scope in group.scope_logs:
            for record in scope.log_records:
                at = record.time_unix_nano or record.observed_time_unix_nano or now_ns
                if at > _LATEST:
                    rejected.refuse("a log record lies beyond the year 9999")
                    continue
                body = text_of(record.body)
                more = {"severity": record.severity_text or str(record.severity_number)}
                numbers.append(
                    known.add(
                        resource, attributes_of(record.attributes), more | ({} if body is None else {"body": body})
                    )
                )
                times.append(at // 1000)
                traces.append(record.trace_id.hex() if len(record.trace_id) == _TRACE else None)
    columns = known.columns(numbers)
    columns["time"] = pa.array(times, pa.int64()).cast(pa.timestamp("us", tz="UTC"))
    columns["trace"] = pa.array(traces, pa.string())
    return pa.table(columns), rejected
