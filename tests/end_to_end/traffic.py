"""Load beside a scenario, in a thread of its own, and the exact list of what failed.

with Traffic(port) as traffic:      # 300 requests a second over keep-alive connections and as many over new ones
    ...
traffic.assert_none_failed()
"""

from __future__ import annotations

import asyncio
import threading
import urllib.request
from typing import TYPE_CHECKING, Self

from fairway.clock import monotonic, sleep
from fairway.load.address import Address
from fairway.load.generator import Load, LoadPlan

if TYPE_CHECKING:
    from fairway.load.tally import Failure


def wait_for_an_answer(port: int, *, seconds: float = 20.0) -> None:
    """The balancer begins to listen when its first target is registered, which takes a moment."""
    deadline = monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5):
                return
        except OSError:
            assert monotonic() < deadline, f"no answer within {seconds} s"
        sleep(0.02)


class Traffic:
    """Open-loop load on a port of this machine."""

    def __init__(
        self, port: int, *, rate: float = 300.0, paths: tuple[str, ...] = ("/",), connections: int = 40
    ) -> None:
        self.loads = [
            Load(LoadPlan(Address(port), rate, paths, connections=connections, new_connections=new))
            for new in (False, True)
        ]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="traffic")

    def __enter__(self) -> Self:
        wait_for_an_answer(self.loads[0].plan.address.port)
        self._thread.start()
        self.wait_for(50)
        return self

    def __exit__(self, *_: object) -> None:
        for load in self.loads:
            self._loop.call_soon_threadsafe(load.stop)
        self._thread.join(30)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._both())

    async def _both(self) -> None:
        await asyncio.gather(*(load.run() for load in self.loads))

    @property
    def requests(self) -> int:
        return sum(load.total.requests for load in self.loads)

    @property
    def failures(self) -> list[Failure]:
        return sorted((f for load in self.loads for f in load.failures), key=lambda failure: failure.at)

    def wait_for(self, requests: int, *, seconds: float = 30.0) -> None:
        """Wait until so many more requests came to an end, whatever their end was."""
        wanted, deadline = self.requests + requests, monotonic() + seconds
        while self.requests < wanted:
            assert monotonic() < deadline, f"{wanted - self.requests} of {requests} requests are missing"
            sleep(0.01)

    def assert_none_failed(self, *, at_least: int = 0) -> None:
        """No request failed, and there were some."""
        shown = [f"{f.at:%H:%M:%S.%f} {f.kind} {f.path} {f.detail} new={f.new_connection}" for f in self.failures]
        assert not shown, f"{len(shown)} of {self.requests} requests failed:\n" + "\n".join(shown[:50])
        assert self.requests > at_least
