"""Deployments on an engine, from the command line to the exit code."""

from __future__ import annotations

import json
import threading

import pytest
from tests.conformance.world import until

from fairway.aws import documents

pytestmark = pytest.mark.slow


def events(text, *kinds):
    found = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return [event for event in found if not kinds or event["event"] in kinds]


def tags_of(ecs, reference):
    answer = ecs.describe_task_definition(taskDefinition=reference, include=["TAGS"])
    return {tag["key"]: tag["value"] for tag in answer["tags"]}


def service_of(ecs, project, name="api"):
    [service] = ecs.describe_services(cluster=project.cluster, services=[name])["services"]
    return service


def revision(arn):
    return int(arn.rsplit(":", 1)[1])


def test_services_go_in_their_order_after_the_one_off_and_are_marked_good(project, fairway, ecs):
    code, out, err = fairway("deploy", "--tag", "v1", "--json")
    assert code == 0, out + err
    seen = [event["event"] for event in events(out, "started", "one_off_stopped", "service_updated", "finished")]
    assert seen == ["started", "one_off_stopped", "service_updated", "service_updated", "finished"]
    outcomes = [(event["service"], event["outcome"]) for event in events(out, "outcome")]
    assert outcomes == [("worker", "succeeded"), ("api", "succeeded")]
    tags = tags_of(ecs, f"{project.cluster}-api")
    assert tags["fairway:verdict"] == "good"
    assert tags["fairway:version"] == "v1"
    assert {"fairway:by", "fairway:deployment", "fairway:verified-at"} <= set(tags)
    assert tags["fairway:deployment"] == tags_of(ecs, f"{project.cluster}-worker")["fairway:deployment"]


def test_a_broken_version_is_rolled_back_by_ecs_and_the_reason_comes_first(project, fairway, ecs, monkeypatch):
    assert fairway("deploy", "api", "--tag", "v1")[0] == 0
    project.label("api", exit_after="0", exit_code="3")
    code, out, _ = fairway("deploy", "api", "--tag", "v2")
    assert code == 4
    reason = out.index("likely cause: the program ended with exit code 3")
    assert reason < out.index("api: ", reason), "the reason stands before the summary"
    assert "ECS rolled back to the known good" in out
    assert tags_of(ecs, f"{project.cluster}-api:2")["fairway:verdict"] == "bad"
    assert revision(service_of(ecs, project)["taskDefinition"]) == 1
    code, out, _ = fairway("why", "api")
    assert code == 0
    assert "likely cause: the program ended with exit code 3" in out
    code, out, _ = fairway("watch", "api")
    assert code == 4, "watch ends as deploy did"
    with monkeypatch.context() as without:
        without.setattr("fairway.cli.status.engine_health", lambda port: {"valkey": f"gone beside {port}"})
        assert "the engine's Valkey does not run: gone beside" in fairway("status", "api")[1]
    code, out, _ = fairway("status", "api")
    assert "Valkey" not in out
    assert out.startswith("✓ api"), "the known good revision serves, whole"
    assert f"note: the last deployment ({project.cluster}-api:2 (v2)) failed and was rolled back" in out
    code, out, _ = fairway("rollback", "api", "--yes")
    assert code == 0
    assert "serves already" in out
    assert revision(service_of(ecs, project)["taskDefinition"]) == 1


def test_the_desired_count_of_a_living_service_is_left_alone(project, fairway, ecs):
    assert fairway("deploy", "api", "--tag", "v1")[0] == 0
    ecs.update_service(cluster=project.cluster, service="api", desiredCount=5)
    assert fairway("deploy", "api", "--tag", "v2")[0] == 0
    assert service_of(ecs, project)["desiredCount"] == 5
    assert fairway("rollback", "api", "--yes")[0] == 0
    assert service_of(ecs, project)["desiredCount"] == 5


def test_a_failed_one_off_changes_no_service(project, fairway, ecs):
    assert fairway("deploy", "api", "--tag", "v1")[0] == 0
    project.label("migrations", exit_after="1", exit_code="1")
    code, out, _ = fairway("deploy", "api", "--tag", "v2")
    assert code == 5
    assert "migrations failed: app exited with 1; no service was changed" in out
    assert revision(service_of(ecs, project)["taskDefinition"]) == 1
    assert ecs.list_task_definitions(familyPrefix=f"{project.cluster}-api")["taskDefinitionArns"][-1].endswith(":1")


def test_a_first_deployment_that_fails_cannot_go_back(project, fairway, ecs):
    project.label("worker", exit_after="0", exit_code="1")
    code, out, _ = fairway("deploy", "worker", "--tag", "v1", "--json")
    assert code == 5
    [outcome] = events(out, "outcome")
    assert outcome["outcome"] == "not_rolled_back"


def test_what_was_finished_goes_back_when_a_later_service_fails(project, fairway, ecs):
    assert fairway("deploy", "--tag", "v1")[0] == 0
    project.label("api", exit_after="0", exit_code="1")
    code, out, _ = fairway("deploy", "--tag", "v2", "--json")
    assert code == 4
    [back] = events(out, "taken_back")
    assert (back["service"], back["outcome"]) == ("worker", "succeeded")
    assert revision(service_of(ecs, project, "worker")["taskDefinition"]) == 1
    assert revision(service_of(ecs, project, "api")["taskDefinition"]) == 1
    assert "fairway:verdict" not in tags_of(ecs, f"{project.cluster}-worker:2"), "nothing was proved about it"


def test_what_was_finished_stays_with_on_failure_keep(project, fairway, ecs):
    assert fairway("deploy", "--tag", "v1")[0] == 0
    path = project.root / "fairway.toml"
    path.write_text(path.read_text().replace('name = "shop"', 'name = "shop"\non_failure = "keep"'))
    project.label("api", exit_after="0", exit_code="1")
    code, out, _ = fairway("deploy", "--tag", "v2")
    assert code == 5
    assert 'worker: stays as deployed: on_failure = "keep"' in out
    assert revision(service_of(ecs, project, "worker")["taskDefinition"]) == 2


def test_a_newer_deployment_of_somebody_else_ends_ours(project, fairway, ecs):
    assert fairway("deploy", "api", "--tag", "v1")[0] == 0
    project.label("api", start="300")

    def supersede():
        until("ours has begun", lambda: revision(service_of(ecs, project)["taskDefinition"]) == 2)
        ecs.update_service(cluster=project.cluster, service="api", taskDefinition=f"{project.cluster}-api:1")

    somebody = threading.Thread(target=supersede)
    somebody.start()
    code, out, _ = fairway("deploy", "api", "--tag", "v2")
    somebody.join()
    assert code == 7
    assert f"superseded by {project.cluster}-api:1 (v1)" in out
    assert "started by" in out
    assert "fairway:verdict" not in tags_of(ecs, f"{project.cluster}-api:2"), "nothing was proved"


def test_a_time_limit_hands_over_and_watch_goes_on(project, fairway):
    assert fairway("deploy", "api", "--tag", "v1")[0] == 0
    project.label("api", start="100")
    code, out, _ = fairway("deploy", "api", "--tag", "v2", "--timeout", "1.5s")
    assert code == 6
    assert "--timeout 1.5 is over; ECS goes on (IN_PROGRESS)" in out
    assert "→ go on with the whole of it: fairway deploy --resume" in out
    assert "fairway watch api" in out
    code, out, _ = fairway("watch", "api")
    assert code == 0, out


def test_rolled_back_by_ecs_to_something_that_nobody_vouches_for(project, fairway, ecs):
    assert fairway("deploy", "api", "--tag", "v1")[0] == 0
    definition = ecs.describe_task_definition(taskDefinition=f"{project.cluster}-api:1")["taskDefinition"]
    kept = {
        "family",
        "networkMode",
        "requiresCompatibilities",
        "cpu",
        "memory",
        "executionRoleArn",
        "containerDefinitions",
    }
    by_hand = ecs.register_task_definition(**{key: definition[key] for key in kept})["taskDefinition"]
    ecs.update_service(cluster=project.cluster, service="api", taskDefinition=by_hand["taskDefinitionArn"])
    assert fairway("watch", "api")[0] == 0
    project.label("api", exit_after="0", exit_code="1")
    code, out, _ = fairway("deploy", "api", "--tag", "v3")
    assert code == 5
    assert "which is not known to be good" in out
    code, out, _ = fairway("rollback", "api", "--yes")
    assert code == 0, out
    assert revision(service_of(ecs, project)["taskDefinition"]) == 1


def test_a_failure_that_nobody_rolls_back(project, fairway, ecs):
    document = project.read("api.service.json")
    document["deploymentConfiguration"]["deploymentCircuitBreaker"]["rollback"] = False
    project.write("api.service.json", document)
    assert fairway("deploy", "api", "--tag", "v1")[0] == 0
    project.label("api", exit_after="0", exit_code="1")
    code, out, _ = fairway("deploy", "api", "--tag", "v2")
    assert code == 5
    assert "nothing was rolled back" in out
    assert "fairway rollback api" in out
    code, out, _ = fairway("rollback", "api", "--yes")
    assert code == 0, out
    assert revision(service_of(ecs, project)["taskDefinition"]) == 1
    assert service_of(ecs, project)["deployments"][0]["rolloutState"] == "COMPLETED"


def test_services_of_other_controllers_are_refused_before_anything_is_registered(project, fairway, ecs, monkeypatch):
    assert fairway("deploy", "api", "--tag", "v1")[0] == 0
    read = documents.read_service

    def as_code_deploy(document):
        return read({**document, "deploymentController": {"type": "CODE_DEPLOY"}})

    monkeypatch.setattr("fairway.aws.observe.read_service", as_code_deploy)
    code, _, err = fairway("deploy", "api", "--tag", "v2")
    assert code == 2
    assert "deployment controller CODE_DEPLOY" in err
    assert len(ecs.list_task_definitions(familyPrefix=f"{project.cluster}-api")["taskDefinitionArns"]) == 1


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        pytest.param(["deploy", "apj", "--tag", "v1"], 2, 'did you mean "api"?', id="unknown service"),
        pytest.param(["deploy", "api"], 2, "needs a tag", id="no tag"),
        pytest.param(["deploy", "--set", "api", "--tag", "v1"], 2, "not SERVICE[/container]:KEY=VALUE", id="broken --set"),
        pytest.param(["deploy", "api", "--tag", "v1", "--set", "worker:A=1"], 2, "which is not deployed now", id="--set of another service"),
        pytest.param(["deploy", "--image", "x:1"], 2, "--image is for one service", id="--image of several services"),
        pytest.param(["deploy", "api", "--tag", "v1", "--timeout", "soon"], 2, "no duration", id="no duration"),
        pytest.param(["status", "nothing/api"], 1, "there is no cluster nothing", id="unknown cluster"),
        pytest.param(["why", "api"], 1, "there is no service api in cluster", id="a service that is not there yet"),
        pytest.param(["logs"], 2, "the following arguments are required", id="logs of nothing"),
    ],
)  # fmt: skip
def test_mistakes_change_nothing_and_name_the_remedy(project, fairway, ecs, words, code, message):
    got, _, err = fairway(*words)
    assert got == code, err
    assert message in err
    assert ecs.list_task_definitions(familyPrefix=f"{project.cluster}-api")["taskDefinitionArns"] == []


def test_another_environment_asks_first(project, fairway, monkeypatch):
    (project.root / "deploy" / "environments" / "production.toml").write_text(
        f'region = "us-east-1"\ncluster = "{project.cluster}"\naccount = "123456789012"\n'
    )
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    code, _, err = fairway("deploy", "api", "--tag", "v1", "--env", "production", "--yes")
    assert code == 2
    assert "AWS_ENDPOINT_URL is set, but the environment production is on AWS itself" in err


def test_a_project_with_errors_is_refused_before_anything_changes(project, fairway, ecs):
    definition = project.read("api.task.json")
    project.write("api.task.json", {**definition, "memory": "4096"})
    code, out, err = fairway("deploy", "--tag", "v1", "--yes")
    assert code == 2, out + err
    assert "lint finds 1 error in local, and nothing was changed" in err
    assert "deploy/api.task.json:8: fargate-size: Fargate has no memory 4096 for cpu 256" in err
    assert "with cpu 256: 512, 1024, 2048" in err
    assert ecs.list_task_definitions(familyPrefix=f"{project.cluster}-worker")["taskDefinitionArns"] == []
    with (project.root / "fairway.toml").open("a") as file:
        file.write('\n[lint]\nignore = [{ code = "fargate-size", reason = "the local engine takes it" }]\n')
    assert "lint finds" not in fairway("deploy", "--tag", "v1", "--yes", "--timeout", "1s")[2]
