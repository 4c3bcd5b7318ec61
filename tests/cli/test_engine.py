"""The engine's own life from the command line: which engine is meant, and what is left of one that was killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
from tests.ports import free_port

from fairway.cli.engine import ahead_text

pytestmark = pytest.mark.slow
SOURCE = Path(__file__).parent.parent.parent / "src"


def fairway(*words, code=0, **variables):
    """What a command said; fails if it ends with another exit code."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FAIRWAY_")}
    ended = subprocess.run(
        [sys.executable, "-m", "fairway.cli.main", *map(str, words)],
        env=environment | {"PYTHONPATH": str(SOURCE)} | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == code, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


def client(port):
    return boto3.client(
        "ecs",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def clusters(port):
    """Counts the clusters of an engine, after one was made."""
    ecs = client(port)
    ecs.create_cluster(clusterName="mine")
    return lambda: len(ecs.list_clusters()["clusterArns"])


@pytest.fixture
def two(tmp_path):
    """Two engines: (port, data) of each."""
    made = [(free_port(), tmp_path / name) for name in ("first", "second")]
    for port, data in made:
        fairway("engine", "start", "--runtime", "simulated", "--port", port, "--data", data)
    yield made
    for _, data in made:
        fairway("down", "--data", data, "--purge", "--yes")


@pytest.mark.parametrize(
    "words", [("down", "--purge", "--yes"), ("engine", "stop"), ("engine", "status"), ("engine", "reset")]
)
def test_a_port_on_which_no_engine_answers_means_no_engine(two, words):
    (_, data), _ = two
    said = fairway(*words, "--port", free_port(), code=1, XDG_DATA_HOME=str(data.parent))
    assert "no engine answers on port" in said
    for port, _ in two:
        assert clusters(port)() == 1


def test_reset_empties_the_engine_over_the_directory_that_was_named(two):
    (first, _), (second, data) = two
    ours, others = clusters(second), clusters(first)
    fairway("engine", "reset", "--data", data)
    assert (ours(), others()) == (0, 1)


def test_a_port_and_a_directory_of_two_engines_are_refused(two):
    (first, _), (_, data) = two
    assert "is on port" in fairway("engine", "stop", "--port", first, "--data", data, code=1)


def test_the_engine_is_stopped_by_its_port(two):
    (port, data), (other, _) = two
    assert "has stopped" in fairway("engine", "stop", "--port", port)
    assert "no engine runs" in fairway("engine", "status", "--data", data, code=1)
    assert json.loads(fairway("engine", "status", "--port", other, "--json"))["running"]


def test_a_killed_engine_keeps_its_state(two):
    (port, data), _ = two
    there = clusters(port)
    os.kill(json.loads(fairway("engine", "status", "--data", data, "--json"))["pid"], signal.SIGKILL)
    assert "no engine runs" in fairway("engine", "status", "--data", data, code=1)
    fairway("engine", "start", "--runtime", "simulated", "--port", port, "--data", data)
    assert there() == 1


def test_starting_an_engine_that_runs_says_so(two):
    (port, data), _ = two
    where = ("--port", port, "--data", data)
    there = clusters(port)
    said = fairway("engine", "start", *where)
    assert "the engine runs already" in said
    assert f"http://127.0.0.1:{port}" in said
    assert "the engine runs already" in fairway("engine", "start", "--runtime", "simulated", *where)
    said = fairway("engine", "start", "--speed", "5", *where, code=2)
    assert "runs already, with speed 1.0" in said
    assert "engine restart" in said
    assert there() == 1


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("engine", "stop"), "goes on when the engine is started again"),
        (("down", "--purge", "--yes"), "ends with the data"),
    ],
)
def test_stopping_names_what_is_being_deployed(two, words, what):
    (port, data), _ = two
    ecs = client(port)
    network = {"subnets": ["subnet-0fa1000000000000a"]}
    ecs.create_cluster(clusterName="mine")
    ecs.register_task_definition(
        family="shop",
        networkMode="awsvpc",
        cpu="256",
        memory="512",
        requiresCompatibilities=["FARGATE"],
        containerDefinitions=[{"name": "app", "image": "shop:1", "dockerLabels": {"fairway.sim.start": "600"}}],
    )
    ecs.create_service(
        cluster="mine",
        serviceName="shop",
        taskDefinition="shop",
        desiredCount=1,
        networkConfiguration={"awsvpcConfiguration": network},
    )
    assert f"shop of mine is being deployed: that {what}" in fairway(*words, "--data", data)


def test_a_start_that_fails_leaves_nothing(two, tmp_path):
    (port, _), _ = two
    said = fairway(
        "engine", "start", "--runtime", "simulated", "--port", port, "--data", tmp_path / "new" / "data", code=2
    )
    assert f"port {port} is taken by another Fairway engine" in said
    assert not (tmp_path / "new").exists()


def test_time_that_stays_in_front_is_told(tmp_path):
    port, data = free_port(), tmp_path / "data"
    where = ("--port", port, "--data", data)
    try:
        assert "engine time" not in fairway("engine", "start", "--runtime", "simulated", *where)
        fairway("engine", "restart", "--speed", 1000, *where)
        said = fairway("engine", "restart", "--speed", 1, *where)
        assert "ahead of the system's: it ran faster before, and never goes back" in said
        assert "it ran faster before" in fairway("engine", "status", *where)
        assert json.loads(fairway("engine", "status", *where, "--json"))["ahead_seconds"] > 100
    finally:
        fairway("down", "--data", data, "--purge", "--yes")


@pytest.mark.parametrize(
    ("seconds", "speed", "expected"),
    [
        pytest.param(0.4, 1.0, "", id="none to speak of"),
        pytest.param(-3.0, 1.0, "", id="the system's clock was set"),
        pytest.param(3725.0, 1.0, "engine time is 1 h 2 min 5 s ahead of the system's: it ran faster before, and never goes back", id="before"),
        pytest.param(90000.0, 20.0, "engine time is 1 d 1 h ahead of the system's: it runs faster", id="now"),
    ],
)  # fmt: skip
def test_how_far_ahead_time_is(seconds, speed, expected):
    assert ahead_text({"ahead_seconds": seconds, "speed": speed}) == expected
