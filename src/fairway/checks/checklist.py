"""The checklist: what a check answers, and what a person has to. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self

from fairway.checks.finding import State
from fairway.checks.registry import CHECKS
from fairway.errors import UsageError
from fairway.project.text import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from fairway.checks.finding import Finding
    from fairway.project.before import Item

_NO: Final = frozenset({"", "0", "false", "no"})
"""Values of a variable that confirm nothing."""


class How(StrEnum):
    """Who answered."""

    CHECK = "check"
    OPTION = "--confirm"
    VARIABLE = "variable"
    TERMINAL = "terminal"


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A point of the checklist that is so."""

    name: str
    title: str
    how: How
    by: str
    """The caller's ARN; for a check, its codes."""
    at: datetime
    text: str = ""

    def document(self) -> dict[str, Any]:
        """As JSON, for a report."""
        return {
            "name": self.name,
            "title": self.title,
            "how": str(self.how),
            "by": self.by,
            "at": self.at.isoformat(timespec="seconds"),
            "text": self.text,
        }

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """From what `document` gave."""
        how, at = How(document["how"]), datetime.fromisoformat(document["at"])
        return cls(document["name"], document["title"], how, document["by"], at, document["text"])


@dataclass(frozen=True, slots=True)
class Checklist:
    """Where a checklist stands."""

    confirmed: tuple[Confirmed, ...] = ()
    open: tuple[Item, ...] = ()
    """Only a person can say so, and none has."""
    failed: tuple[Item, ...] = ()
    """A check says that it is not so: nobody can confirm that away."""


def read_confirmations(texts: Iterable[str], items: Sequence[Item]) -> dict[str, str]:
    """`NAME[=TEXT]` -> {name: text}.

    Raises:
        UsageError: the checklist has no such point.
    """
    known = [item.name for item in items]
    found = {}
    for given in texts:
        name, _, text = given.partition("=")
        if name not in known:
            hint = did_you_mean(name, known) if known else "the project has no [checklist]"
            raise UsageError(f"--confirm {name}: the checklist has no such point", hint=hint)
        found[name] = text
    return found


def go_through(
    items: Sequence[Item],
    findings: Sequence[Finding],
    *,
    given: Mapping[str, str],
    variables: Mapping[str, str],
    by: str,
    at: datetime,
) -> Checklist:
    """Answer each point: by its checks where they know, else by who has confirmed it.

    A check that fails is the answer; one that warns, or passes, is as well. Where none of a point's checks could look (or it has
    none), a person has to. `given`: by --confirm; `variables`: of the process.

    Raises:
        UsageError: a point names a check that is not there.
    """
    confirmed: list[Confirmed] = []
    open_: list[Item] = []
    failed: list[Item] = []
    for item in items:
        answers = _answers(item, findings)
        variable = variables.get(item.variable, "")
        if any(state is State.FAILED for _, state in answers):
            failed.append(item)
        elif {code for code, _ in answers} >= set(item.checks) != set() and not _is_unknown(answers):
            text = ", ".join(dict.fromkeys(f"{code}: {state}" for code, state in answers))
            confirmed.append(Confirmed(item.name, item.title, How.CHECK, ", ".join(item.checks), at, text))
        elif item.name in given:
            confirmed.append(Confirmed(item.name, item.title, How.OPTION, by, at, given[item.name]))
        elif variable.strip().lower() not in _NO:
            confirmed.append(Confirmed(item.name, item.title, How.VARIABLE, by, at, f"{item.variable}={variable}"))
        else:
            open_.append(item)
    return Checklist(tuple(confirmed), tuple(open_), tuple(failed))


def refuse_open(items: Sequence[Item], what: str) -> NoReturn:
    """Refuse to go on while points are open; `what`: why they are.

    Raises:
        UsageError: names each of them, and how it is confirmed.
    """
    lines = "".join(f"\n  {item.name}: {item.title}" for item in items)
    options = " ".join(f"--confirm {item.name}" for item in items)
    raise UsageError(
        f"the checklist: {what}, and nothing was changed:{lines}",
        hint=f"who knows it is so adds {options}; a CI job sets {items[0].variable}=WHO, …",
    )


def _answers(item: Item, findings: Sequence[Finding]) -> list[tuple[str, State]]:
    """What its checks say, in the order of the checks."""
    for code in item.checks:
        if code not in CHECKS:
            raise UsageError(
                f"the checklist's {item.name} names a check {code!r} that is not there", hint=did_you_mean(code, CHECKS)
            )
    return [(code, finding.state) for code in item.checks for finding in findings if finding.code == code]


def _is_unknown(answers: Sequence[tuple[str, State]]) -> bool:
    return any(state is State.NOT_CHECKED for _, state in answers)
