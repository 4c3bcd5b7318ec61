from __future__ import annotations

import asyncio
import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.engine.runtime.test_process import APP
from tests.engine.runtime.worlds import a_world, folder, until  # noqa: F401 - a fixture

from fairway.engine.model.facts import ContainerExited
from fairway.engine.model.logrecord import MAX_MESSAGE_BYTES, SEGMENT_BYTES, decode_record
from fairway.engine.runtime.shim import records
from fairway.engine.runtime.shim.records import Log

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def read(place: Path) -> list[str]:
    lines = [line for path in sorted(place.glob("*.log")) for line in path.read_bytes().split(b"\n")[:-1]]
    return [decode_record(line)[1] for line in lines]


def write(place: Path, *pieces: bytes) -> list[str]:
    log = Log(str(place / "stream"))
    for piece in pieces:
        log.feed(1, piece)
    assert log.close(1.0)
    return read(place / "stream")


def test_the_shim_has_the_format_of_the_engine():
    assert records.MAX_MESSAGE_BYTES == MAX_MESSAGE_BYTES
    assert records.SEGMENT_BYTES == SEGMENT_BYTES


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        pytest.param([b"a\nb\n"], ["a", "b"], id="lines"),
        pytest.param([b"a", b"b\nc"], ["ab", "c"], id="a line in pieces, and a last one without newline"),
        pytest.param([b"\n\na\n"], ["a"], id="an empty line is no event"),
        pytest.param([b"back\\slash \\n\r\n"], ["back\\slash \\n\r"], id="what is written with a backslash"),
        pytest.param(["ü\n".encode()[:1], "ü\n".encode()[1:]], ["ü"], id="a character in pieces"),
        pytest.param([b"\xff\xfe\n"], ["\ufffd\ufffd"], id="what is no UTF-8"),
        pytest.param([b"x" * MAX_MESSAGE_BYTES + b"\n"], ["x" * MAX_MESSAGE_BYTES], id="the longest record"),
        pytest.param([b"x" * MAX_MESSAGE_BYTES + b"y\n"], ["x" * MAX_MESSAGE_BYTES, "y"], id="one byte more"),
    ],
)
def test_what_a_container_prints_becomes_records(tmp_path, pieces, expected):
    assert write(tmp_path, *pieces) == expected


def test_a_cut_never_goes_through_a_character(tmp_path):
    text = "a" * (MAX_MESSAGE_BYTES - 1) + "€" * 10
    parts = write(tmp_path, text.encode() + b"\n")
    assert "".join(parts) == text
    assert len(parts) == 2


def test_two_pipes_do_not_mix_within_a_line(tmp_path):
    log = Log(str(tmp_path))
    for source, piece in ((1, b"out"), (2, b"err"), (1, b"put\n"), (2, b"or\n")):
        log.feed(source, piece)
    assert read(tmp_path) == ["output", "error"]


def test_a_record_that_a_killed_writer_left_half_is_closed_first(tmp_path):
    (tmp_path / "00000003.log").write_bytes(b"1 whole\n2 ha")
    log = Log(str(tmp_path))
    log.feed(1, b"new\n")
    assert read(tmp_path) == ["whole", "ha", "new"]


def test_a_deleted_stream_begins_anew(tmp_path):
    log = Log(str(tmp_path / "stream"))
    log.feed(1, b"old\n")
    (tmp_path / "stream" / "00000000.log").unlink()
    (tmp_path / "stream").rmdir()
    log.feed(1, b"new\n")
    assert read(tmp_path / "stream") == ["new"]


def test_a_full_disk_keeps_what_is_pending(tmp_path):
    (tmp_path / "00000000.log").symlink_to("/dev/full")
    log = Log(str(tmp_path))
    log.feed(1, b"line\n")
    assert log.pending
    assert not log.flush()
    assert not log.close(0.0)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", place], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("a small disk cannot be mounted here")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
async def test_a_container_waits_for_a_full_disk_and_loses_nothing(folder, small_disk):  # noqa: F811
    (small_disk / "filler").write_bytes(b"x" * 200 * 1024)
    async with a_world(folder) as world:
        program = "for n in range(3000): print(n, 'x' * 100)\nprint('end')"
        world.runtime.start(world.spec(APP, program, log_directory=small_disk / "log"))
        await until(lambda: os.statvfs(small_disk).f_bavail == 0)
        assert not [fact for fact in world.facts if isinstance(fact, ContainerExited)]
        await asyncio.to_thread(subprocess.run, ["mount", "-o", "remount,size=2m", small_disk], check=True)
        assert (await world.fact(ContainerExited, APP)).exit_code == 0
        assert read(small_disk / "log") == [*(f"{n} {'x' * 100}" for n in range(3000)), "end"]
