"""What an update began is found, whatever AWS answers meanwhile; and ECS's own merit is not claimed."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from tests.deployment.builders import a_definition, a_record

from fairway.aws.pace import Pace
from fairway.aws.session import AwsError, CredentialsError
from fairway.deployment import services, update
from fairway.deployment.follow import Followed
from fairway.deployment.outcome import Ending, Outcome
from fairway.errors import DeploymentHeld
from fairway.observed import BAD


class Scripted:
    """An observer that answers by a script: a record, or an error."""

    cluster = "shop"

    def __init__(self, *script):
        self.script = list(script)

    def service_deployments(self, _name, *, most):
        assert most > 1
        step = self.script.pop(0)
        if isinstance(step, Exception):
            raise step
        return [] if step is None else [step]

    def revision_definitions(self, arns):
        return {arn: a_definition().arn for arn in arns}


def find(*script):
    return update.find_started(Scripted(*script), Pace(is_local=True), "api", a_definition().arn, known=frozenset())  # type: ignore[arg-type]


def test_an_outage_after_the_update_is_borne():
    record = a_record()
    assert find(None, AwsError("no engine answers"), record) is record


def test_credentials_that_end_after_the_update_hand_over():
    with pytest.raises(DeploymentHeld, match="api was updated, and ECS goes on; the credentials have ended") as raised:
        find(CredentialsError("the credentials have ended (ExpiredTokenException)"))
    assert raised.value.exit_code == 6
    assert raised.value.hint == "fairway watch shop/api"


def test_an_outage_that_lasts_hands_over(monkeypatch):
    now = iter([0.0, 1.0, 61.0])
    monkeypatch.setattr(update, "monotonic", lambda: next(now))
    with pytest.raises(DeploymentHeld, match="api was updated, and ECS goes on; no engine answers"):
        find(*[AwsError("no engine answers")] * 2)


@pytest.mark.parametrize(
    ("too_late", "expected"),
    [
        pytest.param(None, "given up: its image does not exist; ECS rolled back", id="ECS stopped it because we asked"),
        pytest.param("the deployment is rolling back", "ECS rolled back", id="ECS was rolling back already"),
    ],
)
def test_who_ended_a_deployment(monkeypatch, too_late, expected):
    asked: list[str] = []
    told: list[str] = []

    def stop(_observer, arn):
        asked.append(arn)
        return too_late

    context = SimpleNamespace(
        observer=None, pace=None, listener=None, timeout_seconds=None, guard=lambda: None,
        tell=lambda kind, *_, **__: told.append(kind), mark=lambda *_, **__: told.append("marked bad"),
    )  # fmt: skip
    monkeypatch.setattr(services, "clear_sign", lambda _picture: "its image does not exist")
    monkeypatch.setattr(services, "stop_deployment", stop)
    run = services.Services(context, SimpleNamespace(services=()), {"api": "arn"})  # type: ignore[arg-type]
    item = Followed("api", a_record().arn, a_definition(), picture=SimpleNamespace())  # type: ignore[arg-type]
    run.result.followed["api"] = item
    assert run._give_up(item) is (too_late is None)
    assert run._give_up(item) is False
    assert len(asked) == 1, "ECS is asked once"
    item.outcome = Outcome(Ending.ROLLED_BACK, "ECS rolled back", BAD)
    run._ended(item)
    assert item.outcome.text == expected
    assert ("giving_up" in told) is (too_late is None)
    assert "marked bad" in told
