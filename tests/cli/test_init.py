"""`fairway init --from` on an engine: what lives is written down, and a plan of it shows nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import boto3
import pytest
from tests.cli.test_plan import events

PLANTED = "pl4nted-secret"


@pytest.fixture
def living(project, fairway, tmp_path_factory, monkeypatch, engine):
    """Two services that Fairway deployed from files which are gone; the current folder is an empty one."""
    task = project.read("api.task.json")
    task["containerDefinitions"][0] |= {
        "environment": [{"name": "DB_PASSWORD", "value": PLANTED}, {"name": "LOG_LEVEL", "value": "INFO"}],
        "command": ["sh", "-c", "exec app --name $(hostname)"],
        "portMappings": [{"containerPort": 8000, "protocol": "tcp"}],
    }
    task["tags"] = [{"key": "Team", "value": "shop"}]
    project.write("api.task.json", task)
    service = project.read("api.service.json")
    project.write(
        "api.service.json", {**service, "propagateTags": "SERVICE", "tags": [{"key": "Team", "value": "shop"}]}
    )
    code, out, err = fairway("deploy", "--tag", "v1", "--skip", "lint")
    assert code == 0, out + err
    folder = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("FAIRWAY_PORT", str(engine.port))
    shutil.rmtree(project.root / "deploy")
    return project


def written(folder):
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
@pytest.mark.parametrize("manage", ["task-definition", "service"])
def test_a_plan_of_what_was_written_shows_nothing(living, fairway, monkeypatch, manage):
    words = [word for name in ("api", "worker") for word in ("--from", f"{living.cluster}/{name}")]
    code, out, err = fairway("init", *words, "shop")
    assert code == 0, out + err
    assert "checked: what lives and what is written differ in nothing" in out
    assert "${DB_PASSWORD} stands for what may be a secret (api, container app, DB_PASSWORD)" in out
    folder = Path("shop")
    files = written(folder)
    assert [path for path, text in files.items() if PLANTED in text] == []
    assert PLANTED not in out + err
    toml = folder / "fairway.toml"
    assert 'manage = "task-definition"' in toml.read_text()
    toml.write_text(toml.read_text().replace('manage = "task-definition"', f'manage = "{manage}"'))
    monkeypatch.setenv("DB_PASSWORD", PLANTED)
    monkeypatch.chdir(folder)
    code, out, err = fairway("plan", "--tag", "v1", "--exit-code", "--json")
    assert code == 0, out + err
    assert events(out, "plan")[0]["differs"] is False
    assert {event["manage"] for event in events(out, "planned_service")} == {manage}
    monkeypatch.setenv("DB_PASSWORD", "another")
    assert fairway("plan", "api", "--tag", "v1", "--exit-code")[0] == 3, "the secret is compared"


@pytest.mark.slow
def test_an_image_that_fairway_pinned_has_its_tag_again(project, fairway, engine, tmp_path_factory, monkeypatch):
    ecr = boto3.client(
        "ecr",
        endpoint_url=engine.endpoint,
        region_name="us-east-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
    )
    repository = project.cluster.lower()
    ecr.create_repository(repositoryName=repository)
    ecr.put_image(repositoryName=repository, imageManifest='{"schemaVersion": 2}', imageTag="v1")
    image = f"123456789012.dkr.ecr.us-east-1.amazonaws.com/{repository}"
    task = project.read("worker.task.json")
    task["containerDefinitions"][0]["image"] = f"{image}:{{{{ tag }}}}"
    project.write("worker.task.json", task | {"executionRoleArn": "arn:aws:iam::123456789012:role/execution"})
    code, out, err = fairway("deploy", "worker", "--tag", "v1", "--skip", "lint")
    assert code == 0, out + err
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    monkeypatch.setenv("FAIRWAY_PORT", str(engine.port))
    code, out, err = fairway("init", "--from", f"{project.cluster}/worker", "shop")
    assert code == 0, out + err
    assert "was pinned by its digest; {{ tag }} stands for its version, v1" in out
    assert "checked: what lives and what is written differ in nothing" in out
    assert f'"image": "{image}:{{{{ tag }}}}"' in Path("shop/deploy/worker.task.json").read_text()
    monkeypatch.chdir("shop")
    assert fairway("plan", "--tag", "v1", "--exit-code")[0] == 0


@pytest.mark.slow
def test_it_can_be_deployed_at_once(living, fairway, monkeypatch, ecs):
    assert fairway("init", "--from", f"{living.cluster}/worker", "shop")[0] == 0
    monkeypatch.chdir("shop")
    ecs.update_service(cluster=living.cluster, service="worker", desiredCount=3)
    code, out, err = fairway("deploy", "--tag", "v2")
    assert code == 0, out + err
    assert ecs.describe_services(cluster=living.cluster, services=["worker"])["services"][0]["desiredCount"] == 3


@pytest.mark.slow
def test_nothing_is_written_over(living, fairway):
    Path("shop/deploy").mkdir(parents=True)
    Path("shop/deploy/worker.task.json").write_text("mine")
    code, _, err = fairway("init", "--from", f"{living.cluster}/worker", "shop")
    assert code == 2
    assert "in the way in shop: deploy/worker.task.json: nothing is written over" in err
    assert written(Path("shop")) == {"deploy/worker.task.json": "mine"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "text", "expected"),
    [
        pytest.param("{cluster}/nothing", "there is no service nothing", 1, id="an unknown service"),
        pytest.param("no-such-cluster/api", "there is no cluster no-such-cluster", 1, id="an unknown cluster"),
        pytest.param(
            "arn:aws:ecs:us-east-1:999999999999:service/{cluster}/api",
            "is of account 999999999999, us-east-1; these credentials are of 123456789012",
            2,
            id="another account",
        ),
    ],
)
def test_what_is_not_there(living, fairway, source, text, expected):
    code, _, err = fairway("init", "--from", source.format(cluster=living.cluster), "shop")
    assert code == expected, err
    assert text in err
    assert not Path("shop").exists()


@pytest.mark.parametrize(
    ("words", "text"),
    [
        pytest.param((), "one of the arguments --from --from-ecspresso is required", id="nothing"),
        pytest.param(("--from", "api"), "--from api: not CLUSTER/SERVICE", id="no cluster"),
        pytest.param(("--from", "a/b/c"), "not CLUSTER/SERVICE", id="too much"),
        pytest.param(("--from", "arn:aws:s3:::bucket/x"), "not CLUSTER/SERVICE", id="an ARN of something else"),
        pytest.param(("--from", "a/x", "--from", "b/x"), "of several clusters: a, b", id="two clusters"),
    ],
)
def test_usage(fairway, tmp_path, monkeypatch, words, text):
    monkeypatch.chdir(tmp_path)
    code, _, err = fairway("init", *words)
    assert code == 2
    assert text in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_as_json(living, fairway):
    code, out, _ = fairway("init", "--from", f"{living.cluster}/api", "shop", "--json")
    assert code == 0
    assert [event["name"] for event in events(out, "variable")] == ["DB_PASSWORD"]
    assert events(out, "adopted") == [{"event": "adopted", "services": ["api"], "tags": {"api": "v1"}, "differs": []}]
    assert len(events(out, "written")) == 4
    assert all(json.loads(line) for line in out.splitlines())
