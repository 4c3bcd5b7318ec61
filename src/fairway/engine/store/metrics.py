"""What was measured, in a file of its own beside the state: `metrics.db`.

Theory of operation. Points are merged in memory and go to the file each real second (`flush`), in one transaction; a
reading flushes first. So `kill -9` costs at most the last second, and a slow disk never delays the state. The file is a
ring: one-minute points are kept for 15 days, those of single seconds for three hours, and when there are more than
`MOST_POINTS` the oldest go first. Nothing but the names of metrics is held in memory. AWS's five-minute and one-hour
aggregates beyond 15 days do not exist here.

A file that cannot be read is removed, and a new one is begun: metrics are never worth an engine that does not start.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from fairway.engine.model.metric import Distribution, MetricKey, Point, merge
from fairway.engine.store.store import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from fairway.engine.model.metric import Datum

log = logging.getLogger(__name__)

MINUTE: Final = 60
MINUTES_KEPT_SECONDS: Final = 15 * 86_400
SECONDS_KEPT_SECONDS: Final = 3 * 3600
MOST_POINTS: Final = 300_000
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS series (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS points (
    series INTEGER NOT NULL, resolution INTEGER NOT NULL, start INTEGER NOT NULL, unit TEXT NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (series, resolution, start, unit)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS points_by_start ON points (start);
CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(Distribution)


@dataclass(slots=True)
class _Series:
    id: int
    newest: int
    """Start of its newest point."""


class MetricStore:
    """All metrics of the engine. `path` None: memory only, for the simulation."""

    def __init__(self, path: Path | None = None, most_points: int = MOST_POINTS) -> None:
        self._path = path
        self._most_points = most_points
        self._series: dict[MetricKey, _Series] = {}
        self._waiting: dict[tuple[int, int, int, str], list[Distribution]] = {}
        self._added = 0
        self._connection = self._open()

    # -- writing ---------------------------------------------------------------------------------------------------

    @property
    def waits(self) -> bool:
        """Something is not in the file yet."""
        return bool(self._waiting)

    def put(self, data: Iterable[Datum]) -> None:
        """Take measurements in; what falls into the same span is put together.

        Raises:
            StoreUnavailable: the file does not take a metric that is new.
        """
        for datum in data:
            series = self._need(datum.key)
            resolutions = (1, MINUTE) if datum.high_resolution else (MINUTE,)
            for resolution in resolutions:
                start = datum.at // resolution * resolution
                self._waiting.setdefault((series.id, resolution, start, datum.unit), []).append(datum.measured)
                series.newest = max(series.newest, start)

    def flush(self) -> None:
        """Bring what waits to the file. When the file does not take it, it is lost, and that is logged."""
        waiting, self._waiting = self._waiting, {}
        if not waiting:
            return
        try:
            with self._transaction() as connection:
                connection.executemany(
                    "INSERT OR REPLACE INTO points VALUES (?, ?, ?, ?, ?)",
                    [(*key, _encoder.encode(self._merged(key, parts))) for key, parts in waiting.items()],
                )
                self._added += len(waiting)
                if self._added > self._most_points // 10:
                    self._added = 0
                    self._drop_surplus(connection)
        except sqlite3.Error as error:
            log.error("metrics were not kept: %s", error)  # noqa: TRY400 - the disk's trouble, no fault of the code

    def expire(self, now: int) -> None:
        """Drop what is too old, and what is too much; metrics without points are forgotten. `now`: epoch seconds."""
        self.flush()
        try:
            with self._transaction() as connection:
                connection.execute(
                    "DELETE FROM points WHERE resolution = 1 AND start < ?", (now - SECONDS_KEPT_SECONDS,)
                )
                connection.execute("DELETE FROM points WHERE start < ?", (now - MINUTES_KEPT_SECONDS,))
                self._drop_surplus(connection)
                connection.execute("DELETE FROM series WHERE id NOT IN (SELECT series FROM points)")
                left = {identifier for (identifier,) in connection.execute("SELECT id FROM series")}
        except sqlite3.Error as error:
            log.error("old metrics were not dropped: %s", error)  # noqa: TRY400 - as above
            return
        self._series = {key: series for key, series in self._series.items() if series.id in left}

    def note(self, name: str, value: str) -> None:
        """Keep a value of the engine's own beside the metrics; it goes with them."""
        with contextlib.suppress(sqlite3.Error), self._transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (name, value))

    def noted(self, name: str) -> str | None:
        row = self._connection.execute("SELECT value FROM notes WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def clear(self) -> None:
        """Forget everything: a new file is quicker than an empty one."""
        self._series.clear()
        self._waiting.clear()
        self._connection.close()
        self._remove()
        self._connection = self._open()

    def close(self) -> None:
        self.flush()
        self._connection.close()

    # -- reading ---------------------------------------------------------------------------------------------------

    def points(self, key: MetricKey, first: int, end: int, *, resolution: int, unit: str | None = None) -> list[Point]:
        """The points of a metric from `first` on and before `end`, oldest first. `resolution`: 1 or 60 seconds."""
        series = self._series.get(key)
        if series is None:
            return []
        self.flush()
        rows = self._connection.execute(
            "SELECT start, unit, body FROM points WHERE series = ? AND resolution = ? AND start >= ? AND start < ?",
            (series.id, resolution, first, end),
        )
        return [
            Point(start, of_unit, _decoder.decode(body))
            for start, of_unit, body in rows
            if unit is None or of_unit == unit
        ]

    def metrics(self, region: str, namespace: str | None = None) -> list[tuple[MetricKey, int]]:
        """The metrics of a region, with the start of each one's newest point, in the order of their names."""
        return sorted(
            (key, series.newest)
            for key, series in self._series.items()
            if key.region == region and namespace in (None, key.namespace)
        )

    # -- inside ----------------------------------------------------------------------------------------------------

    def _drop_surplus(self, connection: sqlite3.Connection) -> None:
        (count,) = connection.execute("SELECT COUNT(*) FROM points").fetchone()
        if count > self._most_points:
            (cut,) = connection.execute(
                "SELECT start FROM points ORDER BY start LIMIT 1 OFFSET ?", (count - self._most_points,)
            ).fetchone()
            connection.execute("DELETE FROM points WHERE start < ?", (cut,))

    def _need(self, key: MetricKey) -> _Series:
        series = self._series.get(key)
        if series is None:
            try:
                with self._transaction() as connection:
                    cursor = connection.execute("INSERT INTO series (key) VALUES (?)", (_name(key),))
            except sqlite3.Error as error:
                raise StoreUnavailable(f"the metrics' file was not written: {error}") from error
            assert cursor.lastrowid is not None
            series = self._series[key] = _Series(cursor.lastrowid, 0)
        return series

    def _merged(self, key: tuple[int, int, int, str], parts: Sequence[Distribution]) -> Distribution:
        row = self._connection.execute(
            "SELECT body FROM points WHERE series = ? AND resolution = ? AND start = ? AND unit = ?", key
        ).fetchone()
        whole = merge([*parts] if row is None else [_decoder.decode(row[0]), *parts])
        assert whole is not None
        return whole

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            yield self._connection

    def _open(self) -> sqlite3.Connection:
        try:
            return self._connect()
        except (sqlite3.Error, msgspec.MsgspecError, ValueError, TypeError) as error:
            log.warning("%s cannot be read (%s): metrics begin anew", self._path, error)
            self._series.clear()
            self._remove()
            return self._connect()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path or ":memory:", isolation_level=None, timeout=2.0)
        if self._path is not None:
            self._path.chmod(0o600)
            connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")
        connection.executescript(_SCHEMA)
        newest = dict(connection.execute("SELECT series, MAX(start) FROM points GROUP BY series"))
        for identifier, text in connection.execute("SELECT id, key FROM series"):
            region, namespace, name, dimensions = json.loads(text)
            key = MetricKey(region, namespace, name, tuple((n, v) for n, v in dimensions))
            self._series[key] = _Series(identifier, newest.get(identifier, 0))
        return connection

    def _remove(self) -> None:
        if self._path is not None:
            for path in (self._path, *(self._path.with_name(self._path.name + end) for end in ("-wal", "-shm"))):
                path.unlink(missing_ok=True)


def _name(key: MetricKey) -> str:
    return json.dumps([key.region, key.namespace, key.name, key.dimensions], separators=(",", ":"))
