"""What a source of metrics is asked, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from fairway.analysis.sample import Sample
    from fairway.aws.balancers import BalancedGroup
    from fairway.project.checks import MetricLimit


@dataclass(frozen=True, slots=True)
class Watched:
    """A service whose numbers are wanted."""

    key: str
    cluster: str
    service: str
    groups: tuple[BalancedGroup, ...] = ()
    metrics: tuple[MetricLimit, ...] = ()


class Source(Protocol):
    """Gives numbers of services, minute by minute."""

    @property
    def lateness(self) -> timedelta:
        """How long after a minute's end its numbers may still change."""

    def samples(self, watched: Sequence[Watched], start: datetime, end: datetime) -> dict[str, tuple[Sample, ...]]:
        """By key: a sample of each minute from `start` (a whole minute) until `end`; a minute without numbers is one too.

        Raises:
            AwsError: the source does not answer.
        """
