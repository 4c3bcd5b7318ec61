"""Load over kept connections, from a process of its own: requests are bytes that were made beforehand, answers are only counted.

    python benchmarks/http_load.py <<< '{"port": 8000, "requests": ["GET / HTTP/1.1 …"], "seconds": 3}'

Each request of the list has a connection of its own, and is sent again when its answer is there. Prints JSON: how many
answers, their 50th, 95th and 99th percentile, and how much of a core this process took: if that is near 1, the load was measured.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Sequence

HOST = "127.0.0.1"


class Connection(asyncio.Protocol):
    """Asks the same again and again, until it is told to stop."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._transport: asyncio.Transport | None = None
        self._left, self._head, self._began = 0, b"", 0.0
        self.is_asking = True
        self.latencies: list[float] = []
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's are of no class of asyncio's
        self._transport = cast("asyncio.Transport", transport)
        self._ask()

    def _ask(self) -> None:
        assert self._transport is not None
        self._began = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if self._left:
            self._left -= len(data)
        else:
            self._head += data
            head, found, body = self._head.partition(b"\r\n\r\n")
            if not found:
                return
            self._head = b""
            if not head.startswith(b"HTTP/1.1 200"):
                self._fail(f"not answered: {head[:200]!r} {body[:300]!r}")
                return
            length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
            self._left = int(length) - len(body)
        if self._left == 0:
            self.latencies.append(time.perf_counter() - self._began)
            if self.is_asking:
                self._ask()
            else:
                self.ended.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(f"the connection was closed: {exc}")

    def _fail(self, reason: str) -> None:
        if not self.ended.done():
            self.ended.set_exception(RuntimeError(reason))


async def load(port: int, requests: Sequence[bytes], seconds: float) -> dict[str, float]:
    """Ask over as many connections as there are requests."""
    loop = asyncio.get_running_loop()
    cpu, began = time.process_time(), time.perf_counter()
    connections = [(await loop.create_connection(partial(Connection, request), HOST, port))[1] for request in requests]
    await asyncio.wait([one.ended for one in connections], timeout=seconds)
    for one in connections:
        one.is_asking = False
    await asyncio.gather(*(one.ended for one in connections))
    taken = time.perf_counter() - began
    latencies = sorted(latency for one in connections for latency in one.latencies)
    return {
        "requests_per_second": round(len(latencies) / taken, 1),
        **{f"p{p}_ms": round(latencies[int(len(latencies) * p / 100)] * 1000, 2) for p in (50, 95, 99)},
        "load_of_a_core": round((time.process_time() - cpu) / taken, 2),
    }


def measure(port: int, requests: Sequence[str], seconds: float) -> dict[str, float]:
    """Do so in another process."""
    asked = {"port": port, "requests": list(requests), "seconds": seconds}
    done = subprocess.run(
        [sys.executable, __file__],
        input=json.dumps(asked),
        text=True,
        capture_output=True,
        check=False,
        timeout=seconds + 60,
    )
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    answer: dict[str, float] = json.loads(done.stdout)
    return answer


def main() -> None:
    asked: dict[str, Any] = json.load(sys.stdin)
    requests = [text.encode() for text in asked["requests"]]
    import uvloop  # noqa: PLC0415  # the process that starts this one needs none

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(load(asked["port"], requests, asked["seconds"]))))


if __name__ == "__main__":
    main()
