"""Tells a deployment's progress: plain lines, JSON events, or a live view where there is a terminal."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from fairway.clock import monotonic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fairway.aws.session import Aws
    from fairway.cli.output import Output
    from fairway.deployment.progress import Change, Listener
    from fairway.observed import Picture

_VERDICTS: Final = frozenset({"outcome", "verify_verdict", "monitor_verdict"})


SILENCE_SECONDS: Final = 60.0
"""Then a line says that it goes on: a log of CI that stands still looks like one that hangs."""


class Lines:
    """Each change once: a line of text, or one JSON event."""

    def __init__(self, out: Output, aws: Aws, *, moment: Callable[[], float] = monotonic) -> None:
        self._out = out
        self._aws = aws
        self._moment = moment
        self._said = moment()

    def change(self, change: Change) -> None:
        now, self._said = self._aws.now(), self._moment()
        self._out.event(change.kind, **{"service": change.service, "at": now, **change.fields})
        text = change.text
        if change.is_problem:
            text = self._out.paint(text, "red")
        elif change.kind in _VERDICTS:
            text = self._out.paint(text, "green")
        self._out.text(f"{now:%H:%M:%S} {change.service:<20} {text}".rstrip())

    def picture(self, picture: Picture) -> None:
        """Its changes were told; when there was none for long, how it stands."""
        if self._moment() - self._said < SILENCE_SECONDS:
            return
        self._said, service = self._moment(), picture.service
        text = f"goes on: {service.running} of {service.desired} tasks run"
        text += f", {service.pending} pending" if service.pending else ""
        text += f"; {len(service.rollouts)} revisions" if len(service.rollouts) > 1 else ""
        self._out.text(f"{self._aws.now():%H:%M:%S} {service.name:<20} {text}")


@contextmanager
def telling(out: Output, aws: Aws, *, title: str) -> Iterator[Listener]:
    """Whoever listens to a deployment, for as long as it goes on."""
    if not out.is_terminal:
        yield Lines(out, aws)
        return
    from fairway.cli.live import LiveView  # noqa: PLC0415 - rich is imported only where something is drawn

    with LiveView(out, aws, title=title) as view:
        yield view
