"""Runs the command line, and kills it with SIGKILL at a chosen write to AWS: before it goes out, or after its answer.

    python dying_tool.py MOMENT before|after WORD …

MOMENT counts from 1 the requests that change something: between two of them nothing is lost. How many reads there are depends
on how fast the machine is; the writes are always the same. 0 kills never, and the last line says how many there were.
"""

from __future__ import annotations

import os
import signal
import sys

import botocore.session

from fairway.cli.main import main

moment, phase, words = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
count = 0


def die(at: str) -> None:
    if count == moment and at == phase:
        os.kill(os.getpid(), signal.SIGKILL)


READS = ("Describe", "List", "Get")


def is_write(event_name: str) -> bool:
    return not event_name.rsplit(".", 1)[-1].startswith(READS)


def before(event_name: str, **_: object) -> None:
    global count  # noqa: PLW0603 - the program is this script
    if is_write(event_name):
        count += 1
        die("before")


def after(event_name: str, **_: object) -> None:
    if is_write(event_name):
        die("after")


made = botocore.session.Session.create_client


def create_client(self: object, *arguments: object, **options: object) -> object:
    client = made(self, *arguments, **options)  # type: ignore[arg-type]
    client.meta.events.register_first("before-send.*", before)
    client.meta.events.register_first("after-call.*", after)
    return client


botocore.session.Session.create_client = create_client  # type: ignore[method-assign,assignment]
code = main(words)
sys.stdout.write(f"writes: {count}\n")
sys.exit(code)
