"""What the load balancer adds to a request, at one caller: direct and through Envoy in turns, in the same run. Prints JSON.

    PYTHONPATH=src python benchmarks/balancer.py [--rounds 10] [--requests 500]

One process asks over one keep-alive connection with a blocking socket, so that the caller costs as little as may be; the
target is a process of its own that answers with a fixed text.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from fairway.engine.loadbalancer.envoy import EnvoyDataPlane
from fairway.engine.loadbalancer.protocol import (
    Configuration,
    DataPlane,
    Endpoint,
    EndpointState,
    Forward,
    ListenerSpec,
    Match,
    Pool,
    Route,
)

HOST = "127.0.0.1"
PROMISE_MS = 0.2
WARM_UP = 200
REQUEST = b"GET / HTTP/1.1\r\nHost: benchmark\r\n\r\n"
TARGET = """
import asyncio, sys
ANSWER = b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok"
class Target(asyncio.Protocol):
    def connection_made(self, transport): self.transport = transport
    def data_received(self, data): self.transport.write(ANSWER * data.count(b"\\r\\n\\r\\n"))
async def main():
    server = await asyncio.get_running_loop().create_server(Target, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
try:
    import uvloop
    uvloop.run(main())
except ImportError:
    asyncio.run(main())
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


class Caller:
    """One keep-alive connection."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection((HOST, port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, count: int) -> list[float]:
        """The time of each request in milliseconds."""
        times = []
        for _ in range(count):
            began = time.perf_counter()
            self._socket.sendall(REQUEST)
            answer = self._socket.recv(65536)
            times.append((time.perf_counter() - began) * 1000)
            if not answer.startswith(b"HTTP/1.1 200"):
                raise SystemExit(f"not answered: {answer[:200]!r}")
        return times


def percentile(times: list[float], percent: float) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * percent / 100))]


def measure(ports: dict[str, int], rounds: int, requests: int) -> dict[str, Any]:
    """Rounds in turns, so that what else the machine does meets all alike; medians of the rounds."""
    callers = {name: Caller(port) for name, port in ports.items()}
    seen: dict[str, list[list[float]]] = {name: [] for name in ports}
    for caller in callers.values():
        caller.ask(WARM_UP)
    for _ in range(rounds):
        for name, caller in callers.items():
            seen[name].append(caller.ask(requests))
    return {
        name: {
            f"p{percent}_ms": round(median(percentile(times, percent) for times in passes), 4)
            for percent in (50, 95, 99)
        }
        for name, passes in seen.items()
    }


def start_target() -> tuple[subprocess.Popen[str], int]:
    """The target and its port."""
    target = subprocess.Popen([sys.executable, "-c", TARGET], stdout=subprocess.PIPE, text=True)
    assert target.stdout is not None
    return target, int(target.stdout.readline())


async def run(rounds: int, requests: int) -> dict[str, Any]:
    target, port = start_target()
    balanced = free_port()
    plane: DataPlane = EnvoyDataPlane(Path(tempfile.mkdtemp(prefix="lb")))
    await plane.open()
    try:
        spec = ListenerSpec("0" * 12, balanced, (Route(Match(), Forward((("tg", 1),))),))
        pool = Pool("tg", {Endpoint(HOST, port): EndpointState.ACTIVE})
        await plane.apply(Configuration((spec,), (pool,)))
        times = await asyncio.to_thread(measure, {"direct": port, "balanced": balanced}, rounds, requests)
    finally:
        await plane.close(leave_running=False)
        target.terminate()
        target.wait()
    adds = round(times["balanced"]["p50_ms"] - times["direct"]["p50_ms"], 4)
    return {
        "benchmark": "balancer",
        "callers": 1,
        "requests_each": rounds * requests,
        **times,
        "adds_ms": adds,
        "ratio": round(times["balanced"]["p50_ms"] / times["direct"]["p50_ms"], 2),
        "promise_ms": PROMISE_MS,
        "kept": adds <= PROMISE_MS,
        "cores": os.cpu_count(),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--requests", type=int, default=500)
    arguments = parser.parse_args()
    result = asyncio.run(run(arguments.rounds, arguments.requests))
    print(json.dumps(result))
    return 0 if result["kept"] else 1


if __name__ == "__main__":
    sys.exit(main())
