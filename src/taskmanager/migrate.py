"""Brings the database to the newest schema: `python -m taskmanager.migrate`, a one-off task before the services.

Exit code 0: the schema is the newest, whether or not there was something to do. 1: a migration failed. 75: another run
holds the lock. 78: the configuration is wrong. It can be run again after each of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text
from sqlalchemy.exc import OperationalError

from taskmanager.db import Database, make_shared_file, sqlite_path
from taskmanager.faults import begin
from taskmanager.logs import configure_logs
from taskmanager.projects.settle import settle_all
from taskmanager.settings import EXIT_CONFIGURATION, ConfigurationError, load_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy import Connection
    from sqlalchemy.ext.asyncio import AsyncConnection

SERVICE: Final = "taskmanager-migrations"
EXIT_FAILED: Final = 1
EXIT_LOCKED: Final = 75
LOCK_SECONDS: Final = 60.0
_MYSQL_LOCK: Final = "tm_migrate"
# a statement that waits for a table's lock makes all later ones wait behind it: rather fail soon, and be run again
_MYSQL_LOCK_WAIT_SECONDS: Final = 2
TRIES: Final = 20
_LONGEST_PAUSE_SECONDS: Final = 3.0
_POLL_SECONDS: Final = 0.2

log = structlog.stdlib.get_logger(__name__)


class Locked(Exception):
    """Another run holds the lock."""


async def migrate(database: Database, *, lock_seconds: float = LOCK_SECONDS) -> tuple[str | None, str | None]:
    """Bring the schema to the newest revision; the revisions before and after.

    Raises:
        Locked: another run held the lock for all of `lock_seconds`.
    """
    async with database.raw_writer() as connection, _exclusive(database, connection, lock_seconds):
        revisions = await _patiently(connection)
        # rows in short transactions, not in a revision: old processes go on writing meanwhile
        settled = await settle_all(database)
    if settled:
        log.info("projects of an older release were settled", projects=settled)
    return revisions


async def _patiently(connection: AsyncConnection) -> tuple[str | None, str | None]:
    before = await connection.run_sync(_revision)
    for attempt in range(1, TRIES + 1):
        try:
            return before, await connection.run_sync(_upgrade)
        except OperationalError as error:
            await connection.rollback()
            if attempt == TRIES or not waited_in_vain(error):
                raise
            # each revision can be run again, and those that are done are not
            pause = _LONGEST_PAUSE_SECONDS * random.uniform(0.2, 1)  # noqa: S311  # chance, not a secret
            log.warning("somebody holds a table; tried again", attempt=attempt, pause_seconds=round(pause, 1))
            await asyncio.sleep(pause)
    raise AssertionError("the last try returns or raises")


def waited_in_vain(error: OperationalError) -> bool:
    """A table or the database was in use for longer than the wait: 1205 and 1213 of MySQL, "locked" of SQLite."""
    cause = error.orig
    code = cause.args[0] if cause is not None and cause.args else None
    return code in {1205, 1213} or "database is locked" in str(cause)


def _upgrade(connection: Connection) -> str | None:
    """Run what is to be run; the revision then."""
    before = _revision(connection)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if before is not None and before not in known:
        # an older release runs its task after a newer one, as in a rollback: the schema already has what it needs
        log.warning("the schema is of a later release; nothing to do", revision=before)
        return before
    command.upgrade(config, "head")
    connection.commit()
    return _revision(connection)


def _revision(connection: Connection) -> str | None:
    revision: str | None = None
    if inspect(connection).has_table("alembic_version"):
        revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    connection.rollback()
    return revision


@contextlib.asynccontextmanager
async def _exclusive(database: Database, connection: AsyncConnection, seconds: float) -> AsyncIterator[None]:
    """Hold the lock of migrations: a file beside SQLite's, a named lock in MySQL. Both end with their holder."""
    if not database.is_sqlite:
        await _lock_mysql(connection, seconds)
        try:
            yield
        finally:
            await connection.execute(text("SELECT RELEASE_LOCK(:name)"), {"name": _MYSQL_LOCK})
        return
    path = sqlite_path(database.url)
    if path is None:
        yield
        return
    lock = path.with_name(path.name + ".migrating")
    make_shared_file(lock)
    descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    try:
        await _lock_file(descriptor, seconds)
        yield
    finally:
        os.close(descriptor)


async def _lock_mysql(connection: AsyncConnection, seconds: float) -> None:
    answer = await connection.execute(
        text("SELECT GET_LOCK(:name, :seconds)"), {"name": _MYSQL_LOCK, "seconds": int(seconds)}
    )
    if answer.scalar_one() != 1:
        raise Locked
    await connection.execute(text(f"SET SESSION lock_wait_timeout = {_MYSQL_LOCK_WAIT_SECONDS}"))


async def _lock_file(descriptor: int, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if loop.time() >= deadline:
                raise Locked from None
            await asyncio.sleep(_POLL_SECONDS)
        else:
            return


async def _run(url: str) -> int:
    database = Database(url, pooled=False)
    try:
        before, after = await migrate(database)
    except Locked:
        log.error("another migration is under way", waited_seconds=LOCK_SECONDS)  # noqa: TRY400  # the traceback says no more
        return EXIT_LOCKED
    except Exception as error:  # the exit code is the answer of this task
        log.exception("the migration failed", error=type(error).__name__)
        return EXIT_FAILED
    finally:
        await database.close()
    log.info("the schema is the newest", before=before, after=after)
    return 0


def main() -> int:
    try:
        settings = load_settings("database_url")
        configure_logs(settings.log_level, SERVICE, settings.app_version)
        begin(settings.faults)
        assert settings.database_url is not None
        return asyncio.run(_run(settings.database_url.get_secret_value()))
    except ConfigurationError as error:
        print(f"{SERVICE}: {error}", file=sys.stderr)  # noqa: T201
        return EXIT_CONFIGURATION


if __name__ == "__main__":
    sys.exit(main())
