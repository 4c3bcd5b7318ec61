"""The live view of a deployment on a terminal: revisions, tasks, targets, events, requests; redrawn in place.

What is worth keeping (what was registered, log lines of one-off tasks, outcomes) is printed above it and stays.
"""

from __future__ import annotations

from collections import Counter as Count
from typing import TYPE_CHECKING, Final, Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from fairway.cli.counter import counter_text, counters
from fairway.deployment.changes import is_bad_news, is_failure, label
from fairway.observed import short

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import RenderableType

    from fairway.aws.session import Aws
    from fairway.cli.output import Output
    from fairway.deployment.progress import Change
    from fairway.observed import Picture, Task

_KEPT: Final = frozenset(
    {
        "registered",
        "service_updated",
        "one_off_started",
        "one_off_log",
        "one_off_waiting",
        "one_off_stopped",
        "outcome",
        "stopping",
        "taking_back",
        "taken_back",
        "refused",
        "warning",
        "unreachable",
        "verification",
        "verify_verdict",
        "monitor_task_failed",
        "monitor_verdict",
    }
)
_VERDICTS: Final = frozenset({"outcome", "verify_verdict", "monitor_verdict"})
_MOST_TASKS: Final = 12
_MOST_EVENTS: Final = 5
_STATUS_STYLE: Final = {
    "RUNNING": "green",
    "PROVISIONING": "yellow",
    "PENDING": "yellow",
    "ACTIVATING": "yellow",
    "STOPPED": "dim",
}
_TARGET_STYLE: Final = {"healthy": "green", "initial": "yellow", "draining": "dim", "unhealthy": "red", "unused": "dim"}


class LiveView:
    """Draws the newest picture of each service."""

    def __init__(self, out: Output, aws: Aws, *, title: str) -> None:
        self._console = Console(no_color=not out.has_colour, highlight=False)
        self._aws = aws
        self._title = title
        self._pictures: dict[str, Picture] = {}
        self._minutes: dict[str, Change] = {}
        """By service: the newest minute of those that are watched."""
        self._live = Live(console=self._console, refresh_per_second=4, get_renderable=self.render, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()
        if self._pictures:
            self._console.print(self.render())

    def change(self, change: Change) -> None:
        if change.kind in _KEPT:
            style = "red" if change.is_problem else "green" if change.kind in _VERDICTS else ""
            line = Text(f"{self._aws.now():%H:%M:%S} {change.service:<20} ").append(change.text, style=style)
            self._console.print(line)
        if change.kind == "monitor":
            self._minutes[change.service] = change
        elif change.kind == "monitor_verdict":
            self._minutes.pop(change.service, None)

    def picture(self, picture: Picture) -> None:
        self._pictures[picture.service.name] = picture

    def render(self) -> RenderableType:
        """The whole view."""
        parts: list[RenderableType] = [Text(self._title, style="bold")]
        for picture in tuple(self._pictures.values()):
            parts += [Text(""), *draw(picture)]
        parts += [minute_line(change) for change in tuple(self._minutes.values())]
        parts += [Text(f"\n{counter_text(load)}", style="red" if load.failed else "green") for load in counters()]
        return Group(*parts)


def minute_line(change: Change) -> Text:
    """The newest minute of a service that is watched."""
    return Text(f"{change.service}  ", style="bold").append(
        change.text, style="red" if change.is_problem else "not bold"
    )


def draw(picture: Picture) -> list[RenderableType]:
    """One service."""
    record = picture.deployment
    state = "" if record is None else f"  {record.status}"
    if record is not None and record.threshold:
        state += f"  breaker {record.failures}/{record.threshold}"
    parts: list[RenderableType] = [Text(picture.service.name, style="bold").append(state, style="not bold")]
    parts.append(_rollouts(picture))
    parts.append(_tasks(picture))
    if picture.targets:
        parts.append(_targets(picture))
    for event in picture.service.events[:_MOST_EVENTS][::-1]:
        if record is None or event.at >= record.created_at:
            style = "red" if is_bad_news(event.message) else "dim"
            parts.append(Text(f"  {event.at:%H:%M:%S} {event.message}", style=style, overflow="ellipsis", no_wrap=True))
    return parts


def _rollouts(picture: Picture) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_row("  ", *(Text(head, style="dim") for head in ("REVISION", "DESIRED", "PENDING", "RUNNING", "FAILED")))
    for rollout in picture.service.rollouts:
        failed = Text(str(rollout.failed), style="red" if rollout.failed else "")
        marker = "▶ " if rollout.status == "PRIMARY" else "  "
        figures = (str(rollout.desired), str(rollout.pending), str(rollout.running), failed)
        table.add_row(marker, label(picture, rollout.task_definition), *figures)
    return table


def _tasks(picture: Picture) -> RenderableType:
    since = picture.deployment.created_at if picture.deployment is not None else picture.at
    ended = [task for task in picture.stopped if task.stopped_at is None or task.stopped_at >= since]
    tasks = sorted([*picture.tasks, *ended], key=lambda task: (task.status == "STOPPED", task.created_at))
    if len(tasks) > _MOST_TASKS:
        states = Count((short(t.task_definition), t.status, t.health) for t in tasks)
        lines = [
            f"  {count:>5} of {name} {status} {_health(health)}" for (name, status, health), count in states.items()
        ]
        return Text("\n".join(lines))
    text = Text()
    for number, task in enumerate(tasks):
        text.append("\n" if number else "").append("  ").append(_task(task))
    return text


def _health(health: str) -> str:
    return "" if health == "UNKNOWN" else health


def _task(task: Task) -> Text:
    text = Text(f"{task.id[:8]} {short(task.task_definition)} ")
    text.append(f"{task.status:<14}", style="red" if is_failure(task) else _STATUS_STYLE.get(task.status, ""))
    text.append(f"{_health(task.health):<10}", style="red" if task.health == "UNHEALTHY" else "green")
    text.append(task.zone, style="dim")
    if task.stopped_reason:
        codes = ", ".join(f"exit {c.exit_code}" for c in task.containers if c.exit_code is not None)
        text.append(
            f" {task.stopped_reason}" + (f" ({codes})" if codes else ""), style="red" if is_failure(task) else "dim"
        )
    return text


def _targets(picture: Picture) -> Text:
    text = Text("  targets ")
    for number, (state, count) in enumerate(sorted(Count(target.state for target in picture.targets).items())):
        text.append(", " if number else "").append(f"{count} {state}", style=_TARGET_STYLE.get(state, ""))
    return text
