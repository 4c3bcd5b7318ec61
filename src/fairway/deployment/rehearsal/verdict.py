"""What an act proved, and GO or NO-GO. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from fairway.deployment.rehearsal.acts import Act, Catcher, Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fairway.deployment.rehearsal.happened import Happened

NO_GO_EXIT_CODE: Final = 4
_LATER: Final = frozenset({Catcher.VERIFY, Catcher.MONITOR})


class Ended(StrEnum):
    """How an act ended."""

    AS_EXPECTED = "as expected"
    NOT_CAUGHT_HERE = "not caught here"
    """Whoever would have to notice does not run here: nothing is proved."""
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Played:
    """An act, what happened, and what is wrong with that."""

    act: Act
    happened: Happened
    reasons: tuple[str, ...] = ()
    """Each is a reason for NO-GO."""
    remarks: tuple[str, ...] = ()

    @property
    def ended(self) -> Ended:
        if self.reasons:
            return Ended.WRONG
        return Ended.NOT_CAUGHT_HERE if is_not_caught_here(self.act, self.happened) else Ended.AS_EXPECTED


@dataclass(frozen=True, slots=True)
class Decision:
    """The end of a rehearsal."""

    go: bool
    reasons: tuple[str, ...]
    """Of NO-GO, the most important first."""
    not_caught: tuple[str, ...]
    """What nobody noticed, or nobody could have here: told with GO, too."""

    @property
    def exit_code(self) -> int:
        return 0 if self.go else NO_GO_EXIT_CODE


def is_not_caught_here(act: Act, happened: Happened) -> bool:
    """Nobody noticed, and whoever would have to does not run here."""
    return bool(act.uncatchable) and happened.told.catcher not in act.caught_by


def judge(act: Act, happened: Happened) -> Played:
    """Hold what happened against what had to happen."""
    if happened.exit_code is None:
        text = f"{act.title}: it did not end within {happened.seconds:.0f} s"
        return Played(act, happened, (text, *(f"{act.title}: {left}" for left in _leavings(act, happened))))
    if is_not_caught_here(act, happened):
        left = tuple(f"{act.title}: {text}" for text in _leavings(act, happened))
        return Played(act, happened, left, (act.uncatchable,))
    reasons = [*_caught(act, happened), *_ended(act, happened), *_leavings(act, happened), *_losses(act, happened)]
    return Played(act, happened, tuple(f"{act.title}: {text}" for text in reasons), _remarks(act, happened))


def wrongly_at(
    act: Act, exit_code: int | None, *, now: str, before: str | None, baseline: str | None, belongs: bool
) -> str | None:
    """What a service serves, or a schedule starts, after an act: None, or how that is wrong ("": it is another revision).

    `belongs`: the act's release has a revision for it.
    """
    if act.kind is Kind.ROLLBACK:
        return None if now == baseline else ""
    if act.is_fault and act.exit_code != 0:
        return None if now == before else ""
    return ", as before" if now == before and belongs and exit_code == 0 else None


def _caught(act: Act, happened: Happened) -> list[str]:
    told = happened.told
    if told.catcher in act.caught_by:
        return []
    if told.catcher is Catcher.NOBODY:
        who = " or ".join(sorted(catcher for catcher in act.caught_by))
        return [f"nobody noticed ({who} must)" + (f": {told.reason}" if told.reason else "")]
    if Catcher.NOBODY in act.caught_by:
        return [f"{told.catcher} objected: {told.reason}"]
    return [f"{told.catcher} noticed, and not {' or '.join(sorted(act.caught_by))}: {told.reason}"]


def _ended(act: Act, happened: Happened) -> list[str]:
    if happened.exit_code == act.exit_code:
        return []
    what = f"it ended with exit code {happened.exit_code}, not {act.exit_code}"
    return [what + (f": {happened.told.reason}" if happened.told.reason and not act.is_fault else "")]


def _leavings(act: Act, happened: Happened) -> list[str]:
    said = "did not go back" if act.is_fault else "does not serve what it has to"
    found = [] if is_not_caught_here(act, happened) else [f"{text}: {said}" for text in happened.not_back]
    found += [f"done more than once: {text}" for text in happened.twice]
    return [*found, *(f"left behind: {text}" for text in happened.left_behind)]


def _losses(act: Act, happened: Happened) -> list[str]:
    if not act.loses_none:
        return []
    reasons = []
    if happened.requests is not None and happened.requests.failed:
        kinds = ", ".join(f"{count} of {kind}" for kind, count in happened.requests.kinds.items())
        reasons.append(f"{happened.requests.failed} of {happened.requests.sent:,} requests failed ({kinds})")
    for key, capacity in happened.capacity.items():
        if capacity.lowest < capacity.bound:
            reasons.append(
                f"{key} fell to {capacity.lowest} healthy tasks of {capacity.desired}; "
                f"its minimumHealthyPercent is {capacity.bound}"
            )
    return reasons


def _remarks(act: Act, happened: Happened) -> tuple[str, ...]:
    remarks = [happened.note] if happened.note else []
    told = happened.told
    if act.is_fault and told.catcher in _LATER and happened.requests is not None and happened.requests.failed:
        remarks.append(f"{happened.requests.failed} of {happened.requests.sent:,} requests failed until it was back")
    if act.caught_by == frozenset({Catcher.NOBODY}) and act.is_fault:
        remarks.append("ECS ends such tasks with SIGKILL after stopTimeout, and the deployment succeeds")
    return tuple(remarks)


_WEIGHT: Final = (Kind.RELEASE, Kind.ROLLBACK, Kind.RESUME, Kind.BASELINE, Kind.MIGRATION, Kind.FAULT)


def decide(played: Sequence[Played], left_behind: Sequence[str] = (), missing: Sequence[str] = ()) -> Decision:
    """GO, or NO-GO with its reasons.

    `left_behind`: on this machine, after the private engine was ended; `missing`: what could not be played, though it had to be.
    """
    order = sorted(played, key=lambda item: _WEIGHT.index(item.act.kind))
    reasons = [f"{item.act.stage}: {reason}" for item in order for reason in item.reasons]
    reasons += [*missing, *(f"left behind on this machine: {text}" for text in left_behind)]
    if not any(item.act.kind is Kind.RELEASE for item in played) and not missing:
        reasons.append("the release itself was not played")
    not_caught = [
        f"{item.act.stage}: {item.act.title}: not caught here: {item.act.uncatchable}"
        for item in played
        if item.ended is Ended.NOT_CAUGHT_HERE
    ]
    return Decision(not reasons, tuple(reasons), tuple(not_caught))
