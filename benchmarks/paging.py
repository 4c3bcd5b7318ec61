"""A list of 1,000,000 tasks: how long its first and its 500th page take, in each order, and a search. Prints JSON.

    PYTHONPATH=src:. python benchmarks/paging.py [--tasks 1000000] [--database sqlite] [--database mariadb]

One project has all tasks. The API answers over one kept connection; page 500 is found by following cursors. Both pages are
asked for in turn, 50 tasks each; medians. A search reads on until its page is full: a word that each 20th task has, one
that ten tasks have, and one that none has. `write_ms` is a task made, and one changed, through the API.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import json
import os
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from benchmarks.listing import KEY, served
from sqlalchemy import insert
from sqlalchemy.schema import CreateIndex, DropIndex
from tests.ports import free_port
from tests.taskmanager.mariadb import WHY_NOT, MariaDB

from taskmanager.db import Database
from taskmanager.migrate import migrate
from taskmanager.projects.models import Project
from taskmanager.tasks.models import Task
from taskmanager.users.models import User
from taskmanager.users.tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
PAGE, FAR, BATCH = 50, 500, 20_000
SORTS = ("-id", "id", "due", "-due", "priority", "-priority", "updated", "-updated")
WORDS = {"often": "leaf", "seldom": "orchid", "never": "dinosaur"}
PROMISED_RATIO = 2.0


def task(number: int, count: int) -> dict[str, Any]:
    # neighbours by id are none by any other order
    mixed = number * 7919 % count
    word = " leaf" if number % 20 == 0 else ""
    word += " orchid" if number % (count // 10) == 1 else ""
    return {
        "id": number,
        "owner_id": 1,
        "project_id": 1,
        "number": number,
        "title": f"Water the plants of row {mixed}{word}",
        "description": "Not too much, not too little, and never at noon; ask the neighbours when in doubt.",
        "status": ("todo", "doing", "done")[mixed % 3],
        "priority": mixed % 5,
        "due_at": FIRST + timedelta(minutes=mixed) if mixed % 2 else None,
        "created_at": FIRST,
        "updated_at": FIRST + timedelta(seconds=mixed),
        "version": 1,
    }


async def fill(url: str, count: int) -> None:
    table: Any = Task.__table__
    database = Database(url, pooled=False)
    await migrate(database)
    kept = {"created_at": FIRST, "updated_at": FIRST, "description": ""}
    ann = {"id": 1, "email": "ann@example.org", "name": "Ann", "password_hash": "none", "created_at": FIRST}
    project = {"id": 1, "owner_id": 1, "name": "Garden", "key": "GAR", "task_counter": count, **kept}
    async with database.transaction() as session:
        await session.execute(insert(User), [ann])
        await session.execute(insert(Project), [project])
    # an index over rows that are there is made in a fraction of the time; MySQL needs one for each foreign key
    later = [index for index in table.indexes if index.name not in {"ix_tasks_owner_id_id", "ix_tasks_project_id_id"}]
    async with database.raw_writer() as connection:
        for index in later:
            await connection.execute(DropIndex(index))
        await connection.commit()
    for start in range(1, count + 1, BATCH):
        async with database.transaction() as session:
            rows = [task(number, count) for number in range(start, min(start + BATCH, count + 1))]
            await session.execute(insert(table), rows)
    async with database.raw_writer() as connection:
        for index in later:
            await connection.execute(CreateIndex(index))
        await connection.commit()
    await database.close()


class Client:
    """One kept connection of somebody who is signed in."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._headers = {"Authorization": f"Bearer {Tokens(KEY).issue(1)}", "Content-Type": "application/json"}

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        self._connection.request(method, path, None if body is None else json.dumps(body), self._headers)
        answer = self._connection.getresponse()
        text = answer.read()
        assert answer.status in {200, 201}, text
        return json.loads(text)

    def page(self, **parameters: Any) -> Any:
        return self.call("GET", f"/projects/1/tasks?{urlencode({'limit': PAGE} | parameters)}")


def milliseconds(work: Callable[[], Any], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1000)
    return median(times)


def pages(client: Client, sort: str, rounds: int) -> dict[str, float]:
    cursor, left = None, PAGE * (FAR - 1)
    while left:
        step = min(left, 200)  # a cursor does not know how large the pages before were
        left -= step
        cursor = client.page(sort=sort, limit=step, **({} if cursor is None else {"cursor": cursor}))["next_cursor"]
    first, far = partial(client.page, sort=sort), partial(client.page, sort=sort, cursor=cursor)
    taken = [(milliseconds(first, 1), milliseconds(far, 1)) for _ in range(rounds)]
    one, other = (median(column) for column in zip(*taken, strict=True))
    return {"page_1_ms": round(one, 2), f"page_{FAR}_ms": round(other, 2), "ratio": round(other / one, 2)}


def write(client: Client, rounds: int) -> dict[str, float]:
    made: list[str] = []

    def make() -> None:
        made.append(client.call("POST", "/projects/1/tasks", {"title": "one more", "priority": 3})["id"])

    def change() -> None:
        client.call("PATCH", f"/tasks/{made.pop()}", {"priority": 1, "status": "doing"})

    return {"made": round(milliseconds(make, rounds), 2), "changed": round(milliseconds(change, rounds), 2)}


def measure(url: str, count: int, folder: Path) -> dict[str, Any]:
    began = time.perf_counter()
    asyncio.run(fill(url, count))
    filled = time.perf_counter() - began
    port = free_port()
    variables = {"ENVIRONMENT": "test", "DATABASE_URL": url, "PORT": str(port)}
    with served(["taskmanager.main"], port, variables, folder / "api.log"):
        client = Client(port)
        sorts = {sort: pages(client, sort, 30) for sort in SORTS}
        search = {name: round(milliseconds(partial(client.page, q=word), 5), 1) for name, word in WORDS.items()}
        return {"fill_seconds": round(filled, 1), "pages": sorts, "search_ms": search, "write_ms": write(client, 200)}


def run(databases: list[str], count: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in databases:
        with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
            url = f"sqlite:///{folder}/paging.db"
            if name == "mariadb":
                if WHY_NOT is not None:
                    raise SystemExit(WHY_NOT)
                server = MariaDB()
                stack.callback(server.remove)
                asyncio.run(create(server.start()))
                url = server.url("bench")
            found[name] = measure(url, count, Path(folder))
    ratios = [page["ratio"] for one in found.values() for page in one["pages"].values()]
    worst = max(ratios)
    return {"benchmark": "paging", "tasks": count, **found, "worst_ratio": worst, "kept": worst <= PROMISED_RATIO}


async def create(server: MariaDB) -> None:
    administration = Database(server.url("mysql"), pooled=False)
    async with administration.raw_writer() as connection:
        await connection.exec_driver_sql("CREATE DATABASE bench")
    await administration.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tasks", type=int, default=1_000_000)
    parser.add_argument("--database", action="append", choices=("sqlite", "mariadb"))
    arguments = parser.parse_args()
    result = run(arguments.database or ["sqlite", "mariadb"], arguments.tasks)
    print(json.dumps(result | {"cores": os.cpu_count()}, indent=2))
    return 0 if result["kept"] else 1


if __name__ == "__main__":
    sys.exit(main())
