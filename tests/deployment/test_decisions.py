"""The order of services, the way back, and what is sent to ECS."""

from __future__ import annotations

import pytest
from tests.deployment.builders import a_definition, a_service, a_task

from fairway.deployment.known_good import choose
from fairway.deployment.one_off import judge_task, run_request, where_lines_are
from fairway.deployment.order import ready
from fairway.deployment.outcome import Ending, Outcome
from fairway.deployment.register import Origin, tag_value, with_tags
from fairway.deployment.rollback import newest_release, reversed_order
from fairway.deployment.services import changed_since
from fairway.deployment.update import create_request, refuse_others, update_request
from fairway.errors import UsageError
from fairway.observed import ContainerState

AFTER = {"worker": (), "api": ("worker",), "web": ("api", "elsewhere"), "mailer": ()}


@pytest.mark.parametrize(
    ("started", "done", "expected"),
    [
        pytest.param([], [], ["worker", "mailer"], id="independent ones go side by side"),
        pytest.param(["worker", "mailer"], ["mailer"], [], id="what is started is not done"),
        pytest.param(["worker", "mailer"], ["worker"], ["api"], id="one that waited goes when its own is done"),
        pytest.param(["worker", "mailer", "api"], ["worker", "api"], ["web"], id="services outside the run do not count"),
    ],
)  # fmt: skip
def test_what_may_start(started, done, expected):
    assert ready(AFTER, started, done) == expected


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        pytest.param("shop-api:6", "shop-api:6", [], id="nobody has touched it"),
        pytest.param(None, None, [], id="it is still to be created"),
        pytest.param("shop-api:6", "shop-api:5", ["shop-api:6 served in api when it began, and now shop-api:5 does"], id="rolled back meanwhile"),
        pytest.param("shop-api:6", None, ["shop-api:6 served in api when it began, and the service is gone now"], id="deleted meanwhile"),
        pytest.param(None, "shop-api:1", ["api did not exist when it began, and now shop-api:1 serves there"], id="created meanwhile"),
    ],
)  # fmt: skip
def test_what_somebody_has_changed_since_a_run_began(before, now, expected):
    assert changed_since("api", before, now) == expected


def test_services_go_back_in_the_reverse_order():
    assert reversed_order(["api", "worker", "web"], AFTER) == ["web", "api", "worker"]


def a_candidate(number, verdict=None, *, succeeded=False, status="ACTIVE"):
    definition = a_definition(number, version=f"v{number}", verdict=verdict)
    definition.document["status"] = status
    return definition, succeeded


@pytest.mark.parametrize(
    ("candidates", "expected"),
    [
        pytest.param([a_candidate(5, "good"), a_candidate(4, "good")], (4, True), id="never the current one"),
        pytest.param([a_candidate(5), a_candidate(4, "bad"), a_candidate(3, "good")], (3, True), id="a bad one is passed over"),
        pytest.param([a_candidate(5), a_candidate(4, succeeded=True), a_candidate(3, "good")], (3, True), id="a verdict outweighs a success"),
        pytest.param([a_candidate(5), a_candidate(4), a_candidate(3, succeeded=True)], (3, False), id="without verdicts the newest success stands in"),
        pytest.param([a_candidate(5), a_candidate(4, "good", status="INACTIVE"), a_candidate(3, "good")], (3, True), id="what is deregistered cannot be deployed"),
        pytest.param([a_candidate(5), a_candidate(4, "bad", succeeded=True)], None, id="a bad one does not stand in"),
        pytest.param([a_candidate(5, "good")], None, id="nothing else"),
    ],
)  # fmt: skip
def test_the_last_known_good(candidates, expected):
    choice = choose(candidates, candidates[0][0].arn)
    assert (None if choice is None else (choice.definition.number, choice.is_verified)) == expected


def test_one_word_takes_back_what_the_newest_run_deployed():
    def deployed(run, registered):
        definition = a_definition(**({"fairway:deployment": run} if run else {}))
        definition.document["registeredAt"] = registered
        return definition

    of = {"worker": deployed("run-2", "12:00"), "api": deployed("run-2", "12:01"), "web": deployed("run-1", "11:00")}
    assert newest_release(of) == ["worker", "api"]
    assert newest_release({"worker": deployed(None, "12:00"), "api": deployed(None, "12:01")}) == ["worker", "api"]


ACCEPTED = {"cluster", "service", "taskDefinition", "desiredCount", "deploymentConfiguration", "networkConfiguration", "deploymentController", "futureMember"}  # fmt: skip


def test_the_desired_count_of_a_living_service_is_never_sent_and_nothing_else_is_dropped():
    document = {
        "serviceName": "api",
        "launchType": "FARGATE",
        "desiredCount": 5,
        "deploymentConfiguration": {"maximumPercent": 150, "futureField": 1},
        "networkConfiguration": {"awsvpcConfiguration": {}},
        "deploymentController": {"type": "ECS"},
        "futureMember": {"a": 1},
    }
    request = update_request(document, cluster="shop", name="api", task_definition="td:2", accepted=ACCEPTED)
    assert request == {
        "cluster": "shop",
        "service": "api",
        "taskDefinition": "td:2",
        "deploymentConfiguration": {"maximumPercent": 150, "futureField": 1},
        "networkConfiguration": {"awsvpcConfiguration": {}},
        "futureMember": {"a": 1},
    }
    other = update_request(
        document, cluster="shop", name="api", task_definition="td:2", accepted=ACCEPTED, controller="CODE_DEPLOY"
    )
    assert other["deploymentController"] == {"type": "ECS"}, "a change of controller goes through"
    bare = update_request(None, cluster="shop", name="api", task_definition="td:2", accepted=ACCEPTED)
    assert bare == {"cluster": "shop", "service": "api", "taskDefinition": "td:2"}


def test_a_new_service_takes_its_definition_whole():
    request = create_request(
        {"desiredCount": 5, "taskDefinition": "x"}, cluster="c", name="api", task_definition="td:1"
    )
    assert request == {"desiredCount": 5, "cluster": "c", "serviceName": "api", "taskDefinition": "td:1"}


@pytest.mark.parametrize("controller", ["CODE_DEPLOY", "EXTERNAL"])
def test_services_of_other_controllers_are_refused(controller):
    with pytest.raises(UsageError, match=f"deployment controller {controller}"):
        refuse_others(a_service(controller=controller))
    refuse_others(a_service())


def test_a_revision_carries_where_it_comes_from_beside_its_own_tags():
    document = {"family": "api", "tags": [{"key": "Team", "value": "shop"}, {"key": "fairway:by", "value": "old"}]}
    origin = Origin(run="r1", by="arn:aws:sts::1:assumed-role/ci/x", version="v1,2", commit=None)
    tags = {tag["key"]: tag["value"] for tag in with_tags(document, origin.tags())["tags"]}
    assert tags == {
        "Team": "shop",
        "fairway:by": "arn:aws:sts::1:assumed-role/ci/x",
        "fairway:deployment": "r1",
        "fairway:version": "v1_2",
    }
    assert len(tag_value("x" * 999)) == 256


@pytest.mark.parametrize(
    ("codes", "fields", "expected"),
    [
        pytest.param({"app": 0}, {}, (True, "exit code 0"), id="ended well"),
        pytest.param({"app": 0, "sidecar": None}, {}, (True, "exit code 0"), id="a container that never ran does not count"),
        pytest.param({"app": 3}, {}, (False, "app exited with 3"), id="ended badly"),
        pytest.param({"app": 0, "other": 2}, {}, (False, "other exited with 2"), id="one of two ended badly"),
        pytest.param({"app": None}, {"stop_code": "TaskFailedToStart", "stopped_reason": "CannotPullContainerError: x"}, (False, "CannotPullContainerError: x"), id="never started"),
        pytest.param({"app": None}, {"stop_code": "UserInitiated", "stopped_reason": "Task stopped by user"}, (False, "Task stopped by user"), id="stopped before it ran"),
    ],
)  # fmt: skip
def test_a_one_off_is_judged_by_its_exit_codes(codes, fields, expected):
    containers = tuple(ContainerState(name, "STOPPED", exit_code=code) for name, code in codes.items())
    assert judge_task(a_task(status="STOPPED", containers=containers, **fields)) == expected


def test_a_one_off_runs_once_whatever_its_file_says():
    request = run_request(
        {"count": 9, "launchType": "FARGATE"}, cluster="c", task_definition="td:1", started_by="x" * 200
    )
    assert request["count"] == 1
    assert request["launchType"] == "FARGATE"
    assert len(request["startedBy"]) == 128


def test_outcomes_know_their_exit_codes():
    assert [Outcome(ending, "").exit_code for ending in Ending] == [0, 4, 5, 7, 6, 6]


AWSLOGS = {"logDriver": "awslogs", "options": {"awslogs-group": "/shop", "awslogs-stream-prefix": "api"}}


@pytest.mark.parametrize(
    ("logging", "exit_code", "expected"),
    [
        pytest.param(AWSLOGS, None, "container api never started", id="no image, no secret"),
        pytest.param(AWSLOGS, 1, f"container api wrote nothing to api/api/{1:032x} in /shop", id="a stream that is named"),
        pytest.param(None, 1, "container api has no logConfiguration: its lines are kept nowhere", id="kept nowhere"),
        pytest.param({"logDriver": "splunk"}, 1, "container api logs by splunk: look where that sends them", id="elsewhere"),
    ],
)  # fmt: skip
def test_where_the_lines_of_a_one_off_are(logging, exit_code, expected):
    container = {"name": "api", "image": "shop/api:v1", **({"logConfiguration": logging} if logging else {})}
    task = a_task(status="STOPPED", containers=(ContainerState("api", "STOPPED", exit_code=exit_code),))
    assert where_lines_are(a_definition(containers=[container]), task) == expected
