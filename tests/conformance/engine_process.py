"""An engine as a process of its own, for tests that speak to it as any client does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import Request, urlopen

from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = Path(__file__).parents[2] / "src"


@dataclass
class EngineProcess:
    """A running engine."""

    process: subprocess.Popen[bytes]
    port: int
    data: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.data.parent / f"{self.data.name}.log").read_text()

    def reset(self) -> None:
        with urlopen(Request(f"{self.url}/_fairway/reset", method="POST", headers={"X-Fairway": "1"}), timeout=30) as a:
            assert a.status == 200

    def stop(self, number: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(timeout=30)


def start_engine(data: Path, *, port: int | None = None, speed: float = 50.0) -> EngineProcess:
    """Start an engine with the simulated runtime, and wait until it answers."""
    port = port or free_port()
    words = ["--port", str(port), "--data", str(data), "--runtime", "simulated", "--speed", str(speed)]
    log_path = data.parent / f"{data.name}.log"
    with log_path.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "fairway.engine.serve", *words],
            stdout=subprocess.PIPE,
            stderr=log,
            env=os.environ | {"PYTHONPATH": str(SOURCE)},
        )
    assert process.stdout is not None
    line = process.stdout.readline()
    process.stdout.close()
    engine = EngineProcess(process, port, data)
    if line.strip() != b"ready":
        engine.stop()
        raise AssertionError(engine.log)
    return engine


@contextmanager
def running_engine(data: Path, *, speed: float = 50.0, port: int | None = None) -> Iterator[EngineProcess]:
    """An engine for the length of a `with` block."""
    engine = start_engine(data, speed=speed, port=port)
    try:
        yield engine
    finally:
        engine.stop()


def wait_until(what: str, condition: object, *, seconds: float = 30.0) -> None:
    """Ask `condition` until it is true."""
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"after {seconds} s: {what}"
        time.sleep(0.02)
