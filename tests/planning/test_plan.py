"""A plan: what is told apart, and how it reads."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from tests.golden import assert_golden
from tests.planning.builders import (
    PASSWORD,
    a_definition,
    a_one_off,
    a_release,
    a_service_file,
    as_deployed,
    living,
    registered,
    shown_service,
    surroundings,
)

from fairway.observed import Living
from fairway.planning.plan import plan
from fairway.planning.show import lines, service_document, task_document
from fairway.project.prices import load_prices

PRICES = load_prices()


def planned(release, around):
    return plan(release, around, PRICES)


def text_of(made):
    return "\n".join(lines(made)) + "\n"


def changed(made):
    """(path, drift, stays) of each change of the only service."""
    [service] = made.services
    return {(c.difference.name, "drift" if c.is_drift else "undeployed", bool(c.stays)) for c in service.changes}


def changed_by_hand(now, **members):
    """The living service with settings changed by somebody."""
    assert now.service is not None
    document = {**now.service.document, **members}
    return replace(now, service=replace(now.service, document=document))


def test_nothing_differs_from_what_was_deployed():
    now = as_deployed(a_service_file(), a_definition(), desired=17)
    around = surroundings(now, tasks={"shop-migrations": registered(a_definition("v1", "migrations"), 3)})
    made = planned(a_release(a_definition(), a_service_file(), before=(a_one_off("v1"),)), around)
    assert (made.differs, made.deploys) == (False, False)
    assert changed(made) == set()
    assert_golden("plan/nothing.txt", text_of(made))


def test_a_new_version():
    now = as_deployed(a_service_file(), a_definition())
    definition = a_definition(
        "v2",
        container={
            "environment": [
                {"name": "LOG_LEVEL", "value": "DEBUG"},
                {"name": "DB_PASSWORD", "value": "another"},
                {"name": "REDIS_URL", "value": "redis://:another@cache:6379/0"},
                {"name": "API_KEY", "value": "new"},
            ]
        },
    )
    before = (a_one_off(),)
    around = surroundings(now, tasks={"shop-migrations": registered(a_definition("v1", "migrations"), 3)})
    made = planned(a_release({**definition, "cpu": "2048", "memory": "4096"}, a_service_file(), before=before), around)
    assert {change[1:] for change in changed(made)} == {("undeployed", False)}
    assert_golden("plan/new-version.txt", text_of(made))


def test_a_service_that_is_new():
    made = planned(a_release(a_definition("v2"), a_service_file(), before=(a_one_off(),)), surroundings(Living(), tasks={"shop-migrations": None}))  # fmt: skip
    assert made.differs
    assert_golden("plan/new-service.txt", text_of(made))


def test_settings_changed_by_hand_are_drift_while_the_file_is_as_deployed():
    now = changed_by_hand(
        as_deployed(a_service_file(), a_definition()), healthCheckGracePeriodSeconds=120, enableExecuteCommand=True
    )
    now = replace(now, tags={"Team": "shop", "Owner": "me"})
    made = planned(a_release(a_definition(), a_service_file()), surroundings(now))
    assert changed(made) == {
        ("healthCheckGracePeriodSeconds", "drift", False),
        ("enableExecuteCommand", "drift", True),
        ("tags.Owner", "drift", True),
    }
    assert made.differs
    assert_golden("plan/drift.txt", text_of(made))


def test_settings_of_the_file_are_undeployed_and_beside_them_what_ecs_keeps_tells_drift():
    file = a_service_file(healthCheckGracePeriodSeconds=90)
    network = {"awsvpcConfiguration": {"subnets": ["subnet-a"], "securityGroups": ["sg"]}}
    now = as_deployed(a_service_file(), a_definition())
    configuration = {**now.service.document["deploymentConfiguration"], "maximumPercent": 150}
    now = changed_by_hand(now, networkConfiguration=network, deploymentConfiguration=configuration)
    made = planned(a_release(a_definition(), file), surroundings(now))
    assert changed(made) == {
        ("healthCheckGracePeriodSeconds", "undeployed", False),
        ("networkConfiguration.awsvpcConfiguration.subnets", "drift", False),
        ("deploymentConfiguration.maximumPercent", "drift", False),
    }
    [service] = made.services
    assert service.restart.reasons == ("networkConfiguration",)


def test_a_revision_that_fairway_did_not_register_is_drift():
    ours = registered(a_definition("v1"), 7)
    hotfix = registered(a_definition("v1-hotfix", memory="4096"), 8, by_fairway=False)
    now = replace(
        living(shown_service(a_service_file(), hotfix), serving=hotfix),
        deployed=ours,
    )
    made = planned(a_release(a_definition("v1", container={"user": "1000"}), a_service_file()), surroundings(now))
    assert changed(made) == {
        ("containerDefinitions.api.image", "drift", False),
        ("memory", "drift", False),
        ("containerDefinitions.api.user", "undeployed", False),
    }
    assert_golden("plan/foreign-revision.txt", text_of(made))


def test_a_service_that_fairway_never_deployed_has_no_drift():
    serving = registered(a_definition(), by_fairway=False)
    now = living(shown_service(a_service_file(), serving), serving=serving)
    made = planned(a_release(a_definition(), a_service_file()), surroundings(now))
    assert not made.differs
    assert made.services[0].notes == ("Fairway has not deployed it yet: what was changed by hand cannot be told",)


def test_a_rollback_of_ecs_is_no_drift():
    """The configuration is that of the newest deployment of ours, the rest that of the revision which serves again."""
    now = as_deployed(a_service_file(), a_definition("v1"))
    configuration = {**now.service.document["deploymentConfiguration"], "maximumPercent": 150}
    now = changed_by_hand(replace(now, configuration=configuration), deploymentConfiguration=configuration)
    file = a_service_file(deploymentConfiguration={"maximumPercent": 150})
    assert changed(planned(a_release(a_definition("v1"), file), surroundings(now))) == set()


def test_only_revisions_are_compared_where_only_they_are_managed():
    now = changed_by_hand(as_deployed(a_service_file(), a_definition()), healthCheckGracePeriodSeconds=1)
    made = planned(a_release(a_definition("v2")), surroundings(now))
    assert changed(made) == {("containerDefinitions.api.image", "undeployed", False)}
    assert not made.services[0].manages_service


def test_what_aws_does_not_show_is_not_compared_and_said():
    now = replace(as_deployed(a_service_file(), a_definition()), revision=None)
    made = planned(a_release(a_definition(), a_service_file(monitoring={"x": 1}, brandNew=2)), surroundings(now))
    assert "not compared, because AWS does not show it: monitoring, brandNew" in made.services[0].notes


def test_a_service_on_instances_has_no_price():
    file = a_service_file(launchType="EC2")
    now = as_deployed(file, a_definition())
    made = planned(a_release(a_definition(), file), surroundings(now))
    assert made.services[0].cost.unknown == "launchType EC2 is paid by the instance"
    assert "cost: not known" in text_of(made)


@pytest.mark.parametrize("name", ["new-version", "new-service", "drift"])
def test_no_golden_text_has_a_secret(name):
    from tests.golden import FOLDER  # noqa: PLC0415 - for this test alone

    assert PASSWORD not in (FOLDER / "plan" / f"{name}.txt").read_text()


def test_planted_secrets_are_in_no_output():
    planted = "pl4nted-secret"
    container = {
        "environment": [
            {"name": "DB_PASSWORD", "value": planted},
            {"name": "DATABASE_URL", "value": f"mysql://u:{planted}@db/x"},
        ],
        "command": ["app", "--api-key", planted, f"--password={planted}"],
        "logConfiguration": {"logDriver": "splunk", "options": {"splunk-token": planted}},
        "dockerLabels": {"auth-token": planted},
    }
    sidecar = {"name": "sidecar", "image": "x", "environment": [{"name": "TOKEN", "value": planted}]}
    new = a_definition("v2", container=container)
    new["containerDefinitions"].append(sidecar)
    now = as_deployed(a_service_file(), a_definition())
    for definition, around in (
        (new, surroundings(now)),
        (a_definition("v3"), surroundings(as_deployed(a_service_file(), new))),
        (new, surroundings(Living())),
    ):
        made = planned(a_release(definition, a_service_file(), before=(a_one_off(),)), replace(around, tasks=surroundings(now, tasks={"shop-migrations": registered(new, 3)}).tasks))  # fmt: skip
        said = text_of(made) + json.dumps([service_document(made.services[0]), task_document(made.tasks[0])])
        assert planted not in said
        assert PASSWORD not in said
