"""What serves already and nobody has verified: `deploy` verifies it without a deployment, or points to the run that is to."""

from __future__ import annotations

import json

import pytest
from tests.deployment.builders import a_definition, at

from fairway.cli.unfinished import standing_of
from fairway.deployment.journal import Journal, State, Unfinished, refuse_unfinished
from fairway.deployment.prepare import unproved


def test_unproved_is_what_carries_no_verdict():
    serving = {
        "api": a_definition(),
        "worker": a_definition(verdict="good"),
        "mailer": a_definition(verdict="bad"),
        "new": None,
    }
    assert unproved(serving) == ("api",)


@pytest.mark.parametrize("state", list(State))
def test_a_run_that_is_to_prove_it_is_named(state):
    journals = [Journal("run-1", "anna", at(0), "local", ("api", "worker"), state=state)]
    with pytest.raises(Unfinished, match=f"worker: what is wanted serves already.*run run-1.*{state}") as error:
        refuse_unfinished(journals, ["worker", "mailer"])
    assert "fairway deploy --resume run-1" in str(error.value.hint)
    refuse_unfinished(journals, ["mailer"])


def tags_of(ecs, project, key):
    tags = ecs.describe_task_definition(taskDefinition=f"{project.cluster}-{key}", include=["TAGS"])["tags"]
    return {item["key"]: item["value"] for item in tags}


def forget_verdict(ecs, project, key):
    """As after a kill, or when another tool has deployed it."""
    arn = ecs.describe_task_definition(taskDefinition=f"{project.cluster}-{key}")["taskDefinition"]["taskDefinitionArn"]
    ecs.untag_resource(resourceArn=arn, tagKeys=["fairway:verdict"])


def deployments(ecs, project, key):
    return len(ecs.list_service_deployments(cluster=project.cluster, service=key)["serviceDeployments"])


@pytest.mark.slow
def test_what_nobody_has_verified_is_verified_without_a_deployment(project, fairway, ecs):
    assert fairway("deploy", "worker", "--tag", "v1")[0] == 0
    forget_verdict(ecs, project, "worker")
    code, out, _ = fairway("deploy", "worker", "--tag", "v1", "--only", "services")
    assert code == 0
    assert "nobody has verified it, and these steps do not" in out
    assert "fairway:verdict" not in tags_of(ecs, project, "worker")
    code, out, _ = fairway("deploy", "worker", "--tag", "v1")
    assert code == 0
    assert "nobody has verified it: that is done now" in out
    assert "verified in" in out
    assert tags_of(ecs, project, "worker")["fairway:verdict"] == "good"
    assert deployments(ecs, project, "worker") == 1
    code, out, _ = fairway("deploy", "worker", "--tag", "v1")
    assert code == 0
    assert "nobody has verified" not in out


@pytest.mark.slow
def test_beside_what_is_deployed_it_is_verified_too(project, fairway, ecs):
    assert fairway("deploy", "--tag", "v1")[0] == 0
    forget_verdict(ecs, project, "worker")
    assert fairway("deploy", "--tag", "worker=v1", "--tag", "api=v2")[0] == 0
    assert tags_of(ecs, project, "worker")["fairway:verdict"] == "good"
    assert tags_of(ecs, project, "api")["fairway:verdict"] == "good"
    assert (deployments(ecs, project, "worker"), deployments(ecs, project, "api")) == (1, 2)


@pytest.mark.slow
def test_what_is_found_unhealthy_then_is_marked_and_stays(project, fairway, ecs):
    assert fairway("deploy", "worker", "--tag", "v1")[0] == 0
    forget_verdict(ecs, project, "worker")
    file = project.root / "fairway.toml"
    service = 'service = "deploy/worker.service.json"\n'
    file.write_text(file.read_text().replace(service, f'{service}verify = [{{ path = "/", required = true }}]\n'))
    code, out, _ = fairway("deploy", "worker", "--tag", "v1")
    assert code == 5
    assert "this run has not deployed it" in out
    assert tags_of(ecs, project, "worker")["fairway:verdict"] == "bad"
    assert deployments(ecs, project, "worker") == 1


@pytest.mark.parametrize(
    ("state", "driven", "text", "commands"),
    [
        pytest.param(State.GOING, True, "is under way: it deploys", [], id="somebody deploys"),
        pytest.param(State.WATCHING, True, "is under way: it is verified and watched", [], id="somebody watches"),
        pytest.param(State.GOING, False, "has not deployed to its end", ["deploy --resume run-1"], id="killed in the middle"),
        pytest.param(State.WATCHING, False, "still to be verified or watched", ["watch --pending"], id="the watch is open"),
        pytest.param(State.HELD, False, "whether it is good is not known", ["watch --pending", 'watch --accept run-1 --why "…"', "rollback"], id="held"),
    ],
)  # fmt: skip
def test_how_far_a_run_is(state, driven, text, commands):
    journal = Journal("run-1", "anna", at(0), "local", ("api", "worker"), tag="v7", state=state)
    said, following = standing_of(journal, None, is_driven=driven)
    assert said.startswith("(api, worker v7; begun 2026-11-26 12:00:00 by anna) ")
    assert text in said
    assert len(following) == len(commands)
    assert all(expected in line for expected, line in zip(commands, following, strict=True))


@pytest.mark.slow
def test_the_run_that_is_to_verify_it_goes_first(project, fairway, ecs):
    assert fairway("deploy", "worker", "--tag", "v1", "--until", "shifted")[0] == 0
    _, out, _ = fairway("status", "worker", "--json")
    [run] = [found for found in map(json.loads, out.splitlines()) if "run" in found]
    assert (run["state"], run["driven"], run["services"]) == ("watching", False, ["worker"])
    assert "watch --pending" in run["next"][0]
    code, _, err = fairway("deploy", "worker", "--tag", "v1")
    assert code == 6
    assert "has not ended (watching)" in err
    assert "deploy --resume" in err
    assert fairway("deploy", "--resume")[0] == 0
    assert "run 2" not in fairway("status", "worker")[1]
    assert tags_of(ecs, project, "worker")["fairway:verdict"] == "good"
    assert fairway("deploy", "worker", "--tag", "v1")[0] == 0
    assert deployments(ecs, project, "worker") == 1
