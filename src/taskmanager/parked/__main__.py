"""`python -m taskmanager.parked`: what an operator does with jobs that failed again and again."""

from __future__ import annotations

import argparse
import asyncio
import sys

import orjson

import taskmanager.schema  # noqa: F401  # tables name each other by foreign keys: all must be known
from taskmanager.db import Database
from taskmanager.parked.service import drop_parked, list_parked, retry_parked
from taskmanager.settings import EXIT_CONFIGURATION, ConfigurationError, load_settings


def main(words: list[str] | None = None) -> int:
    """List, retry or drop parked jobs; the exit code: 1 when there is no such job."""
    parser = argparse.ArgumentParser(prog="taskmanager.parked", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("list", help="one line of JSON for each")
    for action, text in (("retry", "send it again"), ("drop", "forget it")):
        actions.add_parser(action, help=text).add_argument("id", type=int)
    arguments = parser.parse_args(words)
    try:
        settings = load_settings("database_url")
        assert settings.database_url is not None
        return asyncio.run(_act(settings.database_url.get_secret_value(), arguments))
    except ConfigurationError as error:
        print(f"taskmanager.parked: {error}", file=sys.stderr)  # noqa: T201
        return EXIT_CONFIGURATION


async def _act(url: str, arguments: argparse.Namespace) -> int:
    database = Database(url, pooled=False)
    try:
        if arguments.action == "list":
            async with database.read() as connection:
                for row in await list_parked(connection):
                    print(orjson.dumps(row, option=orjson.OPT_UTC_Z).decode())  # noqa: T201
            return 0
        act = retry_parked if arguments.action == "retry" else drop_parked
        async with database.transaction() as session:
            found = await act(session, arguments.id)
        if not found:
            print(f"taskmanager.parked: there is no parked job {arguments.id}", file=sys.stderr)  # noqa: T201
        return 0 if found else 1
    finally:
        await database.close()


if __name__ == "__main__":
    sys.exit(main())
