from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from tests.engine.runtime.worlds import folder  # noqa: F401 - a fixture
from tests.ports import free_port

import fairway
from fairway.cli.main import main
from fairway.clock import monotonic, sleep

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow
SOURCES = Path(fairway.__file__).parents[1]
PROJECT = """\
[project]
name = "demo"
default_environment = "local"
[services.web]
definition = "deploy/web.task.json"
image = { repository = "web", definition = "docker/web.image.toml" }
[services.bare]
definition = "deploy/web.task.json"
[tasks.job]
definition = "deploy/web.task.json"
image = { repository = "web", definition = "docker/web.image.toml" }
[scheduled.nightly]
definition = "deploy/web.task.json"
image = { repository = "web", definition = "docker/web.image.toml" }
rule = "nightly"
"""
TASK = {
    "family": "web",
    "networkMode": "awsvpc",
    "requiresCompatibilities": ["FARGATE"],
    "cpu": "256",
    "memory": "512",
    "executionRoleArn": "arn:aws:iam::123456789012:role/exec",
    "containerDefinitions": [
        {
            "name": "web",
            "image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/web:{{ tag }}",
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {
                    "awslogs-group": "/web",
                    "awslogs-region": "us-east-1",
                    "awslogs-stream-prefix": "web",
                    "awslogs-create-group": "true",
                },
            },
        }
    ],
}


class Engine:
    """An engine of its own, as a process."""

    def __init__(self, data: Path, runtime: str = "process") -> None:
        self.port = free_port()
        self.data = data
        self._runtime = runtime
        self.start()

    def start(self) -> None:
        words = ["--port", str(self.port), "--data", str(self.data), "--runtime", self._runtime]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "fairway.engine.serve", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(SOURCES)},
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"ready\n"

    def end(self, number: signal.Signals) -> None:
        self.process.send_signal(number)
        self.process.wait(30)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def client(self, service: str) -> Any:
        make: Any = boto3.client
        return make(
            service,
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name="us-east-1",
            aws_access_key_id="a",
            aws_secret_access_key="b",
        )


@pytest.fixture
def engine(folder: Path) -> Iterator[Engine]:  # noqa: F811
    made = Engine(folder / "data")
    yield made
    made.end(signal.SIGTERM)


@pytest.fixture
def project(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:  # noqa: F811
    root = folder / "project"
    for name in ("docker", "deploy/environments", "src/web"):
        (root / name).mkdir(parents=True)
    (root / "fairway.toml").write_text(PROJECT)
    (root / "deploy/environments/local.toml").write_text('region = "us-east-1"\ncluster = "default"\n')
    (root / "deploy/environments/prod.toml").write_text(
        'region = "us-east-1"\ncluster = "a"\naccount = "123456789012"\n'
    )
    (root / "deploy/web.task.json").write_text(json.dumps(TASK))
    (root / "docker/web.image.toml").write_text(
        'sources = ["../src/web"]\ncommand = ["python", "-m", "web.main"]\nenvironment = { V = "{{ tag }}" }\n'
    )
    (root / "src/web/main.py").write_text("import os, time\nprint('version', os.environ['V'])\ntime.sleep(300)\n")
    monkeypatch.setenv("UV_CACHE_DIR", str(folder / "cache"))
    # the verb sets these for its process; they must not outlive the test
    monkeypatch.setenv("FAIRWAY_PORT", "0")
    monkeypatch.setenv("FAIRWAY_ENDPOINT", "")
    return root


def build(project: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.chdir(project)
    return main(["build", "--port", str(engine.port), *words])


def wait(condition: Any, within: float = 30.0) -> Any:
    deadline = monotonic() + within
    while not (value := condition()):
        assert monotonic() < deadline
        sleep(0.05)
    return value


def test_build_makes_and_registers_an_image_that_tasks_run(project, engine, monkeypatch, capsys):
    assert build(project, engine, monkeypatch, "--tag", "v1", "--json") == 0
    event = json.loads(capsys.readouterr().out)
    assert event["keys"] == ["web", "job", "nightly"]
    assert event["new"]
    image = engine.client("ecr").describe_images(repositoryName="web")["imageDetails"][0]
    assert (image["imageDigest"], image["imageTags"]) == (event["digest"], ["v1"])
    repository = engine.client("ecr").describe_repositories(repositoryNames=["web"])["repositories"][0]
    assert repository["imageTagMutability"] == "IMMUTABLE"

    ecs, logs = engine.client("ecs"), engine.client("logs")
    ecs.create_cluster(clusterName="default")
    ecs.register_task_definition(**json.loads(json.dumps(TASK).replace("{{ tag }}", "v1")))
    network = {"awsvpcConfiguration": {"subnets": ["subnet-0fa1000000000000a"]}}
    task = ecs.run_task(taskDefinition="web", launchType="FARGATE", networkConfiguration=network)["tasks"][0]["taskArn"]

    def seen() -> dict[str, Any]:
        found: dict[str, Any] = ecs.describe_tasks(tasks=[task])["tasks"][0]
        return found

    def lines() -> list[str]:
        stream = f"web/web/{task.rpartition('/')[2]}"
        return [e["message"] for e in logs.get_log_events(logGroupName="/web", logStreamName=stream)["events"]]

    wait(lambda: seen()["lastStatus"] == "RUNNING" and lines())
    assert lines() == ["version v1"]
    assert seen()["containers"][0]["imageDigest"] == event["digest"]
    engine.end(signal.SIGKILL)
    engine.start()
    assert seen()["lastStatus"] == "RUNNING"
    ecs.stop_task(task=task, reason="enough")
    wait(lambda: seen()["lastStatus"] == "STOPPED")
    assert (seen()["stopCode"], seen()["containers"][0]["exitCode"]) == ("UserInitiated", 143)


def test_the_same_again_is_nothing_to_do_and_a_tag_is_never_moved(project, engine, monkeypatch, capsys):
    for expected in ("new", "there already"):
        assert build(project, engine, monkeypatch, "web", "--tag", "v1") == 0
        assert f"({expected})" in capsys.readouterr().out
    (project / "src/web/main.py").write_text("pass")
    assert build(project, engine, monkeypatch, "--tag", "v1") == 2
    error = capsys.readouterr().err
    assert "web:v1 is another image already" in error
    assert "choose another --tag" in error
    assert build(project, engine, monkeypatch, "--tag", "v2") == 0


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["wbe", "--tag", "v1"], 'did you mean "web"?'),
        (["bare", "--tag", "v1"], "bare has no image definition"),
        (["--tag", "a b"], "cannot be a tag"),
        (["--tag", "v1", "--from", "HEAD"], "git rev-parse"),
    ],
)
def test_wrong_usage_is_exit_2_with_a_remedy(project, engine, monkeypatch, capsys, words, text):
    assert build(project, engine, monkeypatch, *words) == 2
    assert text in capsys.readouterr().err


def test_the_simulated_runtime_needs_no_image(folder, project, monkeypatch, capsys):  # noqa: F811
    engine = Engine(folder / "simulated", "simulated")
    try:
        assert build(project, engine, monkeypatch, "--tag", "v1") == 0
        assert "no image is needed" in capsys.readouterr().err
    finally:
        engine.end(signal.SIGTERM)


def test_an_interrupted_build_says_what_is_built(project, engine, monkeypatch, capsys):
    def interrupted(*_arguments, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr("fairway.cli.build.build_image", interrupted)
    assert build(project, engine, monkeypatch, "--tag", "v9") == 130
    said = capsys.readouterr().err
    assert "no image was registered" in said
    assert f"build the rest (nothing is half made): fairway build --tag v9 --port {engine.port}" in said
