"""One word back, on an engine."""

from __future__ import annotations

import json

import pytest

from fairway.aws import pace

pytestmark = pytest.mark.slow


def service_of(ecs, project, name="api"):
    [service] = ecs.describe_services(cluster=project.cluster, services=[name])["services"]
    return service


def revision(service):
    return int(service["taskDefinition"].rsplit(":", 1)[1])


def verdict(ecs, reference):
    tags = ecs.describe_task_definition(taskDefinition=reference, include=["TAGS"]).get("tags", ())
    return {tag["key"]: tag["value"] for tag in tags}.get("fairway:verdict")


def deploy(fairway, *versions):
    for version in versions:
        code, out, err = fairway("deploy", "api", "--tag", version)
        assert code == 0, out + err


def test_back_to_the_last_known_good_once_and_further_back_when_told(project, fairway, ecs):
    deploy(fairway, "v1", "v2", "v3")
    code, out, _ = fairway("rollback", "api", "--yes")
    assert code == 0
    family = f"{project.cluster}-api"
    assert f"api: {family}:3 (v3) → {family}:2 (v2) (known good" in out
    assert f'~ containerDefinitions.app.image: "{family}:v3" → "{family}:v2"' in out, "what differs stands first"
    assert revision(service_of(ecs, project)) == 2
    assert verdict(ecs, f"{family}:3") == "bad"
    code, out, _ = fairway("rollback", "api", "--yes")
    assert code == 0
    assert f"{family}:2 (v2) serves already: a rollback from {family}:3 (v3) has brought it back" in out
    assert revision(service_of(ecs, project)) == 2
    assert verdict(ecs, f"{family}:2") == "good"
    code, out, _ = fairway("rollback", "api", "--further", "--yes")
    assert code == 0
    assert revision(service_of(ecs, project)) == 1, "what was left is not chosen again"
    code, _, err = fairway("rollback", "api", "--further", "--yes")
    assert code == 2
    assert "no revision but" in err


def test_from_an_empty_checkout(project, fairway, ecs, engine, tmp_path_factory, monkeypatch):
    deploy(fairway, "v1", "v2")
    monkeypatch.chdir(tmp_path_factory.mktemp("empty"))
    monkeypatch.setenv("FAIRWAY_ENDPOINT", engine.endpoint)
    code, out, err = fairway("rollback", f"{project.cluster}/api", "--yes", "--json")
    assert code == 0, err
    [event] = [json.loads(line) for line in out.splitlines() if '"rolled_back"' in line]
    assert event["task_definition"].endswith(":1")
    assert revision(service_of(ecs, project)) == 1
    for verb in ("status", "why", "history", "watch", "logs"):
        code, out, err = fairway(verb, f"{project.cluster}/api")
        assert code == 0, err
    monkeypatch.delenv("FAIRWAY_ENDPOINT")
    code, out, err = fairway("status", f"{project.cluster}/api", "--env", "local", "--port", str(engine.port))
    assert code == 0, err


@pytest.mark.parametrize("named", ["1", "FAMILY:1", "v1"])
def test_to_a_revision_of_ones_own_choice(project, fairway, ecs, named):
    deploy(fairway, "v1", "v2")
    code, out, err = fairway("rollback", "api", "--to", named.replace("FAMILY", f"{project.cluster}-api"), "--yes")
    assert code == 0, out + err
    assert revision(service_of(ecs, project)) == 1
    code, _, err = fairway("rollback", "api", "--to", "99", "--yes")
    assert code == 2
    assert "has no revision 99" in err


@pytest.mark.parametrize("named", ["2", "FAMILY:2", "v2"])
def test_to_what_serves_already_is_nothing_to_do(project, fairway, ecs, named):
    deploy(fairway, "v1", "v2")
    to = named.replace("FAMILY", f"{project.cluster}-api")
    code, out, err = fairway("rollback", "api", "--to", to, "--yes")
    assert (code, out) == (0, f"api is at {to} already: nothing to do\n"), err
    assert revision(service_of(ecs, project)) == 2


def test_a_running_deployment_is_stopped_when_it_came_from_the_known_good(project, fairway, ecs):
    deploy(fairway, "v1")
    project.label("api", start="300")
    code, out, _ = fairway("deploy", "api", "--tag", "v2", "--timeout", "1s")
    assert code == 6
    code, out, _ = fairway("rollback", "api", "--yes")
    assert code == 0, out
    assert "ECS rolls the running deployment back" in out
    records = ecs.list_service_deployments(cluster=project.cluster, service="api")["serviceDeployments"]
    assert [record["status"] for record in records] == ["ROLLBACK_SUCCESSFUL", "SUCCESSFUL"]
    assert revision(service_of(ecs, project)) == 1


def test_a_running_deployment_is_overtaken_when_it_came_from_something_bad(project, fairway, ecs):
    deploy(fairway, "v1", "v2")
    ecs.tag_resource(
        resourceArn=service_of(ecs, project)["taskDefinition"], tags=[{"key": "fairway:verdict", "value": "bad"}]
    )
    project.label("api", start="300")
    assert fairway("deploy", "api", "--tag", "v3", "--timeout", "1s")[0] == 6
    code, out, _ = fairway("rollback", "api", "--yes")
    assert code == 0, out
    assert "the service is updated" in out
    assert revision(service_of(ecs, project)) == 1


def test_one_word_takes_the_whole_release_back_in_reverse_order(project, fairway, ecs):
    for version in ("v1", "v2"):
        code, out, err = fairway("deploy", "--tag", version)
        assert code == 0, out + err
    code, out, _ = fairway("rollback", "--yes", "--json")
    assert code == 0
    back = [json.loads(line)["service"] for line in out.splitlines() if '"rolled_back"' in line]
    assert back == ["api", "worker"]


def test_without_verdicts_a_success_stands_in_and_is_called_unverified(project, fairway, ecs):
    deploy(fairway, "v1", "v2")
    family = f"{project.cluster}-api"
    arns = ecs.list_task_definitions(familyPrefix=family)["taskDefinitionArns"]
    for arn in arns:
        ecs.untag_resource(resourceArn=arn, tagKeys=["fairway:verdict", "fairway:verified-at"])
    code, out, _ = fairway("rollback", "api", "--yes")
    assert code == 0
    assert f"{family}:1 (v1) (unverified)" in out


def test_nobody_to_ask_is_no_yes(project, fairway, ecs):
    deploy(fairway, "v1", "v2")
    code, out, err = fairway("rollback", "api")
    assert code == 2
    assert f"api: {project.cluster}-api:2 (v2) → {project.cluster}-api:1 (v1)" in out, (
        "the plan stands before the refusal"
    )
    assert err.endswith("→ add --yes\n")
    assert revision(service_of(ecs, project)) == 2


def test_an_interrupt_says_how_to_go_on(project, fairway, ecs, monkeypatch):
    deploy(fairway, "v1")
    project.label("api", start="300")
    wait = pace.Pace.wait

    def interrupt(self):
        if revision(service_of(ecs, project)) == 2:
            raise KeyboardInterrupt
        wait(self)

    monkeypatch.setattr(pace.Pace, "wait", interrupt)
    code, _, err = fairway("deploy", "api", "--tag", "v2")
    assert code == 130
    assert "fairway watch api" in err
    assert "fairway rollback api" in err


def test_over_a_migration_that_cannot_be_undone_only_when_told(project, fairway, ecs):
    deploy(fairway, "v1", "v2", "v3")
    family = f"{project.cluster}-api"
    arn = ecs.describe_task_definition(taskDefinition=f"{family}:2")["taskDefinition"]["taskDefinitionArn"]
    ecs.tag_resource(resourceArn=arn, tags=[{"key": "fairway:one-way", "value": "0007_drop_names"}])
    assert fairway("rollback", "api", "--yes")[0] == 0, "what ran before v2 does not stand between v3 and v2"
    code, _, err = fairway("rollback", "api", "--further", "--yes")
    assert code == 2
    assert f"the migration 0007_drop_names, which ran before {family}:2 (v2), cannot be undone" in err
    assert revision(service_of(ecs, project)) == 2
    assert fairway("rollback", "api", "--further", "--over-one-way", "--yes")[0] == 0
    assert revision(service_of(ecs, project)) == 1


def test_the_network_goes_back_with_the_revision(project, fairway, ecs):
    deploy(fairway, "v1")
    document = project.read("api.service.json")
    before = document["networkConfiguration"]["awsvpcConfiguration"]["subnets"]
    document["networkConfiguration"]["awsvpcConfiguration"]["subnets"] = before[:1]
    project.write("api.service.json", document)
    deploy(fairway, "v2")
    code, out, _ = fairway("rollback", "api", "--yes")
    assert code == 0
    assert "networkConfiguration goes back to what it was then" in out
    network = service_of(ecs, project)["networkConfiguration"]["awsvpcConfiguration"]
    assert sorted(network["subnets"]) == sorted(before)
