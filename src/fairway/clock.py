"""Time: the only module that reads the system's clock.

A clock tells the time and turns a deadline into a real wait, so that rate and jumps live in one place. Engine time runs
`rate` times as fast as wall time; the mapping is a list of epochs that the engine's store keeps, so that time never goes
back and goes on while the engine is dead. At rate 1 engine time is wall time.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def wall_now() -> datetime:
    """The system's time in UTC."""
    return datetime.fromtimestamp(time.time(), UTC)


def monotonic() -> float:
    """Seconds of a clock that is never set back; only differences mean something."""
    return time.monotonic()


def sleep(seconds: float) -> None:
    """Block this thread for `seconds` real seconds."""
    time.sleep(seconds)


class Clock(Protocol):
    """Tells the time, and how long in real seconds it is until a time."""

    @property
    def rate(self) -> float:
        """Engine seconds per real second."""

    def now(self) -> datetime:
        """The current engine time, UTC, never going back."""

    def real_seconds_until(self, deadline: datetime) -> float:
        """Real seconds to wait until `deadline`; 0 when it has passed."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """From wall time `wall` on, engine time is `engine + (t - wall) * rate`."""

    wall: datetime
    engine: datetime
    rate: float

    def at(self, wall: datetime) -> datetime:
        return self.engine + (wall - self.wall) * self.rate


class LiveClock:
    """Engine time at the last epoch's rate (20.0: an interval of 30 s lasts 1.5 real seconds)."""

    def __init__(
        self,
        epochs: Sequence[Epoch],
        *,
        monotonic: Callable[[], float] = monotonic,
        wall: Callable[[], datetime] = wall_now,
    ) -> None:
        self._epochs = tuple(epochs)
        self._monotonic = monotonic
        self._origin = monotonic()
        self._start = self._epochs[-1].at(wall())

    @property
    def epochs(self) -> tuple[Epoch, ...]:
        return self._epochs

    @property
    def rate(self) -> float:
        return self._epochs[-1].rate

    def now(self) -> datetime:
        return self._start + timedelta(seconds=(self._monotonic() - self._origin) * self.rate)

    def real_seconds_until(self, deadline: datetime) -> float:
        return max(0.0, (deadline - self.now()).total_seconds() / self.rate)

    def from_wall(self, wall: datetime) -> datetime:
        """The engine time of something that was stamped with the system's time, in whichever epoch it fell."""
        index = bisect_right([epoch.wall for epoch in self._epochs], wall) - 1
        return self._epochs[max(index, 0)].at(wall)

    def to_wall(self, engine: datetime) -> datetime:
        """The system's time at an engine time; the inverse of `from_wall`."""
        index = bisect_right([epoch.engine for epoch in self._epochs], engine) - 1
        epoch = self._epochs[max(index, 0)]
        return epoch.wall + (engine - epoch.engine) / epoch.rate


def continue_epochs(stored: Sequence[Epoch], rate: float, wall: datetime, last: datetime | None) -> tuple[Epoch, ...]:
    """The epochs for a start at `wall`: the stored ones, with a new one when the rate or the system's clock was changed.

    `last` is the newest engine time that was ever stored: a new epoch never begins before it.
    """
    if not stored:
        return (Epoch(wall, wall, rate),)
    current = stored[-1].at(wall)
    floor = max(current, last) if last is not None else current
    if stored[-1].rate == rate and floor == current:
        return tuple(stored)
    return (*stored, Epoch(wall, floor, rate))


class SimClock:
    """Virtual time: it stands still until somebody moves it."""

    rate = 1.0

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def real_seconds_until(self, deadline: datetime) -> float:
        return max(0.0, (deadline - self._now).total_seconds())

    def advance_to(self, moment: datetime) -> None:
        if moment < self._now:
            raise ValueError(f"time does not go back: {moment} < {self._now}")
        self._now = moment
