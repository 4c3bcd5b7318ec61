"""A plan that is kept holds for exactly what it was made for."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from tests.planning.builders import (
    PASSWORD,
    T0,
    a_definition,
    a_one_off,
    a_release,
    a_service_file,
    as_deployed,
    registered,
    surroundings,
)

from fairway.deployment.plan_file import check_plan_file, planned_choices, write_plan_file
from fairway.errors import UsageError
from fairway.observed import Living
from fairway.planning.planfile import Wanted, plan_document, unpinned_images

WANTED = Wanted(("api",), "v2", (), (("", "shop/api:v2"),), ("api:DB_PASSWORD",))
NOW = as_deployed(a_service_file(), a_definition())
RELEASE = a_release(a_definition("v2"), a_service_file(), before=(a_one_off(),))


def document_of(release=RELEASE, around=None, environment="production"):
    return plan_document(release, around or surroundings(NOW), environment=environment, wanted=WANTED, at=T0)


def kept(tmp_path, document=None):
    path = tmp_path / "release.plan"
    write_plan_file(path, document or document_of())
    return path


def test_it_can_be_read_by_its_owner_alone_and_has_no_value(tmp_path):
    path = kept(tmp_path)
    assert path.stat().st_mode & 0o777 == 0o600
    text = path.read_text()
    assert PASSWORD not in text
    assert "LOG_LEVEL" not in text
    assert list(tmp_path.iterdir()) == [path]


def test_it_holds_while_nothing_differs(tmp_path):
    path = kept(tmp_path)
    check_plan_file(path, RELEASE, surroundings(NOW), "production")
    scaled = as_deployed(a_service_file(), a_definition(), desired=17)
    check_plan_file(path, RELEASE, surroundings(scaled), "production")
    assert planned_choices(path) == replace(WANTED, unpinned=frozenset(unpinned_images(RELEASE)))


def service_of(**members):
    assert NOW.service is not None
    return replace(NOW, service=replace(NOW.service, document={**NOW.service.document, **members}))


def redeployed():
    assert NOW.service is not None
    rollout = replace(NOW.service.rollouts[0], id="ecs-svc/2")
    return replace(NOW, service=replace(NOW.service, rollouts=(rollout,)))


def other_revision():
    assert NOW.service is not None
    other = registered(a_definition(), 8)
    return replace(NOW, service=replace(NOW.service, task_definition=other.arn))


@pytest.mark.parametrize(
    ("release", "around", "environment", "reason"),
    [
        pytest.param(RELEASE, surroundings(NOW), "staging", "made for the environment production, and this is staging", id="another environment"),
        pytest.param(RELEASE, replace(surroundings(NOW), account="210987654321"), "production", "made for the account 123456789012, and this is 210987654321", id="another account"),
        pytest.param(RELEASE, replace(surroundings(NOW), region="eu-west-1"), "production", "made for the region us-east-1", id="another region"),
        pytest.param(RELEASE, replace(surroundings(NOW), cluster="other"), "production", "made for the cluster shop", id="another cluster"),
        pytest.param(a_release(a_definition("v3"), a_service_file(), before=(a_one_off(),)), surroundings(NOW), "production", "api: its task definition renders differently", id="another version"),
        pytest.param(a_release(a_definition("v2"), a_service_file(propagateTags="SERVICE"), before=(a_one_off(),)), surroundings(NOW), "production", "api: its service definition renders differently", id="another setting"),
        pytest.param(a_release(a_definition("v2"), a_service_file(), before=(a_one_off("v3"),)), surroundings(NOW), "production", "migrations: its task definition renders differently", id="another one-off task"),
        pytest.param(a_release(a_definition("v2"), a_service_file()), surroundings(NOW), "production", "the one-off task migrations is in the plan, and not deployed now", id="no one-off task"),
        pytest.param(RELEASE, surroundings(Living()), "production", "api: the service has been deleted since", id="deleted since"),
        pytest.param(RELEASE, surroundings(other_revision()), "production", "api: shop-api:7 served, and now shop-api:8 does", id="another revision serves"),
        pytest.param(RELEASE, surroundings(redeployed()), "production", "api: it was deployed again since", id="deployed again"),
        pytest.param(RELEASE, surroundings(service_of(healthCheckGracePeriodSeconds=5)), "production", "api: settings of the living service were changed since", id="settings changed"),
    ],
)  # fmt: skip
def test_it_is_refused(tmp_path, release, around, environment, reason):
    path = kept(tmp_path)
    with pytest.raises(UsageError) as error:
        check_plan_file(path, release, around, environment)
    assert reason in error.value.message
    assert "nothing was changed" in error.value.message
    assert error.value.hint


def carried_out(tag="v2", number=8):
    was = as_deployed(a_service_file(), a_definition(tag))
    assert was.service is not None
    assert was.serving is not None
    serving = replace(was.serving, arn=was.serving.arn.replace(":7", f":{number}"))
    rollout = replace(was.service.rollouts[0], id="ecs-svc/2", task_definition=serving.arn, state="COMPLETED")
    service = replace(was.service, task_definition=serving.arn, rollouts=(rollout,))
    return replace(was, service=service, serving=serving, deployed=serving)


@pytest.mark.parametrize(
    ("release", "around", "said"),
    [
        pytest.param(RELEASE, carried_out(), True, id="what it plans serves"),
        pytest.param(RELEASE, carried_out("v9"), False, id="something else serves"),
        pytest.param(RELEASE, NOW, None, id="nothing has happened since"),
        pytest.param(a_release(a_definition("v3"), a_service_file(), before=(a_one_off(),)), carried_out("v3"), False, id="it is another release that serves"),
    ],
)  # fmt: skip
def test_a_plan_that_was_carried_out_is_said_to_be(tmp_path, release, around, said):
    path = kept(tmp_path)
    if said is None:
        check_plan_file(path, release, surroundings(around), "production")
        return
    with pytest.raises(UsageError) as error:
        check_plan_file(path, release, surroundings(around), "production")
    assert ("has been carried out already" in error.value.message) is said


def test_a_value_that_was_set_has_to_be_given_again(tmp_path):
    path = kept(tmp_path)
    release = a_release(a_definition("v2", container={"environment": []}), a_service_file(), before=(a_one_off(),))
    with pytest.raises(UsageError) as error:
        check_plan_file(path, release, surroundings(NOW), "production")
    assert "made with --set api:DB_PASSWORD" in (error.value.hint or "")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(None, "there is no plan", id="missing"),
        pytest.param(b"\xff\xfe", "not JSON", id="no text"),
        pytest.param(b"{", "not JSON", id="half of it"),
        pytest.param(b"[]", "no plan of Fairway's", id="something else"),
        pytest.param(b'{"kind": "fairway-plan", "format": 9}', "has the format 9", id="of another Fairway"),
        pytest.param(json.dumps({**document_of(), "services": None}).encode(), "services is missing or broken", id="broken"),
    ],
)  # fmt: skip
def test_what_is_no_plan_is_refused(tmp_path, content, message):
    path = tmp_path / "release.plan"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=message):
        check_plan_file(path, RELEASE, surroundings(NOW), "production")
