"""Where tables and files lie: a folder of this machine, or a bucket that speaks S3."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn
from urllib.parse import unquote, urlsplit

from pyarrow import fs

from nines.errors import InputError, Problem
from nines.sources.scrape import check_host
from nines.telemetry.datasource import DataSource

#: What a storage file may say; nothing else reaches the libraries, whose other options can read further secrets.
KNOWN = frozenset(
    {
        "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_ENDPOINT_URL",
        "AWS_ALLOW_HTTP",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Store:
    """An opened store.

    Attributes:
        filesystem: how its files are read.
        base: path of the table or folder within it.
        uri: the same as one address.
        options: what the Delta library needs to read it.
    """

    filesystem: fs.FileSystem
    base: str
    uri: str
    options: Mapping[str, str] = field(default_factory=dict)


def open_store(source: DataSource) -> Store:
    """Return the store that holds a source's files; nothing is asked yet.

    Args:
        source: options `path` (a whole path, file:// or s3://), `storage_file` and `timeout_s`.

    Raises:
        InputError: the path is refused, or the storage file cannot be read.
        DependencyError: the name of its endpoint cannot be resolved.
    """
    path = source.option("path")
    parts = urlsplit(path)
    if parts.scheme == "s3" and parts.hostname:
        return _bucket(source, path)
    local = unquote(parts.path) if parts.scheme == "file" else path
    if parts.scheme not in {"", "file"} or parts.netloc or not local.startswith("/"):
        _refuse(source, "path", f"{path!r} is not read", "write s3://bucket/folder or the whole path of a folder")
    folder = local.rstrip("/")
    return Store(fs.LocalFileSystem(), folder, folder)


def _bucket(source: DataSource, path: str) -> Store:
    stated = _stated(source)
    timeout = float(source.option("timeout_s", "30"))
    key, endpoint = stated.get("AWS_ACCESS_KEY_ID"), stated.get("AWS_ENDPOINT_URL", "")
    region, parts = stated.get("AWS_REGION", "us-east-1"), urlsplit(endpoint)
    plain = parts.scheme == "http"
    if endpoint:
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            _refuse(source, "storage_file", "AWS_ENDPOINT_URL is no http address", "write https://host:port")
        if plain and stated.get("AWS_ALLOW_HTTP", "").lower() != "true":
            _refuse(source, "storage_file", "the endpoint is not encrypted", "use https, or say AWS_ALLOW_HTTP")
        check_host(parts.hostname, parts.port or (80 if plain else 443))
    store = fs.S3FileSystem(
        access_key=key, secret_key=stated.get("AWS_SECRET_ACCESS_KEY"), session_token=stated.get("AWS_SESSION_TOKEN"),
        anonymous=key is None, region=region, scheme="http" if plain else "https",
        endpoint_override=parts.netloc or None, request_timeout=timeout, connect_timeout=timeout,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=2),
    )  # fmt: skip
    seconds = f"{max(1, round(timeout))}s"
    options = {
        **stated, "AWS_REGION": region, "timeout": seconds, "connect_timeout": seconds, "max_retries": "1",
        "retry_timeout": seconds,
    }  # fmt: skip
    if key is None:  # else the library would look for keys in this machine's cloud
        options["AWS_SKIP_SIGNATURE"] = "true"
    base = path.removeprefix("s3://").rstrip("/")
    return Store(store, base, f"s3://{base}", options)


def _stated(source: DataSource) -> dict[str, str]:
    """Return what the storage file says."""
    name = source.option("storage_file")
    if not name:
        return {}
    try:
        found = json.loads(Path(name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            Problem(name, "the storage file cannot be read", "write a JSON object of texts", code="no-secret")
        ) from error
    texts = isinstance(found, dict) and all(isinstance(v, str) for v in found.values())
    if not texts or set(found) - KNOWN:
        _refuse(source, "storage_file", "it says more than it may", f"it may say {', '.join(sorted(KNOWN))}")
    return dict(found)


def _refuse(source: DataSource, option: str, what: str, how: str) -> NoReturn:
    raise InputError(Problem(f"{source.name}.{option}", what, how, code="bad-url"))


__all__ = ["KNOWN", "Store", "open_store"]
