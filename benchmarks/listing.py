"""Listing 20 tasks of a user: requests per second and latency of the API, and of the same written the common way. Prints JSON.

    PYTHONPATH=src:. python benchmarks/listing.py [--rounds 5] [--seconds 3]

One MariaDB, the same rows (20,000 tasks of 200 users, labels on every third), the same answers (they are compared), 32 kept
connections of 32 users who are signed in, one uvicorn process each with uvloop and httptools. The API is as it is deployed: ids of
requests, metrics, a log line each, limits counted. The reference (`reference_listing.py`) is measured with each driver that is
there; mysqlclient has to be compiled: apt-get install libmariadb-dev gcc, pip install mysqlclient (or PYTHONPATH to where it is).
All are measured in turn, never at the same time; the ratios are medians over the rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.http_load import measure
from sqlalchemy import insert
from tests.ports import free_port
from tests.taskmanager.mariadb import WHY_NOT, MariaDB

from taskmanager.db import Database
from taskmanager.labels.models import Label, TaskLabel
from taskmanager.migrate import migrate
from taskmanager.projects.models import Project
from taskmanager.tasks.models import Task
from taskmanager.users.models import User
from taskmanager.users.tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).parents[1]
KEY = "a signing key of more than thirty-two characters"
USERS, TASKS_OF_EACH, CONNECTIONS, PAGE = 200, 100, 32, 20
PROMISED_RATIO, PROMISED_P95 = 3.0, 1 / 3
DRIVERS = {"pymysql": ("pymysql", "mysql+pymysql"), "mysqlclient": ("MySQLdb", "mysql+mysqldb")}
FIRST = datetime(2026, 1, 1, tzinfo=UTC)


async def fill(url: str) -> None:
    """The schema and the rows."""
    database = Database(url, pooled=False)
    await migrate(database)
    people = [
        {"id": n, "email": f"u{n}@example.org", "name": f"User {n}", "password_hash": "none", "created_at": FIRST}
        for n in range(1, USERS + 1)
    ]
    kept = {"created_at": FIRST, "updated_at": FIRST, "description": "What there is to do, in a sentence or two."}
    projects = [{"id": n, "owner_id": n, "name": f"Project {n}", "key": "OPS", **kept} for n in range(1, USERS + 1)]
    labels = [
        {"id": n, "project_id": n, "name": "bug", "colour": "#ff0000", "created_at": FIRST} for n in range(1, USERS + 1)
    ]
    tasks = [
        {
            "id": number * USERS + owner,
            "owner_id": owner,
            "project_id": owner,
            "number": number + 1,
            "title": f"Task {number} of somebody",
            "status": ("todo", "doing", "done")[number % 3],
            "priority": number % 5,
            "assignee_id": owner if number % 2 else None,
            "due_at": FIRST + timedelta(days=number) if number % 2 else None,
            "version": 1,
            **kept,
        }
        for number in range(TASKS_OF_EACH)
        for owner in range(1, USERS + 1)
    ]
    marked = [{"task_id": task["id"], "label_id": task["owner_id"]} for task in tasks[::3]]
    async with database.transaction() as session:
        for model, rows in ((User, people), (Project, projects), (Label, labels), (Task, tasks), (TaskLabel, marked)):
            await session.execute(insert(model), rows)
    await database.close()


@contextlib.contextmanager
def served(words: list[str], port: int, variables: Mapping[str, str], log: Path) -> Iterator[None]:
    """A process that answers at the port."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), "JWT_SECRET_KEY": KEY}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *words], env=environment | dict(variables), stdout=output, stderr=output, cwd=ROOT
        )
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                asked(port, "/openapi.json")
                break
            if process.poll() is not None:
                raise SystemExit(log.read_text())
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(30)


def asked(port: int, path: str, **headers: str) -> Any:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.load(answer)


def comparable(page: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows; the reference's moments lack their zone."""
    moments = ("due_at", "created_at", "updated_at")
    return [row | {name: (row[name] or "").removesuffix("Z") for name in moments} for row in page["results"]]


def compare(ours: list[dict[str, float]], theirs: list[dict[str, float]]) -> dict[str, Any]:
    rates = [a["requests_per_second"] / b["requests_per_second"] for a, b in zip(ours, theirs, strict=True)]
    tails = [a["p95_ms"] / b["p95_ms"] for a, b in zip(ours, theirs, strict=True)]
    return {
        "requests_per_second": round(median(rates), 2),
        "requests_per_second_least": round(min(rates), 2),
        "p95": round(median(tails), 3),
        "kept": median(rates) >= PROMISED_RATIO and median(tails) <= PROMISED_P95,
    }


def summary(rounds: list[dict[str, float]]) -> dict[str, float]:
    return {name: round(median(one[name] for one in rounds), 2) for name in rounds[0]}


def run(server: MariaDB, folder: Path, rounds: int, seconds: float) -> dict[str, Any]:
    database = server.url("bench")
    there = {name: known for name, known in DRIVERS.items() if importlib.util.find_spec(known[0])}
    ports = {name: free_port() for name in ("ours", *there)}
    with contextlib.ExitStack() as stack:
        ours = {"ENVIRONMENT": "production", "DATABASE_URL": database, "PORT": str(ports["ours"])}
        # the limits count, and are far away
        ours |= {"RATE_LIMIT_USER": "1000000000", "APP_VERSION": "bench"}
        stack.enter_context(served(["taskmanager.main"], ports["ours"], ours, folder / "ours.log"))
        for name, (_, scheme) in there.items():
            url = database.replace("mysql", scheme, 1)
            words = ["uvicorn", "benchmarks.reference_listing:app", "--port", str(ports[name]), "--loop", "uvloop"]
            words += ["--http", "httptools", "--no-access-log", "--log-level", "warning"]
            stack.enter_context(served(words, ports[name], {"DATABASE_URL": url}, folder / f"{name}.log"))
        tokens = [Tokens(KEY).issue(owner) for owner in range(1, CONNECTIONS + 1)]
        answers = {
            name: comparable(asked(port, f"/tasks?limit={PAGE}", Authorization=f"Bearer {tokens[0]}"))
            for name, port in ports.items()
        }
        assert all(rows == answers["ours"] and len(rows) == PAGE for rows in answers.values()), answers
        found: dict[str, list[dict[str, float]]] = {name: [] for name in ports}
        for turn in range(rounds + 1):
            for name, port in ports.items():
                head = f"GET /tasks?limit={PAGE} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer "
                one = measure(port, [f"{head}{token}\r\n\r\n" for token in tokens], seconds if turn else 1.0)
                if turn:  # the first warms up
                    found[name].append(one)
    return {
        "benchmark": "listing",
        "connections": CONNECTIONS,
        **{name: summary(one) for name, one in found.items()},
        "against": {name: compare(found["ours"], found[name]) for name in there},
        "not_installed": sorted(DRIVERS.keys() - there.keys()),
        "rounds": rounds,
        "cores": os.cpu_count(),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    arguments = parser.parse_args()
    if WHY_NOT is not None:
        raise SystemExit(WHY_NOT)
    server = MariaDB()
    try:
        server.start()
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(prepare(server))
            result = run(server, Path(folder), arguments.rounds, arguments.seconds)
    finally:
        server.remove()
    print(json.dumps(result, indent=2))
    return 0 if all(one["kept"] for one in result["against"].values()) else 1


async def prepare(server: MariaDB) -> None:
    administration = Database(server.url("mysql"), pooled=False)
    async with administration.raw_writer() as connection:
        await connection.exec_driver_sql("CREATE DATABASE bench")
    await administration.close()
    await fill(server.url("bench"))


if __name__ == "__main__":
    sys.exit(main())
