"""Runs Fairway's own commands as processes, as a user or a CI would, and hears their events."""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fairway.clock import monotonic
from fairway.deployment.rehearsal.happened import Heard

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_END_SECONDS: Final = 15.0
_LAST_LINES: Final = 12
_POLL_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class Done:
    """A command that has ended."""

    exit_code: int | None
    """None: it took too long, and was ended; negative: by this signal."""
    heard: tuple[Heard, ...]
    seconds: float
    lines: tuple[str, ...]
    """The last that it said on standard error."""

    @property
    def error(self) -> str:
        """Its own word for why it ended as it did."""
        errors = [str(item.event.get("message", "")) for item in self.heard if item.kind == "error"]
        return errors[-1] if errors else ""


def run_command(
    words: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    limit_seconds: float,
    on_event: Callable[[Heard], bool] = lambda _heard: False,
    on_wait: Callable[[float], None] = lambda _seconds: None,
) -> Done:
    """Run `fairway WORD … --json` to its end; the process is ended, whatever is raised here.

    `on_event` hears of each event, and says True to have it killed by SIGKILL at once; `on_wait` is told, again and again, for how
    long it goes on.
    """
    began = monotonic()
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "fairway.cli.main", *words, "--json"],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,  # Ctrl-C is ours: we end it, in order
        )
        heard: list[Heard] = []
        try:
            exit_code = _follow(process, heard, began + limit_seconds, on_event, lambda: on_wait(monotonic() - began))
        finally:
            _end(process)
        errors.seek(0)
        lines = errors.read().decode(errors="replace").strip().splitlines()
    return Done(exit_code, tuple(heard), monotonic() - began, tuple(lines[-_LAST_LINES:]))


def _follow(
    process: subprocess.Popen[bytes],
    heard: list[Heard],
    deadline: float,
    on_event: Callable[[Heard], bool],
    on_wait: Callable[[], None],
) -> int | None:
    lines: queue.Queue[tuple[float, bytes] | None] = queue.Queue()
    reader = threading.Thread(target=_read, args=(process, lines), daemon=True)
    reader.start()
    while True:
        if monotonic() > deadline:
            return None
        try:
            item = lines.get(timeout=_POLL_SECONDS)
        except queue.Empty:
            on_wait()
            continue
        if item is None:
            return process.wait()
        event = _event(item[1])
        on_wait()
        if event is None:
            continue
        heard.append(Heard(item[0], event))
        if on_event(heard[-1]):
            process.kill()
            reader.join(_END_SECONDS)
            return process.wait()


def _read(process: subprocess.Popen[bytes], lines: queue.Queue[tuple[float, bytes] | None]) -> None:
    assert process.stdout is not None
    with contextlib.suppress(ValueError, OSError):
        for line in process.stdout:
            lines.put((monotonic(), line))
    lines.put(None)


def _event(line: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "event" in event else None


def _end(process: subprocess.Popen[bytes]) -> None:
    """The process is gone afterwards: it lets its locks go at SIGTERM, when it can."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdout is not None:
        process.stdout.close()
