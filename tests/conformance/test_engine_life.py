"""Engines side by side, restarted, reset, and over a state that cannot be written."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.conformance.engine_process import SOURCE, EngineProcess, running_engine, start_engine
from tests.conformance.world import World, until
from tests.ports import free_port

if TYPE_CHECKING:
    from pathlib import Path

NEVER_QUICK = {"command": ["CMD", "true"], "interval": 100}
"""A container health check whose first result takes two real seconds at speed 50."""
BREAKER = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}


def world_of(engine: EngineProcess) -> World:
    return World(engine.url, "life", speed=50)


def served(world: World, count: int = 3) -> tuple[str, str]:
    """A steady service behind a load balancer."""
    cluster = world.cluster()
    definition = world.task_definition(world.sim(), family="served")
    service = world.service(cluster, definition, count, loadBalancers=world.balanced(), deploymentConfiguration=BREAKER)
    world.until_steady(cluster, service)
    return cluster, service


def refused(data: Path, port: int) -> tuple[int, str]:
    """What an engine says that does not start."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "fairway.engine.serve",
            "--port",
            str(port),
            "--data",
            str(data),
            "--runtime",
            "simulated",
        ],
        env=os.environ | {"PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def test_engines_live_side_by_side(own_engine: EngineProcess, tmp_path: Path) -> None:
    with running_engine(tmp_path / "other") as other:
        world_of(own_engine).ecs.create_cluster(clusterName="mine")
        assert world_of(other).ecs.list_clusters()["clusterArns"] == []


def test_a_second_engine_is_told_who_holds_the_data(own_engine: EngineProcess) -> None:
    code, text = refused(own_engine.data, free_port())
    assert code == 2
    assert f"is held by the engine on port {own_engine.port} (process {own_engine.process.pid})" in text
    assert "--data" in text


def test_a_taken_port_is_named(own_engine: EngineProcess, tmp_path: Path) -> None:
    code, text = refused(tmp_path / "new" / "x", own_engine.port)
    assert code == 2
    assert not (tmp_path / "new").exists(), "nothing half made is left"
    assert str(own_engine.port) in text
    assert "--port" in text


def test_data_of_another_user_is_refused(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make a folder of another user")
    data = tmp_path / "theirs"
    data.mkdir()
    os.chown(data, 12345, 12345)
    code, text = refused(data, free_port())
    assert code == 2
    assert "belongs to user 12345" in text


def test_a_folder_of_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    code, text = refused(tmp_path, free_port())
    assert (code, "not Fairway's" in text) == (2, True)


def test_a_state_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_bytes(b"not a database" * 1000)
    code, text = refused(tmp_path, free_port())
    assert code == 2
    assert "state.db" in text


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGKILL], ids=["restart", "kill -9"])
def test_state_and_simulated_tasks_outlive_the_engine(tmp_path: Path, number: int) -> None:
    data = tmp_path / "data"
    engine = start_engine(data)
    try:
        world = world_of(engine)
        cluster, service = served(world)
        before = world.describe(cluster, service)
        tasks = {task["taskArn"]: task["startedAt"] for task in world.tasks(cluster)}
        engine.stop(number)
        engine = start_engine(data)
        world = world_of(engine)
        after = world.describe(cluster, service)
        assert {task["taskArn"]: task["startedAt"] for task in world.tasks(cluster)} == tasks
        assert after["deployments"] == before["deployments"]
        assert after["events"] == before["events"]
        world.ecs.update_service(cluster=cluster, service=service, desiredCount=5)
        world.until_steady(cluster, service)
        assert tasks.keys() <= {task["taskArn"] for task in world.tasks(cluster)}
        assert "Traceback" not in engine.log, engine.log
    finally:
        engine.stop()


def until_running(world: World, cluster: str, service: str, count: int) -> None:
    until(f"{count} tasks run", lambda: world.describe(cluster, service)["runningCount"] >= count)


def test_a_deployment_goes_on_after_a_kill(tmp_path: Path) -> None:
    data = tmp_path / "data"
    engine = start_engine(data)
    try:
        world = world_of(engine)
        cluster, service = served(world)
        second = world.task_definition(world.sim("app", {"start": "20"}), family="served")
        world.ecs.update_service(cluster=cluster, service=service, taskDefinition=second)
        for moment in range(6):
            engine.stop(signal.SIGKILL)
            engine = start_engine(data)
            until_running(world_of(engine), cluster, service, moment % 3)
        world = world_of(engine)
        shown = world.until_steady(cluster, service)
        assert shown["taskDefinition"].endswith(f"/{second}")
        assert world.deployments(cluster, service)[0]["status"] == "SUCCESSFUL"
        assert "Traceback" not in engine.log, engine.log
    finally:
        engine.stop()


def until_counted(world: World, cluster: str, service: str, count: str) -> None:
    until(
        f"{count} of the new revision is 3",
        lambda: world.describe(cluster, service)["deployments"][0][count] >= 3,
    )


def test_a_planned_stop_is_no_failure_of_the_tasks(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running_engine(data) as engine:
        world = world_of(engine)
        cluster, service = served(world)
        (one_off,) = world.run(cluster, world.task_definition())
        first = {task["taskArn"] for task in world.tasks(cluster)} | {one_off["taskArn"]}
        assert len(first) == 4
    with running_engine(data) as engine:
        world = world_of(engine)
        world.until_steady(cluster, service)
        ended = world.ecs.describe_tasks(cluster=cluster, tasks=sorted(first))["tasks"]
        assert {task["lastStatus"] for task in ended} == {"STOPPED"}
        assert {task["stopCode"] for task in ended} == {"UserInitiated"}
        assert {task["stoppedReason"] for task in ended} == {"Task stopped by user: the local engine was stopped"}
        assert {task["containers"][0]["exitCode"] for task in ended if task["taskArn"] != one_off["taskArn"]} == {0}
        fresh = {task["taskArn"] for task in world.tasks(cluster)}
        assert len(fresh) == 3
        assert not fresh & first
        assert any("since the local engine was stopped" in event for event in world.events(cluster, service))
        assert "Traceback" not in engine.log, engine.log


@pytest.mark.parametrize("started", [0, 1], ids=["before a new task runs", "with new tasks"])
def test_a_deployment_goes_on_after_planned_stops(tmp_path: Path, started: int) -> None:
    data = tmp_path / "data"
    engine = start_engine(data)
    try:
        world = world_of(engine)
        cluster, service = served(world)
        behaviour = {"start": "1" if started else "60"}
        second = world.task_definition(world.sim("app", behaviour, healthCheck=NEVER_QUICK), family="served")
        world.ecs.update_service(cluster=cluster, service=service, taskDefinition=second)
        # each stop ends three tasks of the new revision: a breaker that counted them would have tripped at once
        count = "runningCount" if started else "pendingCount"
        for _ in range(3):
            until_counted(world_of(engine), cluster, service, count)
            engine.stop()
            engine = start_engine(data)
        world = world_of(engine)
        shown = world.until_steady(cluster, service, seconds=60)
        assert shown["taskDefinition"].endswith(f"/{second}")
        newest = world.deployments(cluster, service)[0]
        assert newest["status"] == "SUCCESSFUL"
        assert newest["deploymentCircuitBreaker"]["failureCount"] == 0
        assert "Traceback" not in engine.log, engine.log
    finally:
        engine.stop()


def test_the_clock_does_not_go_back(tmp_path: Path) -> None:
    data = tmp_path / "data"
    moments = []
    for speed in (100.0, 1.0, 20.0):
        with running_engine(data, speed=speed) as engine:
            answer = world_of(engine).client("sts").get_caller_identity()
            moments.append(parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"]))
            time.sleep(0.05)
    assert moments == sorted(moments)


# -- reset ---------------------------------------------------------------------------------------------------------------


def everything(world: World) -> list[Any]:
    """All that a client can list."""
    return [
        world.ecs.list_clusters()["clusterArns"],
        world.ecs.list_task_definitions()["taskDefinitionArns"],
        world.ecs.list_task_definition_families()["families"],
        world.elb.describe_load_balancers()["LoadBalancers"],
        world.elb.describe_target_groups()["TargetGroups"],
        world.logs.describe_log_groups()["logGroups"],
        world.client("secretsmanager").list_secrets()["SecretList"],
        world.client("ssm").describe_parameters()["Parameters"],
        world.client("ecr").describe_repositories()["repositories"],
    ]


def test_reset_empties_everything_while_it_is_at_work(own_engine: EngineProcess) -> None:
    world = world_of(own_engine)
    for _ in range(3):
        cluster, service = served(world, 5)
        world.logs.create_log_group(logGroupName=f"/{cluster}")
        world.client("secretsmanager").create_secret(Name=cluster, SecretString="x")
        world.client("ssm").put_parameter(Name=f"/{cluster}", Value="x", Type="String")
        world.client("ecr").create_repository(repositoryName=cluster)
        world.ecs.update_service(cluster=cluster, service=service, forceNewDeployment=True)
        own_engine.reset()
        assert not any(everything(world))
    time.sleep(0.5)  # whatever the old world had under way would be heard of by now
    assert not any(everything(world))
    cluster, service = served(world, 2)
    revision = world.describe(cluster, service)["taskDefinition"].rsplit(":", 1)[1]
    assert revision == "1", "families begin anew"
    assert len(world.tasks(cluster)) == 2
    assert "Traceback" not in own_engine.log, own_engine.log


def test_what_was_reset_stays_away_after_a_restart(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running_engine(data) as engine:
        served(world_of(engine))
        engine.reset()
    with running_engine(data) as engine:
        assert not any(everything(world_of(engine)))


# -- a state that cannot be written ----------------------------------------------------------------------------------------


def test_a_locked_state_is_told_and_nothing_is_lost(own_engine: EngineProcess) -> None:
    world = world_of(own_engine)
    cluster, service = served(world, 2)
    with closing(sqlite3.connect(own_engine.data / "state.db", isolation_level=None)) as intruder:
        intruder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(ClientError) as caught:
            world.ecs.update_service(cluster=cluster, service=service, desiredCount=4)
        intruder.execute("ROLLBACK")
    error = caught.value.response
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert error["Error"]["Code"] == "ServiceUnavailableException"
    assert "nothing was changed" in error["Error"]["Message"]
    assert world.describe(cluster, service)["desiredCount"] == 2
    world.ecs.update_service(cluster=cluster, service=service, desiredCount=4)
    assert world.until_steady(cluster, service)["runningCount"] == 4
    assert "Traceback" not in own_engine.log, own_engine.log


def test_tasks_go_on_when_the_lock_is_gone(own_engine: EngineProcess) -> None:
    world = world_of(own_engine)
    cluster = world.cluster()
    definition = world.task_definition(world.sim("app", {"start": "20"}))
    service = world.service(cluster, definition, 3, loadBalancers=world.balanced())
    with closing(sqlite3.connect(own_engine.data / "state.db", isolation_level=None)) as intruder:
        intruder.execute("BEGIN EXCLUSIVE")
        time.sleep(3)  # longer than the tasks need to come up
        intruder.execute("ROLLBACK")
    assert world.until_steady(cluster, service)["runningCount"] == 3
    assert "Traceback" not in own_engine.log, own_engine.log
