"""`fairway logs`: the lines of a service's tasks."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from fairway.cli.choices import read_duration
from fairway.cli.command import command

if TYPE_CHECKING:
    import argparse
    from datetime import datetime

    from fairway.aws.observe import Observer
    from fairway.cli.output import Output
    from fairway.cli.where import Place
    from fairway.observed import LogLine, Task

EXAMPLES: Final = """  fairway logs api                  the last 10 minutes of the tasks that run
  fairway logs api -f               go on as lines come
  fairway logs api --stopped        of the tasks that stopped (ECS knows them for about an hour)
  fairway logs api --since 2h --task 3f2a
"""
_SINCE: Final = "10m"
_SHORT_ID: Final = 8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from fairway.cli.where import TARGET_HELP  # noqa: PLC0415 - only what a verb needs is imported

    parser.add_argument("services", nargs="+", metavar="SERVICE", help=TARGET_HELP)
    parser.add_argument("-f", "--follow", action="store_true", help="go on as lines come, until Ctrl-C")
    parser.add_argument("--stopped", action="store_true", help="of tasks that stopped, instead of those that run")
    parser.add_argument("--since", metavar="TIME", help=f"how far back (default: {_SINCE}; with --stopped: all)")
    parser.add_argument("--task", metavar="ID", help="only tasks whose id begins so")


def run(arguments: argparse.Namespace, out: Output) -> int:
    from fairway.cli.where import find_place  # noqa: PLC0415 - only what a verb needs is imported

    place = find_place(arguments, arguments.services)
    for named in place.services:
        place.observer.service(named.name)
    reader = _Reader(place, out, arguments)
    try:
        reader.read()
    except KeyboardInterrupt:
        out.note("")
    return 0


class _Reader:
    def __init__(self, place: Place, out: Output, arguments: argparse.Namespace) -> None:
        from fairway.aws.logs import Follower  # noqa: PLC0415 - only what a verb needs is imported

        self._place = place
        self._out = out
        self._stopped: bool = arguments.stopped
        self._follow: bool = arguments.follow
        self._task: str = arguments.task or ""
        self._follower = Follower(place.aws, since=self._since(arguments.since))
        self._elsewhere: dict[str, None] = {}
        self._shown = 0
        self._has_run = False
        """A container of a task that we looked at ran."""
        self._environment: str | None = arguments.env

    def _since(self, given: str | None) -> datetime | None:
        if given is None and self._stopped:
            return None
        return self._place.aws.now() - timedelta(seconds=read_duration(given or _SINCE, "--since"))

    def read(self) -> None:
        """Print lines: once, or until somebody stops us."""
        seen: dict[tuple[str, str], None] = {}
        while True:
            # tasks come and go while lines are followed; a stopped one may still have a last line
            seen |= dict.fromkeys(self._streams())
            for line in self._follower.lines(list(seen)):
                self._print(line)
            if not self._follow:
                break
            self._place.pace.wait()
        if self._shown == 0:
            self._say_none(bool(seen))

    def _streams(self) -> list[tuple[str, str]]:
        from fairway.aws.logs import elsewhere, log_stream, never_started  # noqa: PLC0415 - only what a verb needs is imported

        found = []
        for task in self._tasks(self._place.observer):
            definition = self._place.observer.task_definition(task.task_definition)
            for container in definition.containers:
                self._has_run |= not never_started(task, container["name"])
                stream = log_stream(definition, container["name"], task.id)
                if stream is None:
                    self._elsewhere[elsewhere(definition, container["name"])] = None
                else:
                    found.append(stream)
        return found

    def _tasks(self, observer: Observer) -> list[Task]:
        found = [task for named in self._place.services for task in observer.tasks(named.name, stopped=self._stopped)]
        return [task for task in found if task.id.startswith(self._task)]

    def _print(self, line: LogLine) -> None:
        self._shown += 1
        self._out.event("log", at=line.at, task=line.task_id, container=line.container, line=line.text)
        prefix = self._out.paint(f"{line.at:%H:%M:%S} {line.task_id[:_SHORT_ID]} {line.container}", "dim")
        self._out.text(f"{prefix} {line.text}")

    def _say_none(self, has_streams: bool) -> None:  # noqa: FBT001 - said once, by name of the only caller
        kind = "stopped" if self._stopped else "running"
        if (has_streams or self._elsewhere) and not self._has_run:
            address = " ".join(named.address for named in self._place.services)
            self._out.note(f"the {kind} tasks never started  → {command(f'why {address}', self._environment)}")
        elif self._elsewhere:
            for where in self._elsewhere:
                self._out.note(where)
        elif has_streams:
            hint = "" if self._stopped else "; --since reads further back, --stopped reads what stopped"
            self._out.note(f"the {kind} tasks wrote nothing in that time{hint}")
        else:
            hint = " (ECS forgets them after about an hour)" if self._stopped else "; --stopped reads what stopped"
            self._out.note(f"there are no {kind} tasks{hint}")
