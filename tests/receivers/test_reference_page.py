"""The page of receivers names every path, status, code and limit there is, with the values of the program."""

import re
from pathlib import Path
from typing import get_args

import grpc
import pytest
from starlette.routing import Route

from nines.cli.server import make_server
from nines.lake import inbox
from nines.operations import receiving
from nines.protocols import (
    arrow_batch,
    compression,
    otlp_json,
    otlp_size,
    otlp_values,
    push,
    remote_write_dialects,
    remote_write_gathering,
    remote_write_parts,
    rum,
    statsd,
)
from nines.receivers import calling, grpc_server, room
from nines.receivers import push as push_receiver
from nines.receivers import statsd as statsd_receiver
from nines.receivers.app import routes
from nines.telemetry.datasource import SourceType

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "receivers.md").read_text()
LIMITS = {
    "body of a request as sent": calling.MOST_SENT,
    "body unpacked": compression.LIMIT,
    "message over gRPC, unpacked": grpc_server.MOST_BYTES,
    "requests over gRPC worked on at a time": grpc_server.WORKERS,
    "calls open in one gRPC connection": grpc_server.MOST_STREAMS,
    "spans, log records or metrics of one OTLP request, with their groups": otlp_size.MOST_ITEMS,
    "fields of one OTLP request": otlp_size.MOST_FIELDS,
    "messages within messages of OTLP": otlp_size.MOST_DEEP,
    "nesting of OTLP's JSON": otlp_json.MOST_DEEP,
    "values of OTLP's JSON": otlp_json.MOST_PARTS,
    "attributes of one set": otlp_values.MOST_ATTRIBUTES,
    "text of one attribute": otlp_values.LONGEST,
    "fields of a write request over 1 MiB": remote_write_parts.MOST_FIELDS,
    "symbols of a write request": remote_write_dialects.MOST_SYMBOLS,
    "samples ahead of our clock": remote_write_gathering.AHEAD_MS,
    "series remembered per tenant": receiving.MOST_SERIES,
    "beacon, as sent and unpacked": rum.MOST_BYTES,
    "rows of a beacon": rum.MOST_ROWS,
    "push of Gatus": push_receiver.MOST_BYTES,
    "fields of a push's query": push.MOST_FIELDS,
    "rows of an agent's batch": arrow_batch.MOST_ROWS,
    "bytes of an agent's batch, unpacked": arrow_batch.MOST_UNFOLDED,
    "datagrams decoded at once": statsd.MOST_BYTES,
    "waiting datagrams": statsd_receiver.MOST_WAITING,
    "waiting in the inbox": inbox.MOST_BYTES,
    "requests over HTTP at a time": make_server(None).config.limit_concurrency,
    "bodies held at once, over HTTP as sent, over gRPC unpacked": room.MOST_HELD,
    "requests over HTTP decoded and stored at a time": room.WORKERS,
    "asked to wait": calling.RETRY_AFTER_S,
}


def rows_under(head):
    """Return the cells of the table whose first line begins so."""
    table = PAGE[PAGE.index(head) :].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def test_every_path_and_its_methods_stand_in_the_page_and_no_other():
    told = {(path[0], method) for _, cell, methods, *_ in rows_under("| receiver | path") for path in [re.findall(r"`(/[^`]+)`", cell)] if path for method in methods.split(", ")}  # fmt: skip
    real = {(r.path, m) for r in routes() if isinstance(r, Route) for m in r.methods if m != "HEAD"}
    assert told == real


def test_every_limit_stands_in_the_page_with_its_value():
    told = {name: int(value.split()[0].replace(",", "")) for name, value in rows_under("| limit | value")}
    assert told == LIMITS


def test_every_status_and_its_code_stand_in_the_page():
    told = {(int(status), code) for status, code, *_ in rows_under("| HTTP | gRPC")}
    codes = dict(grpc_server._CODES)
    assert {(status, codes[kind].name) for kind, status in calling.STATUSES} <= told
    assert {status for status, _ in told} - {s for _, s in calling.STATUSES} == {413, 415}
    assert grpc.StatusCode.UNAVAILABLE.name in {code for _, code in told}


@pytest.mark.parametrize("kind", ["otlp", "remote-write", "statsd", "rum", "push"])
def test_every_type_of_source_that_is_pushed_to_stands_in_the_page(kind):
    assert kind in get_args(SourceType)
    assert f"`{kind}`" in "".join(row[-1] for row in rows_under("| receiver | path"))


def test_how_many_problems_are_told_stands_in_the_page():
    assert f"the first {remote_write_gathering.TOLD} and" in PAGE
