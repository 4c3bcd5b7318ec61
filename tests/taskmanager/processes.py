"""Processes of the workload, as a test sees them: started, asked over HTTP, waited for, stopped."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")
KEY = "a signing key of more than thirty-two characters"
SOURCE = Path(__file__).parents[2] / "src"


class Process:
    """A process of the workload, whose output goes to a file."""

    def __init__(self, module: str, log: Path, variables: Mapping[str, str]) -> None:
        self.log = log
        self.port = int(variables.get("PORT", 0))
        with log.open("wb") as output:
            self.popen = subprocess.Popen(
                [sys.executable, "-m", module],
                env={"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCE), **variables},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def output(self) -> str:
        return self.log.read_text()

    def get(self, path: str, timeout: float = 5.0) -> tuple[int | None, Any, bytes]:
        """Status, headers and body of an answer; the status is None when nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=timeout) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read()
        except OSError:
            return None, {}, b""

    def wait_for(self, condition: Callable[[], T], seconds: float = 30.0, *, alive: bool = True) -> T:
        """Ask again and again until the condition holds."""
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < deadline, f"waited {seconds} s; the process said:\n{self.output()}"
            assert not alive or self.popen.poll() is None, f"the process ended; it said:\n{self.output()}"
            time.sleep(0.05)
        return found

    def wait_until_ready(self) -> Self:
        self.wait_for(lambda: self.get("/ready")[0] == 200)
        return self
