"""Values of `[project]` that have a form of their own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from fairway.errors import UsageError
from fairway.project.text import did_you_mean, place

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ROLLBACK_ALL, KEEP = "rollback-all", "keep"
ON_FAILURE: Final = (ROLLBACK_ALL, KEEP)
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_VARIABLE: Final = re.compile(r"\$\{(?P<name>\w+)\}")
RETENTIONS: Final = (
    1,
    3,
    5,
    7,
    14,
    30,
    60,
    90,
    120,
    150,
    180,
    365,
    400,
    545,
    731,
    1096,
    1827,
    2192,
    2557,
    2922,
    3288,
    3653,
)
"""Days that a log group can keep its events. Source: CloudWatch Logs API Reference, PutRetentionPolicy."""


def read_retention(head: Mapping[str, Any], path: Path) -> int | None:
    """`log_retention_days`; None: nothing is said, and a log group stays as it is.

    Raises:
        UsageError: CloudWatch Logs does not take it.
    """
    days = head.get("log_retention_days")
    if days is None or (days in RETENTIONS and isinstance(days, int) and not isinstance(days, bool)):
        return days
    raise UsageError(
        f"{place(path, 'project', 'log_retention_days')}: log_retention_days is {days!r}",
        hint=f"CloudWatch Logs takes {', '.join(map(str, RETENTIONS))}",
    )


def read_on_failure(head: Mapping[str, Any], path: Path) -> str:
    """`on_failure`: what becomes of the finished services of a release of which a later one fails.

    Raises:
        UsageError: no such choice.
    """
    choice = head.get("on_failure", ROLLBACK_ALL)
    if choice in ON_FAILURE:
        return str(choice)
    raise UsageError(
        f"{place(path, 'project', 'on_failure')}: on_failure is {choice!r}", hint=did_you_mean(str(choice), ON_FAILURE)
    )


def fault_switches(head: Mapping[str, Any], path: Path) -> str | None:
    """`fault_switches`: the name of a variable."""
    name = head.get("fault_switches")
    if name is None or (isinstance(name, str) and _NAME.fullmatch(name)):
        return name
    raise UsageError(
        f"{place(path, 'project', 'fault_switches')}: fault_switches is {name!r}, which is no variable's name",
        hint='name the variable by which your program is told to misbehave: fault_switches = "SHOP_FAULTS"',
    )


def read_pin_secrets(head: Mapping[str, Any], path: Path) -> bool:
    """`pin_secrets`: true or false (the default).

    Raises:
        UsageError: it is neither.
    """
    value = head.get("pin_secrets", False)
    if isinstance(value, bool):
        return value
    raise UsageError(
        f"{place(path, 'project', 'pin_secrets')}: pin_secrets is {value!r}", hint="write pin_secrets = true or false"
    )


def read_webhook(head: Mapping[str, Any], values: Mapping[str, str], path: Path) -> str | None:
    """`${NAME}` that is not set here: nobody is told, as on a laptop."""
    value = head.get("webhook")
    if value is None:
        return None
    named = _VARIABLE.fullmatch(str(value))
    address = values.get(named["name"]) if named is not None else str(value)
    if not address:
        return None
    if not address.startswith(("https://", "http://")):
        raise UsageError(
            f"{place(path, 'project', 'webhook')}: webhook is no http(s) address",
            hint='webhook = "${FAIRWAY_WEBHOOK}" takes it from the environment, where a secret belongs',
        )
    return address
