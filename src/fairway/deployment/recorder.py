"""Keeps what a deployment tells, for its report, and passes it on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from datetime import datetime

    from fairway.aws.session import Aws
    from fairway.deployment.progress import Change, Listener
    from fairway.observed import Picture

_MOST: Final = 5000
"""Entries of a timeline; a deployment that goes on for hours keeps its first and its last."""
_LEFT_OUT: Final = frozenset({"rollout", "one_off_waiting"})
"""Counts that change all the time: the tasks tell the same."""


class Recorder:
    """A listener between a deployment and whoever shows it."""

    def __init__(self, listener: Listener, aws: Aws) -> None:
        self._listener = listener
        self._aws = aws
        self.entries: list[dict[str, Any]] = []
        """`at`, `kind`, `service`, `text`, `problem`: in the order in which they were told."""

    def change(self, change: Change) -> None:
        """Keep it, and pass it on."""
        if change.kind not in _LEFT_OUT:
            if len(self.entries) >= _MOST:
                del self.entries[_MOST // 2]
            at: datetime = self._aws.now()
            self.entries.append(
                {
                    "at": at.isoformat(timespec="seconds"),
                    "kind": change.kind,
                    "service": change.service,
                    "text": change.text,
                    "problem": change.is_problem,
                }
            )
        self._listener.change(change)

    def picture(self, picture: Picture) -> None:
        """Pass it on."""
        self._listener.picture(picture)
