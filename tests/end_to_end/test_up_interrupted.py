"""Ctrl-C in `up`, at any moment: what was made, what goes on, how to go on, how to stop."""

from __future__ import annotations

import contextlib
import os
import pty
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from tests.end_to_end.stack import ROOT, Stack
from tests.ports import free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def nothing_yet():
    """A stack that was not brought up."""
    folder = Path(tempfile.mkdtemp(prefix="fairway-"))
    folder.chmod(0o755)
    stack = Stack(folder / "data", free_port())
    yield stack
    stack.run("down", "--purge", "--yes")
    assert not stack.processes("")
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("moment", "said"),
    [
        pytest.param("starting the engine", "the engine", id="while the engine starts"),
        pytest.param("made cluster", "made: cluster taskmanager-local", id="while the ground is laid"),
        pytest.param("building ", "the engine goes on at 127.0.0.1:", id="while images are built"),
    ],
)
def test_an_interrupted_up_says_what_goes_on(nothing_yet, moment, said):
    up = nothing_yet.begin("up", "--detach")
    assert up.stdout is not None
    lines = []
    for line in up.stdout:
        lines.append(line)
        if moment in line:
            up.send_signal(signal.SIGINT)
            break
    rest, _ = up.communicate(timeout=60)
    assert up.returncode == 130, "".join(lines) + rest
    assert "interrupted" in rest
    assert said in rest
    assert "nothing was changed" not in rest
    assert f"→ go on: ./fairway up --port {nothing_yet.port}" in rest
    assert f"→ stop everything: ./fairway down --port {nothing_yet.port}" in rest


def read_until(terminal, word, said):
    with contextlib.suppress(OSError):  # the other end is closed
        while word not in said:
            piece = os.read(terminal, 65536)
            if not piece:
                break
            said += piece
    return said


def test_an_interrupted_counter_ends_as_load_does(stack):
    terminal, other = pty.openpty()
    up = subprocess.Popen(
        [sys.executable, "-m", "fairway.cli.main", "up", "--rate", "50"],
        cwd=ROOT,
        env=stack.environment,
        stdin=subprocess.DEVNULL,
        stdout=other,
        stderr=other,
    )
    os.close(other)
    said = read_until(terminal, b" requests/s, 0 failed", b"")
    assert b" requests/s, 0 failed" in said, said
    up.send_signal(signal.SIGINT)
    said = read_until(terminal, b"stops it)", said)
    assert up.wait(30) == 0, said
    os.close(terminal)
    assert b" requests in " in said
    assert b"everything else stays up (./fairway down --port" in said
    assert b"interrupted" not in said
