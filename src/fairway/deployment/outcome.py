"""How a deployment ended, decided from ECS's records alone. Pure.

The deployment that *we* started decides, never "the service is stable": after an automatic rollback a service is stable too.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from fairway.observed import BAD, GOOD, ROLLBACK_FAILED, ROLLBACK_SUCCESSFUL, ROLLING_BACK, STOPPED, SUCCESSFUL

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fairway.observed import Rollout, ServiceDeployment, TaskDefinition


class Ending(StrEnum):
    """The ways in which the deployment of a service ends."""

    SUCCEEDED = "succeeded"
    ROLLED_BACK = "rolled_back"
    NOT_ROLLED_BACK = "not_rolled_back"
    SUPERSEDED = "superseded"
    HANDED_OVER = "handed_over"
    HELD = "held"
    """It failed, and nothing goes back by itself: a migration of the same run cannot be undone."""


EXIT_CODES: Final = {
    Ending.SUCCEEDED: 0,
    Ending.ROLLED_BACK: 4,
    Ending.NOT_ROLLED_BACK: 5,
    Ending.HANDED_OVER: 6,
    Ending.HELD: 6,
    Ending.SUPERSEDED: 7,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended, and a sentence that says so."""

    ending: Ending
    text: str
    verdict: str | None = None
    """What this proves about the revision: good, bad, or None: nothing."""

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.ending]


@dataclass(frozen=True, slots=True)
class Newer:
    """A deployment of the same service that began after ours."""

    id: str
    revision: str
    by: str | None
    """Who registered its revision; None: ECS does not say."""
    is_fresh: bool = True
    """The revision was registered for it: whoever did that started it."""

    def text(self) -> str:
        """`superseded by X, started by Y`, as far as ECS tells: it keeps no record of who updates a service."""
        text = f"superseded by {self.revision} (service deployment {self.id})"
        if self.by is None:
            return f"{text}, started by somebody whom ECS does not name"
        if self.is_fresh:
            return f"{text}, started by {self.by}"
        return f"{text}, started by somebody whom ECS does not name (its revision was registered by {self.by})"


@dataclass(frozen=True, slots=True)
class BackTo:
    """The revision that ECS's own rollback lands on."""

    definition: TaskDefinition
    is_stand_in: bool = False
    """No revision of the service has a verdict, and this is the one that ran before."""

    @property
    def is_known_good(self) -> bool:
        return self.definition.verdict == GOOD or (self.is_stand_in and self.definition.verdict != BAD)


def judge(
    record: ServiceDeployment,
    *,
    newer: Newer | None = None,
    back_to: BackTo | None = None,
    primary: Rollout | None = None,
    timed_out: str | None = None,
) -> Outcome | None:
    """How our service deployment ended; None: it goes on.

    `newer` is the newest deployment after ours; `back_to` is needed once ECS has rolled back; `primary` is the rollout of our
    revision while it is the PRIMARY one; `timed_out` says which limit of ours is over.
    """
    if record.status == SUCCESSFUL:
        return Outcome(Ending.SUCCEEDED, "the service deployment ended SUCCESSFUL", GOOD)
    if record.status == ROLLBACK_SUCCESSFUL:
        return _rolled_back(record, back_to)
    if newer is not None:
        return Outcome(Ending.SUPERSEDED, newer.text())
    if record.status == ROLLBACK_FAILED:
        return Outcome(Ending.NOT_ROLLED_BACK, f"ECS's rollback failed{_because(record)}", BAD)
    if record.status == STOPPED:
        return Outcome(
            Ending.NOT_ROLLED_BACK, f"the deployment failed, and nothing was rolled back{_because(record)}", BAD
        )
    failed = primary is not None and primary.state == "FAILED"
    if failed and record.status not in ROLLING_BACK and not record.source_revisions:
        return Outcome(
            Ending.NOT_ROLLED_BACK,
            f"the first deployment failed: there is nothing to go back to{_because(record)}",
            BAD,
        )
    if timed_out is not None:
        return Outcome(Ending.HANDED_OVER, f"{timed_out}; ECS goes on ({record.status})")
    return None


def _because(record: ServiceDeployment) -> str:
    reason = record.rollback_reason or record.reason
    alarms = f" ({', '.join(record.alarms)})" if record.alarms else ""
    return f": {reason}{alarms}" if reason else alarms


def _rolled_back(record: ServiceDeployment, back_to: BackTo | None) -> Outcome:
    because = _because(record)
    if back_to is None:
        return Outcome(
            Ending.NOT_ROLLED_BACK, f"ECS rolled back, but to which revision cannot be told any more{because}", BAD
        )
    label = back_to.definition.label()
    if not back_to.is_known_good:
        what = "known to be bad" if back_to.definition.verdict == BAD else "not known to be good"
        return Outcome(Ending.NOT_ROLLED_BACK, f"ECS rolled back to {label}, which is {what}{because}", BAD)
    kind = "the unverified" if back_to.definition.verdict != GOOD else "the known good"
    return Outcome(Ending.ROLLED_BACK, f"ECS rolled back to {kind} {label}{because}", BAD)


def overall(endings: Iterable[Ending], *, went_back: Sequence[bool] = (), left: int = 0) -> int:
    """The exit code of a whole run.

    `endings` are of every deployment that was started; `went_back` says of each finished service whether it was taken back
    after a later one failed; `left` counts finished services that were to go back and cannot.
    """
    seen = list(endings)
    failed = [ending for ending in seen if ending in {Ending.ROLLED_BACK, Ending.NOT_ROLLED_BACK}]
    if failed:
        # what still goes on, or belongs to somebody else now, has not been taken back
        whole = all(went_back) and left == 0 and Ending.NOT_ROLLED_BACK not in failed
        apart = bool({Ending.SUPERSEDED, Ending.HANDED_OVER, Ending.HELD} & set(seen))
        return EXIT_CODES[Ending.ROLLED_BACK if whole and not apart else Ending.NOT_ROLLED_BACK]
    for ending in (Ending.SUPERSEDED, Ending.HELD, Ending.HANDED_OVER):
        if ending in seen:
            return EXIT_CODES[ending]
    return 0
