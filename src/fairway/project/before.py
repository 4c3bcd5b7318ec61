"""What a project asks for before it is deployed: a checklist, limits of scans, another environment first, peak hours.

fairway.toml and the environment's file have `[checklist]` and `[check]`, and the environment's says the last word. `requires` and
`[[peak_hours]]` are an environment's own.

[checklist]
reviewed = "Code reviewed and approved"                                        # a person says so, for each deployment
scanned = { title = "Image scanned", checks = ["image", "image-scan"] }        # these checks say so
reviewed = false                                                               # in an environment: not there

[check]
scan = { critical = 0, high = 5 }    # findings that an image may have; `high` left out: any number is a warning
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from fairway.errors import UsageError
from fairway.project.keys import Keys
from fairway.project.peak_hours import KEY as PEAK_HOURS
from fairway.project.peak_hours import PeakHours, read_peak_hours
from fairway.project.tables import check_keys, table_of
from fairway.project.text import did_you_mean, place

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

CHECKLIST: Final = "checklist"
CHECK: Final = "check"
REQUIRES: Final = "requires"
PROJECT_KEYS: Final = frozenset({CHECKLIST, CHECK})
ENVIRONMENT_KEYS: Final = PROJECT_KEYS | {REQUIRES, PEAK_HOURS}
_ITEM: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_MOST: Final = 100_000
_LOCAL: Final = "local"


@dataclass(frozen=True, slots=True)
class Item:
    """A point of the checklist."""

    name: str
    title: str
    checks: tuple[str, ...] = ()
    """Codes of checks that answer it; none: only a person can."""

    @property
    def variable(self) -> str:
        """The variable by which a CI job confirms it."""
        return "FAIRWAY_CONFIRM_" + self.name.replace("-", "_").upper()


@dataclass(frozen=True, slots=True)
class ScanLimits:
    """How many findings of a scan an image may have."""

    critical: int = 0
    high: int | None = None
    """None: any number, with a warning."""


@dataclass(frozen=True, slots=True)
class Before:
    """What is asked for before a deployment to one environment."""

    checklist: tuple[Item, ...] = ()
    scan: ScanLimits = field(default_factory=ScanLimits)
    requires: str | None = None
    """The environment in which the same images were marked good."""
    peak_hours: tuple[PeakHours, ...] = ()


def read_before(
    project: tuple[Mapping[str, Any], Path],
    environment: tuple[Mapping[str, Any], Path],
    name: str,
    known: Sequence[str],
) -> Before:
    """From the project's file and the environment's. `name`: of the environment; `known`: all of the project's.

    Raises:
        UsageError: names file, line, key and remedy.
    """
    overlay, path = environment
    items: dict[str, Item] = {}
    for document, file in (project, environment):
        for key, value in table_of(document, CHECKLIST, file).items():
            if value is False:
                items.pop(key, None)
            else:
                items[key] = _item(key, value, file)
    scan: dict[str, Any] = {}
    for document, file in (project, environment):
        scan |= _scan(table_of(document, CHECK, file), file)
    return Before(
        tuple(items.values()),
        ScanLimits(**scan),
        _required(overlay, path, name, known),
        read_peak_hours(overlay, path),
    )


def _item(name: str, value: Any, path: Path) -> Item:
    if not _ITEM.fullmatch(name):
        raise UsageError(
            f"{place(path, CHECKLIST, name)}: {name!r} names no point of a checklist",
            hint="lower case, digits and hyphens: on-call-told",
        )
    if isinstance(value, str) and value:
        return Item(name, value)
    hint = f'{name} = "what is to be so", or {{ title = "…", checks = ["image"] }}'
    if not isinstance(value, dict):
        raise UsageError(f"{place(path, CHECKLIST, name)}: {CHECKLIST}.{name} is {value!r}", hint=hint)
    check_keys(value, {"title", "checks"}, path, CHECKLIST, name)
    title, checks = value.get("title"), value.get("checks", [])
    if not isinstance(title, str) or not title:
        raise UsageError(f"{place(path, CHECKLIST, name)}: {CHECKLIST}.{name}.title is missing", hint=hint)
    if not isinstance(checks, list) or not all(isinstance(code, str) for code in checks):
        raise UsageError(f"{place(path, CHECKLIST, name, 'checks')}: checks must be a list of codes", hint=hint)
    return Item(name, title, tuple(checks))


def _scan(table: Mapping[str, Any], path: Path) -> dict[str, int]:
    check_keys(table, {"scan"}, path, CHECK)
    limits = table.get("scan", {})
    keys = Keys(limits, path, CHECK, "scan", known=("critical", "high"))
    found = {key: keys.whole(key, low=0, high=_MOST) for key in ("critical", "high")}
    return {key: value for key, value in found.items() if value is not None}


def _required(overlay: Mapping[str, Any], path: Path, name: str, known: Sequence[str]) -> str | None:
    value = overlay.get(REQUIRES)
    if value is None:
        return None
    others = [one for one in known if one not in {name, _LOCAL}]
    if not isinstance(value, str) or value not in others:
        raise UsageError(
            f"{place(path, REQUIRES)}: {REQUIRES} names no other environment: {value!r}",
            hint=did_you_mean(str(value), others) if others else "add deploy/environments/staging.toml",
        )
    return value
