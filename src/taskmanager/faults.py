"""Faults that a release can be told to have, so that a broken release is a real process which really misbehaves.

`TASKMANAGER_FAULTS` is a comma-separated list: `crash_at_start`, `crash_after=SECONDS`, `error_rate=0.05`,
`latency_ms=300`, `slow_start=SECONDS`, `unhealthy_after=SECONDS`, `leak_mb_per_second=5`, `ignore_sigterm`.
Nothing here reads the environment; `settings` does, and refuses every fault in production.
"""

from __future__ import annotations

import difflib
import os
import threading
import time
import traceback
from dataclasses import dataclass, fields
from typing import Final

EXIT_CRASHED: Final = 1


@dataclass(frozen=True, slots=True)
class Faults:
    """What this process is told to do wrong; a number of None is a fault that it does not have."""

    crash_at_start: bool = False
    crash_after: float | None = None
    """Seconds from the start of the process."""
    error_rate: float | None = None
    """Part of the requests that are answered 500, of the jobs that fail: 0 to 1."""
    latency_ms: float | None = None
    """Added to each request and each job."""
    slow_start: float | None = None
    """Seconds of silence before the port is opened, or the first job taken."""
    unhealthy_after: float | None = None
    """Seconds after which the health check fails."""
    leak_mb_per_second: float | None = None
    ignore_sigterm: bool = False

    @property
    def any(self) -> bool:
        return self != NONE


NONE: Final = Faults()
_FLAGS: Final = frozenset({"crash_at_start", "ignore_sigterm"})
_KNOWN: Final = tuple(field.name for field in fields(Faults))
_LARGEST: Final = {"error_rate": 1.0}


def parse_faults(text: str) -> Faults:
    """The faults that the variable names.

    Raises:
        ValueError: an unknown or repeated name, a missing or superfluous value, a value that is no number in range.
    """
    found: dict[str, bool | float] = {}
    for word in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = (part.strip() for part in word.partition("="))
        if name not in _KNOWN:
            near = difflib.get_close_matches(name, _KNOWN, n=1)
            raise ValueError(f"unknown fault {name!r}; " + (f"did you mean {near[0]!r}?" if near else _list()))
        if name in found:
            raise ValueError(f"{name} is given twice")
        if name in _FLAGS:
            if equals:
                raise ValueError(f"{name} takes no value")
            found[name] = True
        else:
            found[name] = _number(name, value)
    return Faults(**found)  # type: ignore[arg-type]  # flags are bool and the others numbers, by the branches above


def _list() -> str:
    return "known are " + ", ".join(_KNOWN)


def _number(name: str, text: str) -> float:
    largest = _LARGEST.get(name)
    limit = f"from 0 to {largest:g}" if largest else "of 0 or more"
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f"{name} needs a number {limit}: {name}=NUMBER") from None
    # the comparison also refuses "nan"; infinity makes no sense for any of them
    if not 0 <= number < float("inf") or (largest is not None and number > largest):
        raise ValueError(f"{name}={text}: a number {limit} is needed")
    return number


def begin(faults: Faults) -> None:
    """Do what is to go wrong at the start of a process, and arm what is to go wrong later.

    Raises:
        RuntimeError: for `crash_at_start`; nobody catches it, so that the log ends as that of any failing release.
    """
    if faults.crash_at_start:
        raise RuntimeError("crash_at_start: this release cannot start (TASKMANAGER_FAULTS)")
    if faults.crash_after is not None:
        timer = threading.Timer(faults.crash_after, crash, args=(faults.crash_after,))
        timer.daemon = True
        timer.start()
    if faults.leak_mb_per_second:
        threading.Thread(target=_leak, args=(faults.leak_mb_per_second,), daemon=True).start()
    if faults.slow_start is not None:
        time.sleep(faults.slow_start)


def crash(seconds: float) -> None:
    """End this process as an error that nobody caught does."""
    error = RuntimeError(f"crash_after: this release ends after {seconds:g} s (TASKMANAGER_FAULTS)")
    traceback.print_exception(error)
    # not sys.exit: only the whole process ending, at once, is a crash; standard error is written through
    os._exit(EXIT_CRASHED)


def _leak(mb_per_second: float) -> None:
    kept: list[bytes] = []
    while True:
        time.sleep(0.2)
        # random bytes, not zeros: pages that were never written cost no memory
        kept.append(os.urandom(int(mb_per_second * 0.2 * 1_000_000)))
