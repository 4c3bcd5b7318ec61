"""What happened in an act, told by the events of the command that played it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from fairway.deployment.rehearsal.acts import Catcher

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_BEGINNINGS: Final = frozenset({"service_updated", "one_off_started"})
_BREAKER, _ALARM = "circuit breaker", "alarm"


@dataclass(frozen=True, slots=True)
class Heard:
    """An event, and when it was heard."""

    at: float
    """Real seconds, by the monotonic clock."""
    event: Mapping[str, Any]

    @property
    def kind(self) -> str:
        return str(self.event.get("event", ""))

    @property
    def engine_time(self) -> datetime | None:
        """The engine's time that it carries."""
        try:
            return datetime.fromisoformat(str(self.event.get("at")))
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Told:
    """Who noticed, and how soon the user heard of it."""

    catcher: Catcher
    reason: str = ""
    engine_seconds: float | None = None
    """From the beginning of what was broken; None: nobody noticed, or nothing had begun."""
    real_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Capacity:
    """The fewest healthy tasks of a service that were seen, of those that are wanted."""

    lowest: int
    desired: int
    bound: int
    """minimumHealthyPercent of the desired ones: fewer are never meant."""


@dataclass(frozen=True, slots=True)
class Requests:
    """What the load saw."""

    sent: int
    failed: int
    kinds: Mapping[str, int] = field(default_factory=dict)
    p95_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Happened:
    """All that is known of an act."""

    exit_code: int | None
    """None: it did not end in time, and was ended."""
    told: Told
    seconds: float
    """Real."""
    capacity: Mapping[str, Capacity] = field(default_factory=dict)
    """By the key of a service."""
    requests: Requests | None = None
    """None: no load could be sent."""
    not_back: tuple[str, ...] = ()
    """Services that do not serve the revision that they have to serve now, each with what it serves."""
    twice: tuple[str, ...] = ()
    """What was done more than once."""
    left_behind: tuple[str, ...] = ()
    """Locks and runs in the account."""
    said: tuple[str, ...] = ()
    """The last lines of the command, when it ended otherwise than it had to."""
    note: str = ""


def read_told(heard: Sequence[Heard], service: str | None = None) -> Told:
    """Who noticed first; `service` is the name (on ECS, or of a one-off task) of what is at fault.

    giving_up                            -> early give-up (the tool's own)
    outcome … circuit breaker …          -> ECS circuit breaker
    outcome … alarm …                    -> ECS deployment alarm
    one_off_stopped, not succeeded       -> migration step
    verify_verdict unhealthy             -> verification
    monitor_verdict unhealthy            -> monitoring
    """
    began: Heard | None = None
    for item in heard:
        if item.kind in _BEGINNINGS and service in {None, item.event.get("service")}:
            began = began or item
        found = _caught(item)
        if found is not None:
            catcher, reason = found
            return Told(catcher, reason, _engine_seconds(began, item), None if began is None else item.at - began.at)
    return Told(Catcher.NOBODY, _undecided(heard))


def _caught(item: Heard) -> tuple[Catcher, str] | None:
    event = item.event
    reason = str(event.get("reason", ""))
    match item.kind:
        case "giving_up":
            return Catcher.GIVE_UP, reason
        case "outcome" if event.get("outcome") not in {"succeeded", "handed_over"}:
            if _BREAKER in reason:
                return Catcher.BREAKER, reason
            if _ALARM in reason:
                return Catcher.ALARM, reason
            return (Catcher.GIVE_UP, reason) if reason.startswith("given up") else None
        case "one_off_stopped" if not event.get("succeeded"):
            return Catcher.MIGRATION, reason
        case "verify_verdict" if event.get("health") == "unhealthy":
            return Catcher.VERIFY, reason
        case "monitor_verdict" if event.get("health") == "unhealthy":
            return Catcher.MONITOR, reason
        case _:
            return None


def _undecided(heard: Sequence[Heard]) -> str:
    """Why nobody could say; or the error with which the command ended."""
    for item in reversed(heard):
        if item.kind in {"verify_verdict", "monitor_verdict"} and item.event.get("health") != "healthy":
            return str(item.event.get("reason", ""))
        if item.kind == "error":
            return str(item.event.get("message", ""))
    return ""


def _engine_seconds(began: Heard | None, item: Heard) -> float | None:
    if began is None or began.engine_time is None or item.engine_time is None:
        return None
    return max(0.0, (item.engine_time - began.engine_time).total_seconds())
