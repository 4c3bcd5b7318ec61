"""The database: one engine for writes in transactions, one for reads without; SQLite or MySQL by the URL.

Reads use plain rows and AUTOCOMMIT: no BEGIN, no ROLLBACK at return, half the round trips of a transaction. Writes use
the ORM in one transaction for each request. SQLite runs in WAL, so that readers never wait for the one writer.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import BigInteger, DateTime, Integer, MetaData, NullPool, TypeDecorator, event, make_url
from sqlalchemy.dialects import mysql
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase

from taskmanager.settings import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from sqlalchemy import URL, Connection, Dialect
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.ext.asyncio import AsyncConnection
    from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

POOL_SIZE: Final = 8
"""Connections of a process to each engine; times two, times tasks, times two in a deployment, it stays below MySQL's limit."""
_BUSY_TIMEOUT_MS: Final = 5_000
_TRUSTED_SECONDS: Final = 0.5
"""For which a connection that was just used is taken to be there still: to ask costs a round trip for each request."""
_LONGEST_WAIT_SECONDS: Final = 30.0
_RECYCLE_SECONDS: Final = 1_800  # below MySQL's wait_timeout and what a network forgets in silence
_DRIVERS: Final = {"sqlite": ("sqlite+aiosqlite", "aiosqlite"), "mysql": ("mysql+asyncmy", "asyncmy")}

BigId: Final = BigInteger().with_variant(Integer(), "sqlite")
"""A key: 64 bits from the start, since MySQL widens a key only by copying the table. SQLite counts only an INTEGER up."""


class Base(DeclarativeBase):
    """All tables; constraints have names, so that a migration can speak of them in both dialects."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class UtcDateTime(TypeDecorator[datetime]):
    """A moment with microseconds, stored as UTC without zone: neither database keeps one."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        return dialect.type_descriptor(mysql.DATETIME(fsp=6) if dialect.name == "mysql" else DateTime())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else value.replace(tzinfo=UTC)


def now() -> datetime:
    """This moment, as rows keep it."""
    return datetime.now(UTC)


def database_url(text: str) -> URL:
    """The URL with the asynchronous driver of its dialect: a bare `mysql://` or `sqlite://` is what people write.

    Raises:
        ConfigurationError: no URL, another database, or its driver is not installed.
    """
    try:
        url = make_url(text)
    except Exception:  # noqa: BLE001  # the text may hold a password: nothing of it goes into the message
        raise ConfigurationError("DATABASE_URL is no URL (sqlite:///PATH or mysql://USER:PASSWORD@HOST/NAME)") from None
    known = _DRIVERS.get(url.get_backend_name())
    if known is None:
        raise ConfigurationError(f"DATABASE_URL: {url.get_backend_name()} is not supported (sqlite or mysql)")
    drivername, module = known
    if importlib.util.find_spec(module) is None:
        raise ConfigurationError(
            f"DATABASE_URL: the driver {module} is not installed; install taskmanager with it: pip install {module}"
        )
    return url.set(drivername=drivername)


class Database:
    """The two engines of a process."""

    def __init__(self, url: str, *, pooled: bool = True) -> None:
        self.url = database_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        options: dict[str, Any] = {"poolclass": NullPool}
        if pooled:
            options = {"pool_size": POOL_SIZE, "max_overflow": 0, "pool_recycle": _RECYCLE_SECONDS}
        file = sqlite_path(self.url) if self.is_sqlite else None
        if file is not None:
            make_shared_file(file)
        self._writer = create_async_engine(self.url, **options)
        # there is no transaction that a ROLLBACK would end, and each is a round trip
        without = {"pool_reset_on_return": None, "skip_autocommit_rollback": True}
        self._reader = create_async_engine(self.url, isolation_level="AUTOCOMMIT", **without, **options)
        if pooled and not self.is_sqlite:
            for engine in (self._writer, self._reader):
                _find_cut_connections(engine)
        if self.is_sqlite:
            _speak_sqlite(self._writer, immediate=True)
            _speak_sqlite(self._reader, immediate=False)
        self._sessions = async_sessionmaker(self._writer, expire_on_commit=False)
        # a pool gives a free connection to whoever asks first, also past those who wait: some would wait ten times as long
        self._to_read, self._to_write = (asyncio.Semaphore(POOL_SIZE) if pooled else None for _ in range(2))
        self.on_enqueued: Callable[[], None] | None = None
        """Called after the commit of a transaction that put something into the outbox."""

    @contextlib.asynccontextmanager
    async def transaction(self, *, without_gaps: bool = False) -> AsyncIterator[AsyncSession]:
        """A session whose work is committed at the end, or undone by an exception.

        `without_gaps`: for short work on rows of a queue, locks only those, not the gaps between them, into which others
        put new ones.
        """
        async with _turn(self._to_write), self._sessions() as session:
            async with session.begin():
                if without_gaps and not self.is_sqlite:
                    await session.connection(execution_options={"isolation_level": "READ COMMITTED"})
                yield session
            if self.on_enqueued is not None and session.info.pop("enqueued", False):
                self.on_enqueued()

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection for reading rows."""
        async with _turn(self._to_read), self._reader.connect() as connection:
            yield connection

    @contextlib.asynccontextmanager
    async def raw_writer(self) -> AsyncIterator[AsyncConnection]:
        """A connection for migrations, which make their own transactions."""
        async with self._writer.connect() as connection:
            yield connection

    async def close(self) -> None:
        await self._reader.dispose()
        await self._writer.dispose()


@contextlib.asynccontextmanager
async def _turn(turns: asyncio.Semaphore | None) -> AsyncIterator[None]:
    """Wait for a connection in the order in which they are asked for.

    Raises:
        PoolTimeoutError: for too long.
    """
    if turns is None:
        yield
        return
    if turns.locked():
        try:
            async with asyncio.timeout(_LONGEST_WAIT_SECONDS):
                await turns.acquire()
        except TimeoutError:
            raise PoolTimeoutError("all connections are in use") from None
    else:
        await turns.acquire()
    try:
        yield
    finally:
        turns.release()


def sqlite_path(url: URL) -> Path | None:
    """The file of an SQLite URL; None in memory."""
    return Path(url.database) if url.database and url.database != ":memory:" else None


def make_shared_file(path: Path) -> None:
    """Make the file if there is none, writable by its group.

    SQLite itself makes files with mode 644 whatever the umask, and gives its `-wal` and `-shm` files the mode of the
    database: services that run as different users of one group could not write to each other's.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o660)
        os.fchmod(descriptor, 0o660)  # the umask took the group's right away
        os.close(descriptor)


def _find_cut_connections(engine: AsyncEngine) -> None:
    """Before its use, ask a connection that has rested whether it is there: a failover cuts them unheard.

    SQLAlchemy's own `pool_pre_ping` asks each time. A connection that is cut in the moment of its use fails a request either
    way, and the pool then drops all.
    """
    dialect = engine.sync_engine.dialect

    @event.listens_for(engine.sync_engine, "checkin")
    def _on_checkin(_connection: DBAPIConnection | None, entry: ConnectionPoolEntry) -> None:
        entry.info["used_at"] = monotonic()

    @event.listens_for(engine.sync_engine, "checkout")
    def _on_checkout(connection: DBAPIConnection, entry: ConnectionPoolEntry, _: PoolProxiedConnection) -> None:
        used_at = entry.info.get("used_at")
        if used_at is None or monotonic() - used_at < _TRUSTED_SECONDS:
            return
        try:
            is_there = dialect.do_ping(connection)
        except Exception as error:  # of whatever kind: a new one takes its place
            raise DisconnectionError("the connection is gone") from error
        if not is_there:
            raise DisconnectionError("the connection is gone")


def _speak_sqlite(engine: AsyncEngine, *, immediate: bool) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def _on_connect(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        # the driver begins no transaction of its own accord; `_on_begin` does
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout={_BUSY_TIMEOUT_MS}",
            "journal_mode=WAL",
            "synchronous=NORMAL",
            "foreign_keys=ON",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    if immediate:

        @event.listens_for(engine.sync_engine, "begin")
        def _on_begin(connection: Connection) -> None:
            # a transaction that begins by reading and then writes fails at once, unheard, when another has written
            connection.exec_driver_sql("BEGIN IMMEDIATE")
