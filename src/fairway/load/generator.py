"""Open-loop load: each request has its time, whatever became of those before it.

Latency counts from when a request was to be sent, not from when it could be: a server that stalls is charged for all
who had to wait (no "coordinated omission"). An answer of 400 or more is a failure.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from fairway.clock import monotonic, wall_now
from fairway.load.address import LOOPBACK, Address
from fairway.load.connection import Connection, Outcome, Request
from fairway.load.tally import MOST_FAILURES, Failure, Summary, Tally

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

_LOWEST_ERROR: Final = 400
_WAKING_SECONDS: Final = 0.002
"""An event loop wakes up to a millisecond late: that is ours, and is not charged."""
_SWEEP_SECONDS: Final = 0.1
_REPORT_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """What to send."""

    address: Address
    rate: float = 300.0
    """Requests per second."""
    paths: tuple[str, ...] = ("/",)
    """Taken in turn."""
    seconds: float | None = None
    """None: until it is stopped."""
    connections: int = 20
    """At most so many at a time; further requests wait, and their waiting counts."""
    new_connections: bool = False
    """A connection for each request, instead of keep-alive."""
    timeout_seconds: float = 10.0
    headers: tuple[tuple[str, str], ...] = ()


class Load:
    """One run."""

    def __init__(self, plan: LoadPlan) -> None:
        self.plan = plan
        self.total = Tally()
        self.failures: list[Failure] = []
        """The first of them, in the order in which they came to an end."""
        self._second = Tally()
        self._idle: deque[Connection] = deque()
        self._open: set[Connection] = set()
        self._waiting: deque[Request] = deque()
        self._requests = tuple((path, self._render(path)) for path in plan.paths)
        self._number = 0
        self._began = 0.0
        self._began_at = wall_now()
        self._reported = 0.0
        self._ended: float | None = None
        self._over: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def _render(self, path: str) -> bytes:
        lines = [f"GET {path} HTTP/1.1", f"Host: {LOOPBACK}:{self.plan.address.port}", "User-Agent: fairway-load"]
        lines += [f"{name}: {value}" for name, value in self.plan.headers]
        lines += ["Connection: close"] if self.plan.new_connections else []
        return "\r\n".join([*lines, "", ""]).encode()

    async def run(self, report: Callable[[Summary], None] | None = None) -> Summary:
        """Send until the time is over or `stop` is called, wait for what is under way; `report` hears of each second."""
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        self._began, self._began_at = monotonic(), wall_now()
        self._reported = self._began
        self._tick()
        timers = [asyncio.create_task(self._sweep()), asyncio.create_task(self._report(report))]
        try:
            await self._over.wait()
        finally:
            for timer in timers:
                timer.cancel()
            await asyncio.gather(*timers, return_exceptions=True)
            for connection in list(self._open):
                connection.close()
        self._report_rest(report)
        return self.summary()

    def stop(self) -> None:
        """Send nothing more; requests that wait are given up, those under way are waited for."""
        self._waiting.clear()
        if self._loop is not None and self._ended is None:
            self._ended = monotonic()
        self._look_whether_over()

    def summary(self) -> Summary:
        """The figures so far."""
        return self.total.summary(self.elapsed_seconds)

    @property
    def elapsed_seconds(self) -> float:
        if self._loop is None:
            return 0.0
        return (self._ended if self._ended is not None else monotonic()) - self._began

    @property
    def under_way(self) -> int:
        """Requests that were sent or wait to be."""
        return len(self._waiting) + sum(connection.request is not None for connection in self._open)

    # -- sending ---------------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        """Send all that is due, and come again when the next is."""
        assert self._loop is not None
        if self._ended is not None:
            return
        now = monotonic()
        due = self._began + self._number / self.plan.rate
        end = None if self.plan.seconds is None else self._began + self.plan.seconds
        while due <= now and (end is None or due < end):
            path, data = self._requests[self._number % len(self._requests)]
            self._dispatch(Request(now if now - due <= _WAKING_SECONDS else due, path, data))
            self._number += 1
            due = self._began + self._number / self.plan.rate
        if end is not None and due >= end:
            self._ended = end
            self._look_whether_over()
            return
        self._loop.call_later(due - now, self._tick)

    def _dispatch(self, request: Request) -> None:
        assert self._loop is not None
        request.deadline = max(request.intended_at, monotonic()) + self.plan.timeout_seconds
        while self._idle:
            connection = self._idle.popleft()
            if not connection.closed and connection.is_alive():
                connection.send(request)
                return
        if len(self._open) >= self.plan.connections:
            self._waiting.append(request)
            return
        connection = Connection(self._loop, self.plan.address.port, done=self._done, gone=self._open.discard)
        self._open.add(connection)
        connection.open(request)

    # -- outcomes --------------------------------------------------------------------------------------------------

    def _done(self, connection: Connection, request: Request, outcome: Outcome) -> None:
        if outcome.kind or outcome.status >= _LOWEST_ERROR:
            kind = outcome.kind or f"HTTP {outcome.status}"
            self.total.failure(kind)
            self._second.failure(kind)
            if len(self.failures) < MOST_FAILURES:
                at = self._wall(request.intended_at)
                self.failures.append(Failure(at, request.path, kind, outcome.detail, request.new_connection))
        else:
            seconds = monotonic() - request.intended_at
            self.total.succeeded(seconds)
            self._second.succeeded(seconds)
        if self.plan.new_connections:
            connection.close()
        elif not connection.closed:
            self._idle.append(connection)
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._send_waiting)
        elif self._ended is not None:
            self._look_whether_over()

    def _send_waiting(self) -> None:
        """One that waited takes the place that became free."""
        if not self._waiting:
            return
        request, others = self._waiting.popleft(), len(self._waiting)
        self._dispatch(request)
        if len(self._waiting) > others:  # no place after all: it stays the first
            self._waiting.rotate(1)

    def _wall(self, moment: float) -> datetime:
        return self._began_at + timedelta(seconds=moment - self._began)

    def _look_whether_over(self) -> None:
        if self._over is not None and self.under_way == 0:
            self._over.set()

    # -- timers ----------------------------------------------------------------------------------------------------

    async def _sweep(self) -> None:
        """Give up what takes too long."""
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            now = monotonic()
            for connection in list(self._open):
                if connection.request is not None and connection.request.deadline <= now:
                    connection.give_up()

    async def _report(self, report: Callable[[Summary], None] | None) -> None:
        while True:
            await asyncio.sleep(max(0.0, self._reported + _REPORT_SECONDS - monotonic()))
            self._reported += _REPORT_SECONDS
            second, self._second = self._second, Tally()
            if report is not None:
                report(second.summary(_REPORT_SECONDS))

    def _report_rest(self, report: Callable[[Summary], None] | None) -> None:
        """The last second, when most of it was seen."""
        seconds = self._began + self.elapsed_seconds - self._reported
        if report is not None and seconds > _REPORT_SECONDS / 2:
            report(self._second.summary(seconds))
