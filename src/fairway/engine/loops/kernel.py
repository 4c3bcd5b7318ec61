"""Drives the controllers: what changed is looked at again, what asked for a time is asked at that time.

The kernel is synchronous and does nothing by itself: `run` does all that is due now. A living engine calls it when
something woke it; a simulation calls it after moving its clock. So the same controllers run in both.
"""

from __future__ import annotations

import functools
import heapq
import itertools
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from fairway.engine.store.store import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from fairway.clock import Clock
    from fairway.engine.model.facts import ProbeResult, TargetIdle, TaskFact
    from fairway.engine.store.store import Change, Store

    Fact = TaskFact | ProbeResult | TargetIdle

BATCH: Final = 64
"""Steps of one `run`: then others have their turn."""


class Controller(Protocol):
    """Looks after one kind of thing, by key."""

    @property
    def name(self) -> str:
        """Unique among the controllers of a kernel."""

    def keys_of(self, change: Change) -> Iterable[str]:
        """What is to be looked at again after a change of the store."""

    def step(self, key: str, now: datetime) -> datetime | None:
        """Bring one thing a step further; when to look again if nothing changes before."""


@dataclass(order=True, slots=True)
class _Timer:
    at: datetime
    number: int
    action: Callable[[], None] = field(compare=False)
    cancelled: bool = field(default=False, compare=False)


class Kernel:
    """The queue of everything that is to be looked at."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        learn: Callable[[Sequence[Fact]], None],
        wake: Callable[[], None],
        fail: Callable[[str, Exception], datetime | None],
    ) -> None:
        """`learn` takes facts into the store; `wake` tells the driver that there is work; `fail` hears of errors."""
        self._clock = clock
        self._learn = learn
        self._wake = wake
        self._fail = fail
        self._controllers: list[Controller] = []
        self._dirty: dict[tuple[int, str], None] = {}
        self._facts: deque[Fact] = deque()
        self._facts_wait = False
        self._timers: list[_Timer] = []
        self._checks: dict[tuple[int, str], _Timer] = {}
        self._numbers = itertools.count()
        store.subscribe(self._changed)

    def add(self, controller: Controller) -> None:
        self._controllers.append(controller)

    def emit(self, fact: Fact) -> None:
        """Hand in what happened in the world; it is taken in by the next `run`."""
        self._facts.append(fact)
        self._wake()

    def look(self, controller: str, key: str) -> None:
        """Look at something again, though nothing in the store changed."""
        index = next(i for i, c in enumerate(self._controllers) if c.name == controller)
        self._dirty[index, key] = None
        self._wake()

    def call_at(self, at: datetime, action: Callable[[], None]) -> Callable[[], None]:
        """Call `action` in a `run` at or after engine time `at`; the returned function calls it off."""
        timer = _Timer(at, next(self._numbers), action)
        heapq.heappush(self._timers, timer)
        self._wake()

        def cancel() -> None:
            timer.cancelled = True

        return cancel

    def run(self, most: int = BATCH) -> bool:
        """Do what is due now, at most a batch of it; whether something is left to do at once."""
        self._fire_timers()
        self._take_in_facts()
        for _ in range(most):
            if not self._dirty:
                break
            index, key = next(iter(self._dirty))
            del self._dirty[index, key]
            self._step(index, key)
        return bool(self._dirty or (self._facts and not self._facts_wait)) or self._is_due()

    def take_in(self) -> None:
        """Take in every fact that was handed in, before anything is looked at."""
        while self._facts and not self._facts_wait:
            self._take_in_facts()

    def settle(self) -> None:
        """Run until nothing is due now."""
        while self.run():
            pass

    def next_deadline(self) -> datetime | None:
        """The engine time of the earliest timer."""
        while self._timers and self._timers[0].cancelled:
            heapq.heappop(self._timers)
        return self._timers[0].at if self._timers else None

    def clear(self) -> None:
        """Forget every timer, fact and thing to look at."""
        self._dirty.clear()
        self._facts.clear()
        self._facts_wait = False
        self._timers.clear()
        self._checks.clear()

    # -- inside ----------------------------------------------------------------------------------------------------

    def _changed(self, changes: list[Change]) -> None:
        for index, controller in enumerate(self._controllers):
            for change in changes:
                for key in controller.keys_of(change):
                    self._dirty[index, key] = None
        self._wake()

    def _is_due(self) -> bool:
        deadline = self.next_deadline()
        return deadline is not None and deadline <= self._clock.now()

    def _fire_timers(self) -> None:
        now = self._clock.now()
        while self._timers and (self._timers[0].cancelled or self._timers[0].at <= now):
            timer = heapq.heappop(self._timers)
            if not timer.cancelled:
                self._guard("timer", timer.action)

    def _take_in_facts(self) -> None:
        """A fact is forgotten only when the store has it, or when it alone is what cannot be taken in."""
        if not self._facts or self._facts_wait:
            return
        facts = list(itertools.islice(self._facts, BATCH))
        try:
            self._learn(facts)
        except StoreUnavailable as error:
            self._retry_facts(self._fail("facts", error))
            return
        except Exception:  # noqa: BLE001 - found out one by one below, and reported there
            for fact in facts:
                self._guard(f"fact {type(fact).__name__}", functools.partial(self._learn, [fact]))
        for _ in facts:
            self._facts.popleft()

    def _retry_facts(self, at: datetime | None) -> None:
        self._facts_wait = True

        def again() -> None:
            self._facts_wait = False

        self.call_at(at or self._clock.now(), again)

    def _guard(self, name: str, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:  # noqa: BLE001 - one broken thing must not stop the others; `fail` reports it
            self._fail(name, error)

    def _step(self, index: int, key: str) -> None:
        controller = self._controllers[index]
        check = self._checks.pop((index, key), None)
        if check is not None:
            check.cancelled = True
        try:
            at = controller.step(key, self._clock.now())
        except Exception as error:  # noqa: BLE001 - as above
            at = self._fail(f"{controller.name} {key}", error)
        if at is not None and (index, key) not in self._dirty:
            timer = _Timer(at, next(self._numbers), lambda: self._dirty.setdefault((index, key)))
            heapq.heappush(self._timers, timer)
            self._checks[index, key] = timer
