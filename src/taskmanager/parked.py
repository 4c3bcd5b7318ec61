"""Parked jobs at the command line: `python -m taskmanager.parked list | retry ID | drop ID`.

`retry` and `drop` take `all` as well. Exit code 0: done. 1: there is no such job, or it cannot be tried again. 78: the
configuration is wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import TYPE_CHECKING, Final

import orjson

import taskmanager.schema  # noqa: F401  # tables name each other by foreign keys: all must be known
from taskmanager.db import Database
from taskmanager.outbox.parked import drop_parked, list_parked, retry_parked
from taskmanager.problems import Problem
from taskmanager.settings import EXIT_CONFIGURATION, ConfigurationError, load_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

PROGRAM: Final = "taskmanager.parked"


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog=f"python -m {PROGRAM}", description="Jobs that were given up.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list", help="one JSON object a line, oldest first")
    for verb, text in (("retry", "put it into the outbox again"), ("drop", "forget it")):
        verbs.add_parser(verb, help=text).add_argument("id", help="the id that `list` shows, or `all`")
    arguments = parser.parse_args(words)
    try:
        settings = load_settings("database_url")
        assert settings.database_url is not None
        return asyncio.run(_run(settings.database_url.get_secret_value(), arguments))
    except ConfigurationError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)  # noqa: T201
        return EXIT_CONFIGURATION


async def _run(url: str, arguments: argparse.Namespace) -> int:
    database = Database(url, pooled=False)
    try:
        async with database.read() as connection:
            rows = await list_parked(connection)
        if arguments.verb == "list":
            for row in rows:
                print(orjson.dumps(row, option=orjson.OPT_UTC_Z).decode())  # noqa: T201
            return 0
        wanted = [row["id"] for row in rows] if arguments.id == "all" else [int(arguments.id)]
        return max([await _one(database, arguments.verb, parked_id) for parked_id in wanted], default=0)
    except ValueError:
        print(f"{PROGRAM}: {arguments.id}: an id is a number", file=sys.stderr)  # noqa: T201
        return 1
    finally:
        await database.close()


async def _one(database: Database, verb: str, parked_id: int) -> int:
    try:
        async with database.transaction() as session:
            if verb == "retry":
                await retry_parked(session, parked_id)
            else:
                await drop_parked(session, parked_id)
    except Problem as problem:
        print(f"{PROGRAM}: {parked_id}: {problem.detail}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
