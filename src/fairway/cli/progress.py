"""Tells a deployment's progress: plain lines, JSON events, or a live view where there is a terminal."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fairway.aws.session import Aws
    from fairway.cli.output import Output
    from fairway.deployment.progress import Change, Listener
    from fairway.observed import Picture

_VERDICTS: Final = frozenset({"outcome", "verify_verdict", "monitor_verdict"})


class Lines:
    """Each change once: a line of text, or one JSON event."""

    def __init__(self, out: Output, aws: Aws) -> None:
        self._out = out
        self._aws = aws

    def change(self, change: Change) -> None:
        now = self._aws.now()
        self._out.event(change.kind, **{"service": change.service, "at": now, **change.fields})
        text = change.text
        if change.is_problem:
            text = self._out.paint(text, "red")
        elif change.kind in _VERDICTS:
            text = self._out.paint(text, "green")
        self._out.text(f"{now:%H:%M:%S} {change.service:<20} {text}".rstrip())

    def picture(self, picture: Picture) -> None:
        del picture  # its changes were told


@contextmanager
def telling(out: Output, aws: Aws, *, title: str) -> Iterator[Listener]:
    """Whoever listens to a deployment, for as long as it goes on."""
    if not out.is_terminal:
        yield Lines(out, aws)
        return
    from fairway.cli.live import LiveView  # noqa: PLC0415 - rich is imported only where something is drawn

    with LiveView(out, aws, title=title) as view:
        yield view
