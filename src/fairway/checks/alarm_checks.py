"""Checks of the alarms that are to stop a bad deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fairway.checks.finding import Check, Finding, failed, not_checked, ok, warning
from fairway.preconditions import Unread

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fairway.checks.situation import Situation

ALARM: Final = Check(
    "alarm",
    "Alarms of the deployment exist, and none is in ALARM already",
    "ECS ignores its alarms for a whole deployment when one of them is in ALARM at its begin: nothing would stop it. With "
    "--urgent it is a warning.",
    ("cloudwatch:DescribeAlarms",),
    'ECS Developer Guide, "How CloudWatch alarms detect Amazon ECS deployment failures"',
)
_RED, _FINE = "ALARM", "OK"


def alarm_names(configuration: Mapping[str, Any]) -> list[str]:
    """Of `deploymentConfiguration`; none where its alarms are not enabled."""
    alarms = configuration.get("alarms") or {}
    return [str(name) for name in alarms.get("alarmNames") or ()] if alarms.get("enable") else []


def alarm(situation: Situation) -> Iterator[Finding]:
    found = situation.facts.alarms
    for part in situation.parts:
        for name in alarm_names(part.configuration):
            subject = f"{part.key}: {name}"
            if isinstance(found, Unread):
                yield not_checked(ALARM, subject, found.reason)
                continue
            state = (found or {}).get(name)
            if state is None:
                yield failed(
                    ALARM, subject, "there is no such alarm", "make it, or correct deploymentConfiguration.alarms"
                )
            elif state == _RED and situation.urgent is not None:
                yield warning(
                    ALARM, subject, "it is in ALARM: ECS ignores its alarms for this deployment", "watch it closely"
                )
            elif state == _RED:
                yield failed(
                    ALARM,
                    subject,
                    "it is in ALARM already: ECS would ignore its alarms for the whole deployment",
                    'see why; to deploy what mends it: --urgent "why"',
                )
            elif state == _FINE:
                yield ok(ALARM, subject, "OK")
            else:
                yield warning(ALARM, subject, f"it is {state}: it knows nothing yet", "see whether its metric has data")
