"""The failures that `failures.py` makes: what is broken, who must notice it, and how that is read from what the tool tells. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

IMAGE: Final = "123456789012.dkr.ecr.us-east-1.amazonaws.com/taskmanager-api"
API: Final = "deploy/api.task.json"
SERVICE: Final = "deploy/api.service.json"
LOCAL: Final = "deploy/environments/local.toml"
UNWATCHED: Final = 'monitor = { minutes = 0, on_inconclusive = "keep" }'
PROBE: Final = '["CMD", "python", "-I", "-S", "taskmanager/probe.py", "http://localhost:8000/health"]'
BREAKER: Final = '"deploymentCircuitBreaker": {\n      "enable": true,\n      "rollback": true\n    }'
NO_CHECK: Final = ("--skip", "check")
"""What `check` would refuse before anything is changed (exit code 2) is deployed all the same."""
_REVISIONS: Final = Path(__file__).parents[1] / "src/taskmanager/migrations/versions"
_NEWEST: Final = max(path.stem for path in _REVISIONS.glob("0*.py"))
BROKEN_REVISION: Final = f'''"""A column of a table that nobody has made."""

import sqlalchemy as sa
from alembic import op

revision = "0099_broken"
down_revision = "{_NEWEST}"
branch_labels = None
depends_on = None
one_way = False


def upgrade() -> None:
    op.add_column("invoices", sa.Column("paid", sa.Boolean))


def downgrade() -> None:
    op.drop_column("invoices", "paid")
'''


class Who(StrEnum):
    """Who noticed a failure."""

    LINT = "lint, before anything changed"
    CHECK = "check, before anything changed"
    MIGRATION = "the migration's exit code"
    GIVE_UP = "early give-up"
    BREAKER = "ECS's circuit breaker"
    ALARM = "ECS's alarm"
    VERIFY = "verify"
    MONITOR = "monitor"
    TOOL = "the tool, which hands over"
    NOBODY = "nobody: it was borne"


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of one place of the project: `old` stands there exactly once. An empty `old`: a new file."""

    path: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Failure:
    """One way in which a deployment fails, and what has to come of it."""

    key: str
    kind: str
    """The failure class, as in `KINDS`."""
    broken: str
    """What is broken, in words."""
    who: frozenset[Who]
    """Who may notice it: more than one where they race with each other."""
    exit_code: int
    words: tuple[str, ...] = ()
    """What `fairway deploy api --json` is given beside `--tag`."""
    image: str = ""
    """Deployed by `--image` instead of `--tag`."""
    edits: tuple[Edit, ...] = ()
    faults: str = ""
    monitor: str = ""
    """How the service is watched afterwards; empty: not at all."""
    throttle_each: int = 0
    expires_after: str = ""
    is_full: bool = False
    """The service moves into a subnet without a free address."""
    serves_new: bool = False
    """The new version serves afterwards."""
    says: str = ""
    """What must stand in the headline or the likely cause (a regular expression): the reason, not only that it failed."""


KINDS: Final = (
    "bad image",
    "missing secret",
    "crash at start",
    "crash after 20 s",
    "container check fails",
    "balancer check fails",
    "5 % errors after start",
    "+300 ms",
    "slow start",
    "leak",
    "migration fails",
    "throttled API",
    "expired token",
    "no capacity",
    "refused by lint",
)
"""Every failure class that the table must have."""


def _only(*who: Who) -> frozenset[Who]:
    return frozenset(who)


WATCHED: Final = "monitor = { minutes = 15, alarms = false }"
"""For rows that are about the watch: ECS's own alarms would race with it."""
GUARDED: Final = "monitor = { minutes = 15 }"
_NO_BREAKER: Final = Edit(SERVICE, BREAKER, BREAKER.replace("true", "false"))
_NO_SECRET: Final = Edit(API, "secret:taskmanager/jwt-signing-key", "secret:taskmanager/no-such-secret")

FAILURES: Final = (
    Failure(
        "bad-image", "bad image", "the image's tag does not exist",
        _only(Who.GIVE_UP, Who.BREAKER), 4, words=NO_CHECK, image=f"{IMAGE}:no-such-tag", says="taskmanager-api:no-such-tag does not exist",
    ),
    Failure(
        "bad-image-check", "bad image", "the same, with the step `check`",
        _only(Who.CHECK), 2, image=f"{IMAGE}:no-such-tag", says="no-such-tag",
    ),
    Failure(
        "bad-image-no-breaker", "bad image", "the same, in a service without the circuit breaker",
        _only(Who.GIVE_UP), 4, words=NO_CHECK, image=f"{IMAGE}:no-such-tag-either", edits=(_NO_BREAKER,), says="does not exist",
    ),
    Failure(
        "missing-secret", "missing secret", "a secret that the definition names does not exist",
        _only(Who.GIVE_UP, Who.BREAKER), 4, words=NO_CHECK, edits=(_NO_SECRET,), says="taskmanager/no-such-secret",
    ),
    Failure(
        "missing-secret-check", "missing secret", "the same, with the step `check`",
        _only(Who.CHECK), 2, edits=(_NO_SECRET,), says="taskmanager/no-such-secret",
    ),
    Failure(
        "missing-secret-no-breaker", "missing secret", "the same, in a service without the circuit breaker",
        _only(Who.GIVE_UP), 4, words=NO_CHECK, edits=(_NO_SECRET, _NO_BREAKER), says="taskmanager/no-such-secret",
    ),
    Failure(
        "crash-at-start", "crash at start", "the program raises an exception at once",
        _only(Who.GIVE_UP, Who.BREAKER), 4, faults="crash_at_start", says="RuntimeError: crash_at_start",
    ),
    Failure(
        "crash-after", "crash after 20 s", "the program ends 20 s after its start, when its checks have passed",
        _only(Who.MONITOR), 4, faults="crash_after=20", monitor=WATCHED, says="exit code 1",
    ),
    Failure(
        "container-check", "container check fails", "the container's health command asks a path that is not there",
        _only(Who.BREAKER), 4, edits=(Edit(LOCAL, PROBE, PROBE.replace("/health", "/no-such-path")),), says="run(?: |<br>)`[^`]*/no-such-path` failed",
    ),
    Failure(
        "balancer-check", "balancer check fails", "/health answers 503 to the load balancer; the container's own check passes",
        _only(Who.BREAKER), 4, faults="unhealthy_after=0",
        edits=(Edit(LOCAL, PROBE, '["CMD", "python", "-I", "-S", "-c", "pass"]'),), says="/health answers 503",
    ),
    Failure(
        "errors-verify", "5 % errors after start", "5 % of the answers are errors, once it serves",
        _only(Who.VERIFY, Who.MONITOR), 4, faults="error_rate=0.05", monitor=WATCHED, says="answered 500|requests failed",
    ),
    Failure(
        "errors-monitor", "5 % errors after start", "the same, deployed with `--skip verify`",
        _only(Who.MONITOR), 4, words=("--skip", "verify"), faults="error_rate=0.05", monitor=WATCHED, says="requests",
    ),
    Failure(
        "errors-alarm", "5 % errors after start", "the same, with the alarms that `deploy` gives to ECS",
        _only(Who.ALARM), 4, faults="error_rate=0.05", monitor=GUARDED, says="-errors",
    ),
    Failure(
        "latency", "+300 ms", "each answer takes 300 ms more",
        _only(Who.MONITOR), 4, faults="latency_ms=300", monitor=WATCHED, says="p95",
    ),
    Failure(
        "latency-alarm", "+300 ms", "the same, with the alarms that `deploy` gives to ECS",
        _only(Who.ALARM), 4, faults="latency_ms=300", monitor=GUARDED, says="-latency",
    ),
    Failure(
        "slow-start", "slow start", "the program opens its port after 300 s, long after the grace period",
        _only(Who.BREAKER), 4, faults="slow_start=300", says="starts slower",
    ),
    Failure(
        "leak", "leak", "each task takes 8 MB more a second, up to its limit",
        _only(Who.MONITOR), 4, faults="leak_mb_per_second=8", monitor=WATCHED, says="OutOfMemory",
    ),
    Failure(
        "migration", "migration fails", "a migration changes a table that is not there",
        _only(Who.MIGRATION), 5,
        edits=(Edit("src/taskmanager/migrations/versions/0099_broken.py", "", BROKEN_REVISION),), says="no such table: invoices",
    ),
    Failure(
        "throttled", "throttled API", "AWS throttles one call in three; the release is good",
        _only(Who.NOBODY), 0, throttle_each=3, serves_new=True,
    ),
    Failure(
        "throttled-crash", "throttled API", "AWS throttles one call in three, and the program crashes at its start",
        _only(Who.GIVE_UP, Who.BREAKER), 4, faults="crash_at_start", throttle_each=3, says="RuntimeError: crash_at_start",
    ),
    Failure(
        "expired", "expired token", "the credentials end when ECS has begun the deployment, which is good",
        _only(Who.TOOL), 6, expires_after="UpdateService", serves_new=True, says="the credentials have ended",
    ),
    Failure(
        "no-capacity", "no capacity", "no subnet of the service has a free address",
        _only(Who.BREAKER), 4, is_full=True, says="has no free address",
    ),
    Failure(
        "lint", "refused by lint", "CPU and memory in a combination that Fargate does not have",
        _only(Who.LINT), 2, edits=(Edit(LOCAL, 'memory = "512" ', 'memory = "8192" '),), says="8192",
    ),
)  # fmt: skip


# -- what the tool told ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Told:
    """An event, and the real seconds from the command's start until it was printed."""

    seconds: float
    event: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of a failure."""

    who: Who
    headline: str
    likely: str
    exit_code: int
    told_seconds: float
    """Until the tool first said that something is wrong."""
    ended_seconds: float
    serves: str
    """The version, and how many tasks of it."""
    serves_new: bool
    requests: int
    failed: int


_ROLLING_BACK: Final = frozenset(
    {"ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED"}
)


def noticed(event: Mapping[str, Any]) -> Who | None:
    """Who has noticed a failure, by an event that tells of one; None: it tells of none."""
    kind, reason = event["event"], str(event.get("reason", ""))
    match kind:
        case "giving_up":
            return Who.GIVE_UP
        case "deployment" if event["status"] in _ROLLING_BACK:
            return _ecs(reason)
        case "outcome" if event["outcome"] == "handed_over":
            return Who.TOOL
        case "outcome" if event["outcome"] != "succeeded":
            return _ecs(reason)
        case "one_off_stopped" if not event["succeeded"]:
            return Who.MIGRATION
        case "verify_verdict" if event["health"] == "unhealthy":
            return Who.VERIFY
        case "monitor_verdict" if event["health"] == "unhealthy":
            return Who.MONITOR
        case "check" if event["state"] == "failed":
            return Who.CHECK
        case "error":
            return Who.LINT if event["exit_code"] == 2 else Who.TOOL
        case _:
            return None


def _ecs(reason: str) -> Who | None:
    if "circuit breaker" in reason:
        return Who.BREAKER
    if "alarm" in reason.lower():
        return Who.ALARM
    return None


def first_notice(told: Iterable[Told]) -> tuple[Who, float]:
    """Who noticed first, and after how many seconds that was told; nobody: at the end."""
    seconds = 0.0
    for item in told:
        who = noticed(item.event)
        if who is not None:
            return who, item.seconds
        seconds = item.seconds
    return Who.NOBODY, seconds


def what_was_said(events: Sequence[Mapping[str, Any]], who: Who) -> tuple[str, str]:
    """The headline and the likely cause, one line each."""
    by_kind = {event["event"]: event for event in events}
    if who in {Who.VERIFY, Who.MONITOR}:
        verdict = by_kind["verify_verdict" if who is Who.VERIFY else "monitor_verdict"]
        unhealthy = [e for e in events if e["event"] == verdict["event"] and e["health"] == "unhealthy"]
        return f"{who}: {unhealthy[0]['service']} is unhealthy", unhealthy[0]["reason"]
    if who is Who.MIGRATION:
        stopped = by_kind["one_off_stopped"]
        return f"{stopped['service']} failed", stopped["reason"]
    if who is Who.CHECK:
        failed = next(e for e in events if e["event"] == "check" and e["state"] == "failed")
        return f"{failed['subject']}: {failed['text']}", failed["remedy"]
    if "error" in by_kind:
        return by_kind["error"]["message"], by_kind["error"]["hint"]
    if who is Who.TOOL or who is Who.NOBODY:
        outcome = by_kind["outcome"]
        return f"{outcome['service']}: {outcome['outcome'].replace('_', ' ')}", outcome["reason"]
    diagnosis = by_kind.get("diagnosis")
    if diagnosis is None:
        return by_kind["outcome"]["reason"], ""
    likely = next((cause["likely"] for cause in diagnosis["causes"] if cause["likely"]), "")
    return diagnosis["headline"], likely or by_kind["outcome"]["reason"]


def wrong(failure: Failure, seen: Seen) -> list[str]:
    """What was told otherwise than it should have been; empty: all is as it should be."""
    found = []
    if seen.exit_code != failure.exit_code:
        found.append(f"exit code {seen.exit_code} instead of {failure.exit_code}")
    if seen.who not in failure.who:
        found.append(f"noticed by {seen.who} instead of {' or '.join(sorted(failure.who))}")
    if not re.search(failure.says, f"{seen.headline} {seen.likely}"):
        found.append(f"does not say {failure.says!r}")
    if seen.serves_new is not failure.serves_new:
        found.append(f"afterwards serves {seen.serves}")
    return found


# -- the page ----------------------------------------------------------------------------------------------------------

HEAD: Final = """# Failures, and who notices them

Each failure was made, not mocked: a real stack (five tasks of the Task Management System behind Envoy, under load) was told to
deploy it. This page is written by `benchmarks/failures.py`, which fails when a failure is told otherwise than it should be:

    PYTHONPATH=src:. python benchmarks/failures.py --page docs/reference/failures.md
"""
NOTES: Final = """
- **Told after**: from the start of the command (a migration runs first) until the tool first says that something is wrong. The engine
  had twenty seconds of its own for each real one: the second number. What a task does, its start period and the grace period take
  real seconds in any case; watching takes the engine's.
- **Ended after**: until the command's exit, with what it took to go back.
- *Early give-up* and *ECS's circuit breaker* race where several tasks are started at once: five of them that fail are more than the three
  that ECS waits for. Where ECS starts fewer, or its breaker is off, giving up is what ends it.
- Requests failed while a release served that answers with errors, or dies: those are the failure itself.
"""


def row(failure: Failure, seen: Mapping[str, Any]) -> str:
    """A row of the table, from what `failures.py` prints of a failure."""
    said = f"{seen['headline']}" + (f"<br>{seen['likely']}" if seen["likely"] else "")
    cells = [
        f"**{failure.kind}**: {failure.broken}",
        seen["who"],
        said,
        str(seen["exit_code"]),
        f"{seen['told_seconds']:.1f} s ({seen['told_engine_seconds']:.0f} s)",
        f"{seen['ended_seconds']:.1f} s",
        seen["serves"],
        f"{seen['failed']} of {seen['requests']}",
    ]
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _cell(text: str) -> str:
    plain = re.sub(r"\s+", " ", text).replace("|", "\\|")
    plain = re.sub(r" --port \d+", "", plain)
    # identifiers of one run say nothing to a reader
    return re.sub(r"\b(subnet|ecs-svc)([-/])[0-9a-f]{6,}\b", r"\1\2…", plain)


def page(seen: Mapping[str, Mapping[str, Any]], *, made_on: str) -> str:
    """The page, from what `failures.py` prints: by key. A failure that was not made has no row."""
    lines = [
        HEAD,
        f"{made_on}\n",
        "| broken | noticed by | the tool says | exit code | told after | ended after | serves afterwards | failed requests |",
        "|---|---|---|---|---|---|---|---|",
        *(row(failure, seen[failure.key]) for failure in FAILURES if failure.key in seen),
    ]
    return "\n".join(lines) + "\n" + NOTES
