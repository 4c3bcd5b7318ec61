"""What tests of the tool share: an engine that runs beside them, and a small project."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import select
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3
import pytest
from tests.ports import free_port

from fairway.cli.main import main

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # a shell ignores it for what it starts in the background, and so would every process that a test starts and interrupts
    signal.signal(signal.SIGINT, signal.default_int_handler)

SPEED = 50
"""A test of the tool mostly waits for its engine: the faster the engine's time goes, the less."""
NUMBERS = itertools.count(1)
SUBNETS = ["subnet-0fa1000000000000a", "subnet-0fa1000000000000b"]
GROUP = "sg-0fa10000000000000"


STACKS = {"end_to_end", "benchmarks"}
"""Folders whose tests start whole stacks of processes."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    """The order in which workers take files: those of stacks come one after another, spread over the first two thirds.

    Side by side they would get in each other's way, and at the end all others would wait for them.
    """
    if config.getoption("loadscopereorder", default=True):
        return
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    by_length = sorted(files, key=lambda path: -len(files[path]))
    stacks = [path for path in by_length if STACKS & set(path.parts)]
    order = [path for path in by_length if path not in stacks]
    step = max(1, len(order) * 2 // 3 // max(1, len(stacks)))
    for number, path in enumerate(stacks):
        order.insert(number * (step + 1), path)
    items[:] = [item for path in order for item in files[path]]


@dataclass(frozen=True, slots=True)
class RunningEngine:
    """An engine with the simulated runtime."""

    port: int
    pid: int

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def read_line(process: subprocess.Popen[str], seconds: float) -> str:
    assert process.stdout is not None
    readable, _, _ = select.select([process.stdout], [], [], seconds)
    assert readable, "the engine did not get ready"
    return process.stdout.readline().strip()


@contextlib.contextmanager
def run_engine(data: Path, *, speed: float = SPEED):
    """An engine of one's own."""
    port = free_port()
    words = ["--port", str(port), "--data", str(data), "--runtime", "simulated", "--speed", str(speed)]
    with (data.parent / f"{data.name}.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "fairway.engine.serve", *words],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent / "src")},
        )
    try:
        assert read_line(process, 60) == "ready", (data.parent / f"{data.name}.log").read_text()
        yield RunningEngine(port, process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture(scope="session")
def engine(tmp_path_factory):
    """One engine for the whole session; tests take clusters of their own."""
    with run_engine(tmp_path_factory.mktemp("engine") / "data") as running:
        yield running


# -- a small project ---------------------------------------------------------------------------------------------------


def a_definition(family: str, **container: object) -> dict[str, Any]:
    return {
        "family": family,
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        "executionRoleArn": "arn:aws:iam::123456789012:role/ecsTaskExecutionRole",
        "containerDefinitions": [
            {"name": "app", "image": f"{family}:{{{{ tag }}}}", "essential": True, "dockerLabels": {}, **container}
        ],
    }


def a_service(name: str, desired: int = 2) -> dict[str, Any]:
    return {
        "serviceName": name,
        "desiredCount": desired,
        "launchType": "FARGATE",
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": SUBNETS, "securityGroups": [GROUP]}},
        "deploymentConfiguration": {
            "deploymentCircuitBreaker": {"enable": True, "rollback": True},
            "maximumPercent": 200,
            "minimumHealthyPercent": 100,
        },
    }


@dataclass(frozen=True, slots=True)
class ProjectFolder:
    """A project on disk: services `worker` and `api` (after worker), a one-off `migrations` before both."""

    root: Path
    cluster: str

    def write(self, name: str, document: object) -> None:
        (self.root / "deploy" / name).write_text(json.dumps(document, indent=2))

    def read(self, name: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.root / "deploy" / name).read_text())
        return document

    def label(self, key: str, **labels: str) -> None:
        """How the containers of a service behave from the next deployment on."""
        document = self.read(f"{key}.task.json")
        named = {f"fairway.sim.{name}": value for name, value in labels.items()}
        document["containerDefinitions"][0]["dockerLabels"] = named
        self.write(f"{key}.task.json", document)


TOML = """
[project]
name = "shop"
default_environment = "local"

[services.worker]
definition = "deploy/worker.task.json"
service = "deploy/worker.service.json"

[services.api]
after = ["worker"]
definition = "deploy/api.task.json"
service = "deploy/api.service.json"

[tasks.migrations]
definition = "deploy/migrations.task.json"
before = ["api"]
run = "deploy/migrations.run.json"
"""


@pytest.fixture
def project(engine, tmp_path, monkeypatch, request):
    """A project whose local environment is the engine, with a cluster that only this test has."""
    # two tests of two files may have one name, and one engine
    cluster = "".join(c for c in request.node.name if c.isalnum() or c in "-_")[:60] + f"-{os.getpid()}-{next(NUMBERS)}"
    (tmp_path / "deploy" / "environments").mkdir(parents=True)
    (tmp_path / "fairway.toml").write_text(TOML)
    (tmp_path / "deploy" / "environments" / "local.toml").write_text(
        f'region = "us-east-1"\ncluster = "{cluster}"\nendpoint_url = "{engine.endpoint}"\n'
    )
    folder = ProjectFolder(tmp_path, cluster)
    for key in ("worker", "api"):
        folder.write(f"{key}.task.json", a_definition(f"{cluster}-{key}"))
        folder.write(f"{key}.service.json", a_service(key))
    folder.write("migrations.task.json", a_definition(f"{cluster}-migrations"))
    folder.label("migrations", exit_after="1")
    network = {"awsvpcConfiguration": {"subnets": SUBNETS, "securityGroups": [GROUP]}}
    folder.write("migrations.run.json", {"launchType": "FARGATE", "networkConfiguration": network})
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FAIRWAY_PORT", raising=False)
    monkeypatch.delenv("FAIRWAY_ENDPOINT", raising=False)
    client = boto3.client(
        "ecs",
        endpoint_url=engine.endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    client.create_cluster(clusterName=cluster)
    return folder


@pytest.fixture
def ecs(engine):
    """A plain client of the engine, as any other tool would have."""
    return boto3.client(
        "ecs",
        endpoint_url=engine.endpoint,
        region_name="us-east-1",
        aws_access_key_id="somebody",
        aws_secret_access_key="test",
    )


@pytest.fixture
def fairway(capsys):
    """Runs the command line in this process: (exit code, standard output, standard error)."""

    def run(*words: str) -> tuple[int, str, str]:
        with patch.dict(os.environ):  # --port and --file are kept there, for this command alone
            code = main(words)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run
