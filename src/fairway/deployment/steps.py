"""The steps of a deployment, and which of them are done. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from fairway.errors import UsageError
from fairway.project.text import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence


class Step(StrEnum):
    """In their order."""

    LOCK = "lock"
    LINT = "lint"
    CHECK = "check"
    MIGRATE = "migrate"
    REGISTER = "register"
    SERVICES = "services"
    VERIFY = "verify"
    MONITOR = "monitor"
    RECORD = "record"
    UNLOCK = "unlock"


_ALWAYS: Final = frozenset({Step.RECORD, Step.UNLOCK})
"""Without these a deployment leaves something behind, or nothing."""
_NEEDS: Final = {Step.SERVICES: Step.REGISTER}
UNTIL: Final = {"shifted": (Step.VERIFY, Step.MONITOR), "verified": (Step.MONITOR,), "watched": ()}
"""`--until`: what is left for `fairway watch --pending`."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which steps are done."""

    steps: frozenset[Step] = frozenset(Step)
    later: frozenset[Step] = frozenset()
    """Left for whoever adopts the watch (`--until`)."""

    def __contains__(self, step: Step) -> bool:
        return step in self.steps

    @property
    def looks(self) -> bool:
        """What serves is verified or watched, now or later."""
        return bool({Step.VERIFY, Step.MONITOR} & (self.steps | self.later))

    def only_looking(self) -> Selection:
        """Without the steps that change a service, or ask whether one may be changed."""
        changing = {Step.LINT, Step.CHECK, Step.MIGRATE, Step.REGISTER, Step.SERVICES}
        return replace(self, steps=self.steps - changing)

    @property
    def skipped(self) -> tuple[Step, ...]:
        """In their order: neither done now nor left for later."""
        return tuple(step for step in Step if step not in self.steps and step not in self.later)


def choose_steps(
    *, only: Sequence[str] = (), skip: Sequence[str] = (), start: str | None = None, until: str = "watched"
) -> Selection:
    """The steps that `--only`, `--skip`, `--from` and `--until` leave.

    only=[migrate]         lock, migrate, record, unlock      (what is changed is locked and recorded)
    skip=[check]           all but check
    start=services         lock, register, services, …        (services need their revisions; what came before was done)
    until=shifted          … services, record, unlock; verify and monitor are left for `watch --pending`

    Raises:
        UsageError: an unknown step, or options that contradict each other.
    """
    for option, names in (("--only", only), ("--skip", skip), ("--from", [start] if start else [])):
        for name in names:
            if name not in list(Step):
                raise UsageError(f"{option} {name}: there is no such step", hint=did_you_mean(name, list(Step)))
    if sum(map(bool, (only, start))) > 1:
        raise UsageError("--only and --from say different things", hint="leave one of them out")
    always = [name for name in skip if name in _ALWAYS]
    if always:
        raise UsageError(f"the step {always[0]} cannot be skipped", hint="nothing may be left behind")
    steps = set(Step)
    if only:
        steps = {Step.LOCK, *_ALWAYS, *(Step(name) for name in only)}
    if start:
        order = list(Step)
        steps = {Step.LOCK, *order[order.index(Step(start)) :]}
    steps -= {Step(name) for name in skip}
    for step, needed in _NEEDS.items():
        if step in steps:
            steps.add(needed)
    later = {step for step in UNTIL[until] if step in steps}
    return Selection(frozenset(steps - later), frozenset(later))
