"""Reads and appends a log stream's segment files (`model.logrecord` says what stands in them).

A position is (segment, byte offset): it only ever moves forward, so that a token that was given out stays good.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fairway.engine.model.logrecord import SEGMENT_BYTES, decode_record, encode_record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Where in a stream to read on."""

    segment: int = 0
    offset: int = 0

    def __str__(self) -> str:
        return f"{self.segment}:{self.offset}"

    @classmethod
    def parse(cls, text: str) -> Position:
        """Raises ValueError when the text is no position."""
        segment, _, offset = text.partition(":")
        return cls(int(segment), int(offset))


@dataclass(frozen=True, slots=True)
class Record:
    """One record, and the places before and after it."""

    start: Position
    end: Position
    milliseconds: int
    """Wall time."""
    message: str


def segments(folder: Path) -> list[int]:
    """The numbers of a stream's segments, oldest first."""
    if not folder.is_dir():
        return []
    return sorted(int(path.stem) for path in folder.glob("*.log") if path.stem.isdigit())


def _path(folder: Path, segment: int) -> Path:
    return folder / f"{segment:08d}.log"


def read_forward(folder: Path, position: Position) -> Iterator[Record]:
    """Records from a position on, as far as they are written whole."""
    for segment in segments(folder):
        if segment < position.segment:
            continue
        offset = position.offset if segment == position.segment else 0
        with _path(folder, segment).open("rb") as file:
            if offset > os.fstat(file.fileno()).st_size:
                offset = 0  # what stood there has expired
            file.seek(offset)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                start, offset = Position(segment, offset), offset + len(line)
                record = _record(line, start, Position(segment, offset))
                if record is not None:
                    yield record


def read_last(
    folder: Path, before: Position | None, count: int, accept: Callable[[Record], bool] = lambda _record: True
) -> list[Record]:
    """The last `count` records before a position (or the end) that are accepted, oldest first."""
    found: list[Record] = []
    for segment in reversed(segments(folder)):
        if before is not None and segment > before.segment:
            continue
        end = before.offset if before is not None and segment == before.segment else None
        data = _path(folder, segment).read_bytes()[:end]
        records, offset = [], 0
        for line in data.splitlines(keepends=True):
            start, offset = Position(segment, offset), offset + len(line)
            record = _record(line, start, Position(segment, offset)) if line.endswith(b"\n") else None
            if record is not None and accept(record):
                records.append(record)
        found = records + found
        if len(found) >= count:
            break
    return found[-count:]


def _record(line: bytes, start: Position, end: Position) -> Record | None:
    try:
        milliseconds, message = decode_record(line)
    except ValueError:
        return None  # a line that no writer of ours wrote: there is nothing to show
    return Record(start, end, milliseconds, message)


def end_of(folder: Path) -> Position:
    """The place behind the last record."""
    numbers = segments(folder)
    return Position(numbers[-1], _path(folder, numbers[-1]).stat().st_size) if numbers else Position()


def append(folder: Path, events: Sequence[tuple[int, str]]) -> None:
    """Append (wall milliseconds, message) records; a segment that is full gets a successor."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    numbers = segments(folder)
    segment = numbers[-1] if numbers else 0
    if numbers and _path(folder, segment).stat().st_size >= SEGMENT_BYTES:
        segment += 1
    with _path(folder, segment).open("ab") as file:
        for milliseconds, message in events:
            file.write(encode_record(milliseconds, message))


def drop_before(folder: Path, milliseconds: int) -> None:
    """Delete segments that hold nothing younger than a wall time; the newest is emptied and stays: a writer may have it open."""
    *older, newest = segments(folder) or [-1]
    for segment in older:
        path = _path(folder, segment)
        if path.stat().st_mtime * 1000 < milliseconds:
            path.unlink()
    if newest >= 0 and _path(folder, newest).stat().st_mtime * 1000 < milliseconds:
        os.truncate(_path(folder, newest), 0)
