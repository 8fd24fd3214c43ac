"""Connections to other people's databases: read only, ended at a deadline, secrets never shown."""

from __future__ import annotations

import os
import re
import socket
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from nines.errors import DependencyError, InputError, Problem
from nines.sources.scrape import check_host
from nines.telemetry.datasource import DataSource

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_DEFAULT_PORT = 5432
#: First two letters of SQLSTATE that speak against the query or the rights it has, not against the server.
#: Source: PostgreSQL 17, appendix A. 22 data, 25 transaction (it writes), 28 sign-in, 2F, 42 syntax and access.
_OUR_FAULT = frozenset({"22", "25", "28", "2F", "42"})
_CANCELLED = "57014"
_SQLITE_FAULTS = ("no such", "syntax error", "unrecognized token", "readonly database", "ambiguous", "misuse", "near ")


@dataclass(slots=True)
class Connected:
    """One connection within a read-only transaction.

    Attributes:
        source: whose it is, for messages.
        connection: open.
        over: set once the deadline has passed.
        timeout_s: the patience that was stated.
    """

    source: DataSource
    connection: sa.Connection
    over: threading.Event
    timeout_s: float

    @property
    def dialect(self) -> str:
        """Name of the database's language."""
        return self.connection.dialect.name

    def run(
        self, query: sa.TextClause, bounds: Mapping[str, object], chunk: int
    ) -> sa.CursorResult[tuple[object, ...]]:
        """Run a query through a cursor of the server.

        Args:
            query: with parameters.
            bounds: their values.
            chunk: rows fetched at a time.

        Raises:
            InputError: the query is wrong.
            DependencyError: the database failed, or was too slow.
        """
        try:
            streamed = self.connection.execution_options(stream_results=True, max_row_buffer=chunk)
            found = streamed.execute(query, dict(bounds))
        except SQLAlchemyError as error:
            self._tell(error)
        if not found.returns_rows:
            what = "the query returns no rows"
            raise InputError(Problem(f"{self.source.name}.query", what, "write a SELECT", code="bad-query"))
        return found

    def fetch(self, result: sa.CursorResult[tuple[object, ...]], number: int) -> Sequence[Sequence[object]]:
        """Return the next rows, none at the end; raises as `run`."""
        try:
            rows: Sequence[Any] = result.fetchmany(number)
        except SQLAlchemyError as error:
            self._tell(error)
        if self.over.is_set():
            raise DependencyError(_slow(self.source, self.timeout_s))
        return rows

    def _tell(self, error: SQLAlchemyError) -> NoReturn:
        raise told(self.source, error, self.timeout_s, over=self.over.is_set()) from error


@contextmanager
def connected(source: DataSource, secrets: Mapping[str, str]) -> Iterator[Connected]:
    """Open a read-only connection; whatever it waits for ends at the deadline.

    Args:
        source: of type sql.
        secrets: what `${NAME}` in the url stands for.

    Raises:
        InputError: the url is wrong or refused.
        DependencyError: the database cannot be reached.
    """
    timeout = float(source.option("timeout_s", "30"))
    engine, over = _engine(source, secrets, timeout), threading.Event()
    try:
        with engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            timer = threading.Timer(timeout + 1, _end, (driver, over))
            timer.daemon = True
            timer.start()
            try:
                _quieten(connection, source, timeout)
                yield Connected(source, connection, over, timeout)
            finally:
                timer.cancel()
                with suppress(SQLAlchemyError):
                    connection.rollback()
    except SQLAlchemyError as error:
        raise told(source, error, timeout, over=over.is_set()) from error
    finally:
        engine.dispose()


def _end(driver: Any, over: threading.Event) -> None:  # noqa: ANN401 - a connection of any driver
    """End what a connection waits for: SQLite is told to stop, a server's connection is cut."""
    over.set()
    with suppress(Exception):
        if isinstance(driver, sqlite3.Connection):
            driver.interrupt()
        else:
            with socket.socket(fileno=os.dup(driver.fileno())) as ours:
                ours.shutdown(socket.SHUT_RDWR)


def _quieten(connection: sa.Connection, source: DataSource, timeout: float) -> None:
    """Make the transaction read only and give it a time of its own, where the database knows such things."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA query_only = ON")
        return
    connection.exec_driver_sql("SET TRANSACTION READ ONLY")
    settings = {"statement_timeout": str(max(1, round(timeout * 1000))), "TimeZone": source.option("timezone", "UTC")}
    for name, value in settings.items():
        connection.execute(sa.text("SELECT set_config(:name, :value, true)"), {"name": name, "value": value})


def _engine(source: DataSource, secrets: Mapping[str, str], timeout: float) -> sa.Engine:
    url = _url(source, secrets)
    if source.option("timezone"):
        _zone(source)
    if url.get_backend_name() == "sqlite":
        path = Path(url.database or "")
        if not path.is_absolute():
            _refuse(source, "it names no file by its whole path", "write sqlite:////folder/file.db")
        address = f"file:{quote(str(path))}?mode=ro"  # it is neither made nor changed
        return sa.create_engine(
            "sqlite://",
            creator=lambda: sqlite3.connect(address, uri=True, timeout=timeout, check_same_thread=False),
            poolclass=sa.NullPool,
        )
    _check_hosts(url)
    arguments = {"connect_timeout": max(1, round(timeout)), "tcp_user_timeout": round(timeout * 1000)}
    try:
        return sa.create_engine(url, poolclass=sa.NullPool, connect_args=arguments, hide_parameters=True)
    except ImportError as error:
        what = "the driver for PostgreSQL is not installed"
        raise InputError(Problem(source.name, what, "pip install 'nines[postgres]'", code="no-driver")) from error


def _url(source: DataSource, secrets: Mapping[str, str]) -> sa.URL:
    """Return the address with its secret filled in."""
    try:
        url = sa.make_url(source.option("url"))
    except (ArgumentError, ValueError):
        _refuse(source, "this is no SQLAlchemy address", "write it like postgresql://user@host/name")
    if url.get_backend_name() not in {"sqlite", "postgresql"}:
        _refuse(source, f"{url.get_backend_name()} is not read", "give it as postgresql or sqlite")
    if url.get_backend_name() == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    if {"password", "sslpassword"} & set(url.query):
        _refuse(source, "the url holds a password", "put it into a file and name password_file")
    password = url.password
    if password is not None:
        named = _REFERENCE.fullmatch(str(password))
        if named is None:
            _refuse(source, "the url holds a password", "put it into a file and name password_file, or write ${NAME}")
        if named[1] not in secrets:
            what = f"there is no secret {named[1]}"
            raise InputError(Problem(f"{source.name}.url", what, f"set NINES_SECRET_{named[1]}", code="no-secret"))
        url = url.set(password=secrets[named[1]])
    if source.option("password_file"):
        url = url.set(password=_password(source))
    return url


def _password(source: DataSource) -> str:
    path = source.option("password_file")
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            Problem(path, "the password file cannot be read", "check password_file and its rights", code="no-secret")
        ) from error


def _zone(source: DataSource) -> None:
    try:
        ZoneInfo(source.option("timezone"))
    except (ZoneInfoNotFoundError, ValueError):
        what = f"{source.option('timezone')!r} is no time zone"
        raise InputError(
            Problem(f"{source.name}.timezone", what, "write one like Europe/Berlin", code="bad-value")
        ) from None


def _check_hosts(url: sa.URL) -> None:
    """Refuse addresses of secrets, wherever the url may name a host; a path is a socket of this machine."""
    named = [url.host or ""]
    for key in ("host", "hostaddr"):
        value = url.query.get(key, "")
        named += [one for part in ([value] if isinstance(value, str) else value) for one in part.split(",")]
    for host in filter(None, named):
        if not host.startswith(("/", "@")):
            check_host(host.rpartition(":")[0] or host if host.count(":") == 1 else host, url.port or _DEFAULT_PORT)


def _refuse(source: DataSource, what: str, how: str) -> NoReturn:
    raise InputError(Problem(f"{source.name}.url", what, how, code="bad-url"))


def _slow(source: DataSource, timeout: float) -> Problem:
    how = "raise timeout_s, or help the query with an index"
    return Problem(source.name, f"the database did not answer within {timeout:g} s", how, code="slow")


def told(
    source: DataSource, error: SQLAlchemyError, timeout: float, *, over: bool = False
) -> InputError | DependencyError:
    """Return what a failure of the database means, in its own first words and without a secret.

    Args:
        source: whose it is.
        error: as raised.
        timeout: the patience that was stated, seconds.
        over: whether the deadline has passed.
    """
    original = error.orig if isinstance(error, DBAPIError) else error
    state = str(getattr(original, "sqlstate", "") or "")
    words = next(iter(str(original).strip().splitlines()), type(original).__name__)[:300]
    if over or state == _CANCELLED or words == "interrupted" or "timeout expired" in words:
        return DependencyError(_slow(source, timeout))
    by_words = isinstance(original, sqlite3.Error) and any(fault in words for fault in _SQLITE_FAULTS)
    if state[:2] in _OUR_FAULT or by_words:
        how = "check the query and the rights of its user"
        return InputError(Problem(f"{source.name}.query", f"the database refuses it: {words}", how, code="bad-query"))
    how = "check url and database; it is asked again by itself"
    return DependencyError(Problem(source.name, f"the database cannot be read: {words}", how, code="unreachable"))


__all__ = ["Connected", "connected", "told"]
