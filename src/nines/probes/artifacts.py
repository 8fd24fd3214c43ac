"""What is kept of a failed try: what was said, what was seen and what happened, with every secret hidden."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from nines.probes.http import Exchange
from nines.probes.masking import Masker

#: Most characters of a body that are kept.
MOST_BODY = 65_536


def folder_for(root: Path, probe: str, location: str, scheduled: datetime, number: int) -> Path:
    """Return the folder of one failed try, made so that only its owner can look into it.

    Args:
        root: where all are kept.
        probe: name of the journey.
        location: where it ran.
        scheduled: instant by which the run is known.
        number: of the try.
    """
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = root / f"{probe}-{location}-{scheduled:%Y%m%dT%H%M%S%fZ}-{number}"
    folder.mkdir(exist_ok=True, mode=0o700)
    return folder


def keep_exchanges(path: Path, exchanges: Sequence[Exchange], masker: Masker, *, began: datetime, version: str) -> Path:
    """Write what was said over HTTP as a HAR file.

    Args:
        path: where to.
        exchanges: in order.
        masker: knows what to hide.
        began: wall clock at the beginning of the try.
        version: of this program.

    Source:
        HAR 1.2, http://www.softwareishard.com/blog/har-12-spec/
    """
    entries = [_entry(one, masker, began) for one in exchanges]
    log = {"version": "1.2", "creator": {"name": "nines", "version": version}, "entries": entries}
    return _write(path, json.dumps({"log": log}, ensure_ascii=False, indent=1).encode())


def keep_json(path: Path, value: object, masker: Masker) -> Path:
    """Write a JSON value with its secrets hidden."""
    return _write(path, json.dumps(masker.tree(value), ensure_ascii=False, indent=1).encode())


def _write(path: Path, data: bytes) -> Path:
    path.touch(mode=0o600)
    path.write_bytes(data)
    return path


def _entry(one: Exchange, masker: Masker, began: datetime) -> dict[str, object]:
    def headers(pairs: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
        return [{"name": name, "value": masker.header(name, value)} for name, value in pairs]

    phases = {
        "dns": "dns_ms",
        "connect": "connect_ms",
        "ssl": "tls_ms",
        "wait": "first_byte_ms",
        "receive": "transfer_ms",
    }
    timings = {har: round(one.phases.get(ours, -1.0), 3) for har, ours in phases.items()}
    kind = next((v for n, v in one.headers if n.lower() == "content-type"), "")
    request = {"method": one.method, "url": masker.text(one.url), "httpVersion": "HTTP/1.1", "cookies": [],
               "headers": headers(one.sent_headers), "queryString": [], "headersSize": -1, "bodySize": -1}  # fmt: skip
    if one.sent:
        sent_kind = next((v for n, v in one.sent_headers if n.lower() == "content-type"), "")
        request["postData"] = {"mimeType": sent_kind, "text": masker.text(one.sent)[:MOST_BODY]}
    content = {"size": len(one.body), "mimeType": kind, "text": masker.text(one.body)[:MOST_BODY]}
    response = {"status": one.status, "statusText": "", "httpVersion": "HTTP/1.1", "cookies": [], "redirectURL": "",
                "headers": headers(one.headers), "content": content, "headersSize": -1, "bodySize": -1,
                "comment": masker.text(one.error)}  # fmt: skip
    started = (began + timedelta(milliseconds=one.after_ms)).isoformat()
    total = sum(value for value in one.phases.values())
    return {"startedDateTime": started, "time": round(total, 3), "request": request, "response": response,
            "cache": {}, "timings": {"send": 0, **timings}}  # fmt: skip


def keep_har(path: Path, recorded: Path, masker: Masker) -> Path:
    """Write a browser's HAR file anew with its secrets hidden.

    Args:
        path: where to.
        recorded: as the browser wrote it.
        masker: knows what to hide.
    """
    return keep_json(path, json.loads(recorded.read_text(encoding="utf-8")), masker)


def keep_trace(path: Path, recorded: Path, masker: Masker) -> Path:
    """Write a browser's trace anew with the secrets in all of its parts hidden.

    Args:
        path: where to.
        recorded: zip file as the browser wrote it.
        masker: knows what to hide.
    """
    path.touch(mode=0o600)
    with zipfile.ZipFile(recorded) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            data = old.read(name)
            if name.endswith((".trace", ".network", ".stacks")):
                lines = [json.dumps(masker.tree(json.loads(line))) for line in data.splitlines() if line.strip()]
                data = "\n".join(lines).encode()
            new.writestr(masker.text(name), masker.data(data))
    return path
