"""Whoever answers may be gone for a while: a deployment is followed on when it is back."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.deployment.builders import a_definition, a_record, a_rollout, a_service, an_event

from fairway.aws.pace import Pace
from fairway.aws.session import Aws, AwsError, CredentialsError, connect
from fairway.clock import wall_now
from fairway.deployment import follow
from fairway.deployment.diagnosis import headline
from fairway.deployment.evidence import is_behind
from fairway.deployment.follow import Followed, Watcher
from fairway.observed import Service
from fairway.project.model import Environment

if TYPE_CHECKING:
    from fairway.deployment.progress import Change


class Kept:
    """Keeps what it is told."""

    def __init__(self):
        self.told: list[Change] = []

    def change(self, change):
        self.told.append(change)

    def picture(self, picture):
        self.newest = picture


@dataclass
class Scripted:
    """An observer whose looks succeed or fail as they are written down."""

    script: list[object]
    aws: object = None
    record: str | None = None
    """The status of the service deployment, when the script's steps are services."""
    asked: list[str] = field(default_factory=list)

    def describe_deployments(self, arns):
        self.asked.append("deployments")
        step = self.script.pop(0) if len(self.script) > 1 else self.script[0]  # the last one stays
        if isinstance(step, Exception):
            raise step
        self.step = step
        status = self.record or (step if step != "deleted" else "STOPPED")
        return {arn: a_record(status, rollback_revision="revision-1") for arn in arns}

    def services(self, names):
        self.asked.append("services")
        step = self.step
        return (
            {"api": step if isinstance(step, Service) else a_service(a_rollout(running=3))} if step != "deleted" else {}
        )

    def revision_definitions(self, arns):
        return {arn: a_definition(int(arn.rpartition("-")[2])).arn for arn in arns}

    def find_task_definition(self, arn):
        return a_definition(int(arn.rpartition(":")[2]), version="v1", verdict="good")

    def task_definition(self, reference):
        return a_definition(int(reference.rpartition(":")[2]))

    def tasks(self, _name, *, stopped=False):
        return []

    def targets(self, _groups):
        return []


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(follow, "monotonic", lambda: now[0])
    return now


def a_watcher(script, kept, *, left=None, record=None, **options):
    class Times:
        def now(self):
            return a_record().created_at

        def credentials_left(self):
            return left

    return Watcher(Scripted(script, aws=Times(), record=record), Pace(is_local=True), kept, **options)  # type: ignore[arg-type]


def followed():
    return Followed("api", a_record().arn, a_definition())


def test_an_outage_is_told_once_and_waited_for(clock):
    kept, item = Kept(), followed()
    gone = AwsError("no engine answers")
    watcher = a_watcher(["IN_PROGRESS", gone, gone, "SUCCESSFUL"], kept)
    assert watcher.look([item]) == []
    for _ in range(2):
        clock[0] += 30
        assert watcher.look([item]) == []
    assert [change.kind for change in kept.told].count("unreachable") == 1
    assert watcher.look([item]) == [item]
    assert item.outcome is not None
    assert item.outcome.exit_code == 0


def test_a_long_outage_hands_over(clock):
    kept, item = Kept(), followed()
    watcher = a_watcher([AwsError("no engine answers")] * 2, kept)
    assert watcher.look([item]) == []
    clock[0] += 121
    assert watcher.look([item]) == [item]
    assert item.outcome is not None
    assert item.outcome.exit_code == 6
    assert "no engine answers; ECS goes on" in item.outcome.text


def test_credentials_that_end_hand_over_at_once(clock):
    item = followed()
    watcher = a_watcher([CredentialsError("the credentials have ended (ExpiredToken)")], Kept())
    assert watcher.look([item]) == [item]
    assert item.outcome is not None
    assert item.outcome.exit_code == 6


def test_credentials_that_are_about_to_end_hand_over_in_order(clock):
    item = followed()
    watcher = a_watcher(["IN_PROGRESS"], Kept(), left=601.0)
    assert watcher.look([item]) == []
    watcher = a_watcher(["IN_PROGRESS"], Kept(), left=550.0)
    assert watcher.look([item]) == [item]
    assert item.outcome is not None
    assert item.outcome.exit_code == 6
    assert "the credentials end in 9 minutes and cannot be renewed; ECS goes on" in item.outcome.text


@pytest.fixture
def production(monkeypatch):
    """An environment on AWS, whose credentials stand in the environment."""

    def make(expiration):
        monkeypatch.delenv("AWS_PROFILE", raising=False)
        for name, value in (("ACCESS_KEY_ID", "a"), ("SECRET_ACCESS_KEY", "b"), ("CREDENTIAL_EXPIRATION", expiration)):
            monkeypatch.setenv(f"AWS_{name}", value)
        return Environment("production", "shop", "us-east-1", "123456789012")

    return make


def test_credentials_that_do_not_say_when_they_end_last(production):
    assert Aws(production("")).credentials_left() is None


def test_what_is_left_of_credentials_that_cannot_be_renewed(production):
    left = Aws(production((wall_now() + timedelta(minutes=20)).isoformat())).credentials_left()
    assert left is not None
    assert 1100 < left <= 1200


@pytest.mark.parametrize(
    ("expiration", "message"),
    [("2000-01-01T00:00:00Z", "the credentials have ended"), ("soon", "the credentials cannot be read")],
)
def test_credentials_that_are_of_no_use_are_named(production, expiration, message):
    with pytest.raises(CredentialsError, match=message):
        connect(production(expiration))


def test_a_service_that_is_deleted_meanwhile_has_failed(clock):
    item = followed()
    watcher = a_watcher(["deleted"], Kept())
    assert watcher.look([item]) == [item]
    assert item.outcome is not None
    assert item.outcome.exit_code == 5


def test_a_time_limit_ends_the_wait(clock):
    item = followed()
    watcher = a_watcher(["IN_PROGRESS", "IN_PROGRESS"], Kept(), timeout_seconds=10)
    assert watcher.look([item]) == []
    clock[0] += 11
    assert watcher.look([item]) == [item]
    assert item.outcome is not None
    assert item.outcome.exit_code == 6


def test_what_ended_is_shown_as_it_stands_after_its_end(clock):
    """The rollback is over between two calls: whichever comes second tells of it, and that is the service."""
    told = [an_event("(service api) rolling back to deployment ecs-svc/1.", 10, 1)]
    before = a_service(a_rollout(1, running=5), a_rollout(2, status="ACTIVE", running=5), events=told)
    done = an_event("(service api) (deployment ecs-svc/1) deployment completed.", 11, 2)
    after = a_service(a_rollout(1, running=5, state="COMPLETED"), events=[done, *told])
    kept, item = Kept(), followed()
    watcher = a_watcher([before, after], kept, record="ROLLBACK_IN_PROGRESS")
    assert watcher.look([item]) == []
    observer: Any = watcher._observer
    observer.record = "ROLLBACK_SUCCESSFUL"
    assert watcher.look([item]) == [item]
    assert observer.asked == ["deployments", "services"] * 2
    assert item.picture is not None
    assert headline(item.picture).endswith(
        "shop-api:2 (v2) failed and was rolled back; shop-api:1 (v2) serves, 5 of 3 tasks run"
    )
    assert any("deployment completed" in change.text for change in kept.told)


@pytest.mark.parametrize(
    ("status", "state", "expected"),
    [
        pytest.param("ROLLBACK_SUCCESSFUL", "IN_PROGRESS", True, id="the record is newer than the service"),
        pytest.param("ROLLBACK_SUCCESSFUL", "COMPLETED", False, id="both are over"),
        pytest.param("IN_PROGRESS", "IN_PROGRESS", False, id="both go on"),
    ],
)
def test_a_service_may_be_behind_its_record(status, state, expected):
    assert is_behind(a_service(a_rollout(running=3, state=state)), a_record(status)) is expected
