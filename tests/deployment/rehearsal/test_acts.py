"""Which acts a project has, by stage, and who must notice."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairway.deployment.rehearsal.acts import Catcher, Kind, Stage, names_of_acts, playbill, principal_service
from fairway.project.checks import Monitoring
from fairway.project.model import Environment, Project, ServiceSpec, TaskSpec

CHECK = {"command": ["CMD", "true"]}
WATCHED = Monitoring(15, 0.001, 0.2)


def a_service(key, *, check=False, balanced=False, monitor=None):
    container = {"name": "app", "image": "app:{{ tag }}"} | ({"healthCheck": CHECK} if check else {})
    service = {"serviceName": key} | ({"loadBalancers": [{"containerName": "app"}]} if balanced else {})
    return ServiceSpec(
        key, {"family": key, "containerDefinitions": [container]}, Path("x"), service=service, monitor=monitor
    )


def a_project(*services, migrations=False, switches=None):
    task = TaskSpec("migrations", {"family": "m", "containerDefinitions": []}, Path("x"), before=("api",))
    return Project(
        Path(),
        "shop",
        Environment("production", "prod", "us-east-1"),
        {spec.key: spec for spec in services},
        {"migrations": task} if migrations else {},
        fault_switches=switches,
    )


SHOP = a_project(a_service("worker"), a_service("api", check=True, monitor=WATCHED), migrations=True, switches="FAULTS")


@pytest.mark.parametrize(
    ("project", "stage", "quick", "expected"),
    [
        pytest.param(
            SHOP,
            Stage.SCALE,
            True,
            ["baseline", "release", "rollback", "api:crash_at_start", "api:crash_after", "migrations:fails", "kill_and_resume"],
            id="quick: what is slow is left out, and faults are tried on the principal service",
        ),
        pytest.param(
            SHOP,
            Stage.SCALE,
            False,
            ["baseline", "release", "rollback", "worker:crash_at_start", "api:crash_at_start", "api:never_healthy", "api:crash_before_health", "api:crash_after", "api:unhealthy_after", "migrations:fails", "kill_and_resume"],
            id="models: every service may crash, and what has a check may be unhealthy",
        ),
        pytest.param(
            SHOP,
            Stage.TRUTH,
            True,
            ["baseline", "release", "rollback", "api:crash_at_start", "api:error_rate", "migrations:fails", "kill_and_resume"],
            id="processes: a crash after a while needs real time, so quick leaves it out",
        ),
        pytest.param(
            a_project(a_service("api")),
            Stage.TRUTH,
            False,
            ["baseline", "release", "rollback", "kill_and_resume"],
            id="processes without a switch cannot be told to misbehave",
        ),
        pytest.param(
            a_project(a_service("api")),
            Stage.SCALE,
            False,
            ["baseline", "release", "rollback", "api:crash_at_start", "api:crash_after", "kill_and_resume"],
            id="without a health check nobody can be unhealthy, and without migrations none can fail",
        ),
    ],
)  # fmt: skip
def test_acts_of_a_project(project, stage, quick, expected):
    assert [act.key for act in playbill(project, stage, quick=quick, has_metrics=True).acts] == expected


def test_nothing_is_left_out_without_a_reason():
    for stage in Stage:
        for quick in (True, False):
            bill = playbill(SHOP, stage, quick=quick, has_metrics=True)
            assert {name for name, _ in bill.left_out}.isdisjoint(act.key for act in bill.acts)
            assert all(why for _, why in bill.left_out)


@pytest.mark.parametrize(
    ("monitor", "has_metrics", "act", "why"),
    [
        pytest.param(WATCHED, True, "api:error_rate", "", id="somebody judges it"),
        pytest.param(WATCHED, False, "api:error_rate", "no monitoring ran: this engine measures no requests", id="nobody counts requests"),
        pytest.param(Monitoring(15), True, "api:latency_ms", "api.monitor says no p95_seconds", id="nobody set a limit"),
        pytest.param(None, True, "api:crash_after", "no monitoring ran: api says no monitor", id="nobody watches"),
        pytest.param(WATCHED, False, "api:crash_after", "", id="failed tasks are seen without any metric"),
        pytest.param(Monitoring(15, task_failures=None), True, "api:leak", "api.monitor does not judge failed tasks", id="failed tasks are not judged"),
        pytest.param(None, False, "api:crash_at_start", "", id="ECS itself notices"),
    ],
)  # fmt: skip
def test_who_does_not_run_here_cannot_catch(monitor, has_metrics, act, why):
    project = a_project(a_service("api", check=True, balanced=True, monitor=monitor), switches="FAULTS")
    bill = playbill(project, Stage.TRUTH, quick=False, has_metrics=has_metrics)
    assert next(item.uncatchable for item in bill.acts if item.key == act) == why


def test_each_fault_has_somebody_who_must_catch_it():
    bill = playbill(SHOP, Stage.TRUTH, quick=False, has_metrics=True)
    must = {act.key.rpartition(":")[2]: act.caught_by for act in bill.acts if act.is_fault}
    assert Catcher.MONITOR not in must["crash_at_start"]
    assert Catcher.MONITOR in must["error_rate"]
    assert must["ignore_sigterm"] == {Catcher.NOBODY}
    assert must["fails"] == {Catcher.MIGRATION}
    codes = {act.key.rpartition(":")[2]: act.exit_code for act in bill.acts}
    assert (codes["crash_at_start"], codes["fails"], codes["ignore_sigterm"], codes["release"]) == (4, 5, 0, 0)


def test_the_principal_service_is_the_last_behind_a_load_balancer():
    services = (a_service("web", balanced=True), a_service("api", balanced=True), a_service("worker"))
    assert principal_service(a_project(*services)).key == "api"
    assert principal_service(a_project(a_service("one"), a_service("two"))).key == "two"


def test_chosen_acts_come_after_the_baseline():
    bill = playbill(SHOP, Stage.SCALE, quick=True, has_metrics=True, only=["crash_at_start"])
    assert [act.kind for act in bill.acts] == [Kind.BASELINE, Kind.FAULT]
    assert ("release", "not chosen") in bill.left_out


def test_every_act_has_a_name_by_which_it_can_be_chosen():
    for stage in Stage:
        keys = {act.key for act in playbill(SHOP, stage, quick=False, has_metrics=True).acts}
        assert keys - {"baseline"} <= set(names_of_acts(SHOP))
