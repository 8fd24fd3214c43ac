"""Engines: how records are reached, in SQLite or PostgreSQL, and what it means when they are not.

One rule: whatever a database says goes up as one of our errors, without the values that were being written, so that
no secret or hash ends in a log.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from nines.errors import ConflictError, DependencyError, InputError, NinesError, OverloadedError, Problem
from nines.store.schema import VERSION

#: What SQLite and PostgreSQL say when there is no room, no right to write, or too much at once: it may pass.
_PASSING = (
    "database is locked", "database or disk is full", "readonly database", "disk i/o error", "read-only file system",
    "no space left", "disk full", "could not extend file", "read-only transaction", "too many clients", "lock timeout",
)  # fmt: skip

#: Lock under which PostgreSQL's tables are brought up to date, so that two processes do not do it at once.
_MIGRATING = 0x6E696E6573


def reach(place: str | Path) -> sa.Engine:
    """Return an engine; nothing is read or written yet, but a SQLite file is made where there is none.

    Args:
        place: path of a SQLite file, or an address as SQLAlchemy writes it: sqlite:///records.sqlite,
            postgresql+psycopg://user@host/name.

    Raises:
        InputError: the address cannot be read, or names another database.
        DependencyError: the driver is not installed, or the file cannot be made.
    """
    try:
        url = sa.make_url(f"sqlite:///{place}" if isinstance(place, Path) else place)
        url = url.set(database=str(place)) if isinstance(place, Path) else url
        if url.get_backend_name() not in {"sqlite", "postgresql"}:
            raise InputError(_problem(f"{url.get_backend_name()} is no database that records are kept in"))
        url = url.set(drivername="postgresql+psycopg") if url.drivername == "postgresql" else url
        engine = sa.create_engine(url, pool_pre_ping=url.get_backend_name() != "sqlite", hide_parameters=True)
    except ImportError as error:
        what = f"its driver is not installed: {error.name}"
        raise DependencyError(_problem(what, "pip install 'psycopg[binary]'")) from error
    except sa.exc.SQLAlchemyError as error:
        raise InputError(_problem("the address of the records cannot be read")) from error
    sa.event.listen(engine, "handle_error", _translate)
    if engine.dialect.name == "sqlite":
        _make_private(url.database)
        sa.event.listen(engine, "connect", _sqlite_connect)
        sa.event.listen(engine, "begin", _sqlite_begin)
    return engine


def bring_up_to_date(connection: sa.Connection) -> None:
    """Bring the tables to this version, within the connection's transaction: all of it, or nothing.

    Raises:
        DependencyError: the records were written by a newer version.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATING)))
    if _version(connection) == VERSION:
        return  # Alembic takes most of a second to import, and every command opens the records
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        what = f"the records were written by a newer version of nines ({_version(connection)})"
        raise DependencyError(_problem(what, "open them with that version")) from error


def _version(connection: sa.Connection) -> str:
    if not sa.inspect(connection).has_table("alembic_version"):
        return ""
    return str(connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar())


def _make_private(database: str | None) -> None:
    """Make a SQLite file that others on the machine cannot read: it holds hashes of passwords."""
    if not database or database.startswith((":memory:", "file:")):
        return
    try:
        os.close(os.open(database, os.O_CREAT | os.O_RDWR, 0o600))
    except PermissionError:
        return  # records that may only be read: the first deed says so
    except OSError as error:
        what = f"the records cannot be opened: {error.strerror}"
        raise DependencyError(_problem(what)) from error


def _problem(what: str, fix: str = "check NINES_STORE and the data folder", code: str = "store") -> Problem:
    return Problem("store", what, fix, code=code)


def _translate(context: sa.engine.ExceptionContext) -> NinesError | None:
    """Return our error for a database's; None leaves it as it is."""
    error, said = context.sqlalchemy_exception, str(context.original_exception).strip()
    if isinstance(error, sa.exc.IntegrityError):
        what = "somebody else changed the same records at the same moment"
        return ConflictError(_problem(what, "read them again and repeat", "conflict"))
    if any(words in said.lower() for words in _PASSING):
        return OverloadedError(
            _problem(f"the records cannot be written now: {said.splitlines()[0]}", code="store-busy")
        )
    if isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError | sa.exc.DatabaseError) and not isinstance(
        error, sa.exc.ProgrammingError | sa.exc.DataError
    ):
        first = said.splitlines()[0] if said else type(error).__name__
        return DependencyError(_problem(f"the records cannot be opened or read: {first}"))
    return None


def _sqlite_connect(connection: Any, _record: object) -> None:  # noqa: ANN401 - a DB-API connection
    connection.isolation_level = None
    pragmas = ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "secure_delete = ON")
    for pragma in ("busy_timeout = 30000", *pragmas):
        connection.execute(f"PRAGMA {pragma}")


def _sqlite_begin(connection: sa.Connection) -> None:
    """Take the write lock at once for a deed: a read that turns into a write could meet another's and fail."""
    writing = connection.get_execution_options().get("writing")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
