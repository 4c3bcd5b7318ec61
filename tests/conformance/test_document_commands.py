"""The strategy document's own `aws …` blocks, run by the AWS CLI as they are printed, its mistakes included.

The document is its team's, not this project's: `FAIRWAY_STRATEGY_DOCUMENT` names the file, from which the blocks are read.

`aws` is looked for on PATH, then in `FAIRWAY_AWS_CLI`; without one the tests make a virtual environment in the user's cache
and install `awscli` there, since it pins another botocore than this project does.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.engine_process import EngineProcess, running_engine
from tests.conformance.world import REGION, World, until

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENT = os.environ.get("FAIRWAY_STRATEGY_DOCUMENT")
pytestmark = [
    pytest.mark.skipif(not DOCUMENT, reason="FAIRWAY_STRATEGY_DOCUMENT names no document"),
    pytest.mark.skipif(
        bool(os.environ.get("FAIRWAY_CONFORMANCE_ENDPOINT")), reason="makes what the document takes for granted"
    ),
]
BLOCKS = {
    "create-cluster.sh": "aws ecs create-cluster",
    "deploy.sh": "# scripts/deploy.sh",
    "manual-rollback.sh": "--max-items 5",
    "register.sh": "--cli-input-json file://",
    "rollback.sh": "# scripts/rollback.sh",
    "run-migrations.sh": "--task-definition taskmanager-migrations:5",
    "service-api.json": '"taskDefinition": "taskmanager-api:42"',
    "tail-logs.sh": "aws logs tail",
    "task-definition-api.json": '"family": "taskmanager-api"',
    "update-service.sh": "--task-definition ${TASK_DEF_ARN}",
    "verify.sh": "# Check service status",
}
"""What stands in a block and in none before it."""
CLUSTER, API = "taskmanager-prod", "taskmanager-api"
REFUSED = (254, 255)
"""What versions 2 and 1 of the CLI exit with when the service says no."""


def _aws_cli() -> str:
    """A folder with an `aws`."""
    chosen = os.environ.get("FAIRWAY_AWS_CLI") or shutil.which("aws")
    if chosen:
        return str(Path(chosen).parent)
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "fairway" / "awscli"
    if not (cache / "bin" / "aws").exists():
        uv = shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
        if uv:  # needs no ensurepip, which some distributions leave out
            subprocess.run([uv, "venv", "-q", "--python", sys.executable, str(cache)], check=True)
            subprocess.run([uv, "pip", "install", "-q", "--python", str(cache), "awscli"], check=True)
        else:
            subprocess.run([sys.executable, "-m", "venv", str(cache)], check=True)
            subprocess.run([str(cache / "bin" / "pip"), "install", "-q", "awscli"], check=True)
    return str(cache / "bin")


def block(name: str) -> str:
    """A block of the document, byte for byte."""
    assert DOCUMENT is not None
    found: list[str] = re.findall(r"^```(?:bash|json)\n(.*?)^```", Path(DOCUMENT).read_text(), re.DOTALL | re.MULTILINE)
    return next(text for text in found if BLOCKS[name] in text)


class Shell:
    """Runs blocks of the document against an engine, in a folder of their own."""

    def __init__(self, engine: EngineProcess, folder: Path) -> None:
        self.folder = folder
        self.world = World(engine.url, "doc", speed=50)
        self.subnets = self.world.subnets
        self._environment = {
            "PATH": f"{_aws_cli()}:{os.environ['PATH']}",
            "HOME": str(folder),
            "AWS_ENDPOINT_URL": engine.url,
            "AWS_ACCESS_KEY_ID": "tester",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_PAGER": "",
            "AWS_MAX_ATTEMPTS": "1",
        }

    def run(
        self, script: str, *words: str, given: str = "", seconds: float = 100.0, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", script, "script", *words],
            cwd=self.folder,
            env=self._environment | variables,
            input=given,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def document(self, name: str) -> dict[str, Any]:
        """A JSON block, with the placeholders that nobody can run replaced."""
        text = block(name).replace("subnet-xxx-private-us-east-1a", self.subnets[0])
        found: dict[str, Any] = json.loads(text.replace("subnet-yyy-private-us-east-1b", self.subnets[1]))
        return found

    def register(self, name: str = "task-definition-api.json", **labels: str) -> str:
        definition = self.document(name)
        if labels:
            definition["containerDefinitions"][0]["dockerLabels"] = {f"fairway.sim.{k}": v for k, v in labels.items()}
        made = self.world.ecs.register_task_definition(**definition)["taskDefinition"]
        return f"{made['family']}:{made['revision']}"

    def wanted(self) -> dict[str, Any]:
        return self.world.describe(CLUSTER, API)


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """What the document takes for granted: the cluster by its own command, groups, secrets, and the API as a service."""
    folder = tmp_path_factory.mktemp("document")
    with running_engine(folder / "data", speed=100) as engine:
        shell = Shell(engine, folder)
        made = shell.run(block("create-cluster.sh"))
        assert made.returncode == 0, made.stderr
        for group in ("/aws/ecs/taskmanager-api", "/aws/ecs/taskmanager-worker"):
            shell.world.logs.create_log_group(logGroupName=group)
        vault = shell.world.client("secretsmanager")
        for secret in ("database-url", "redis-url", "jwt-secret", "celery-broker"):
            vault.create_secret(Name=f"taskmanager/{secret}", SecretString="x")
        service = shell.document("service-api.json")
        service["loadBalancers"] = [item | {"containerName": "api"} for item in shell.world.balanced()]
        service["taskDefinition"] = shell.register()
        shell.world.ecs.create_service(**service)
        shell.world.until_steady(CLUSTER, API, seconds=60)
        shell.world.task_definition(family="taskmanager-migrations")
        (folder / "task-definition-api.json").write_text(block("task-definition-api.json"))
        yield shell
        assert "Traceback" not in engine.log, engine.log


@pytest.fixture(autouse=True)
def _steady(shell: Shell) -> None:
    """Each test begins when what the last one did is over."""
    shell.world.until_steady(CLUSTER, API, seconds=60)


def test_create_cluster(shell: Shell) -> None:
    answer = shell.run(block("create-cluster.sh"))
    cluster = json.loads(answer.stdout)["cluster"]
    assert cluster["clusterName"] == CLUSTER
    assert cluster["capacityProviders"] == ["FARGATE", "FARGATE_SPOT"]
    assert cluster["defaultCapacityProviderStrategy"] == [
        {"capacityProvider": "FARGATE", "weight": 1, "base": 2},
        {"capacityProvider": "FARGATE_SPOT", "weight": 4, "base": 0},
    ]
    assert cluster["settings"] == [{"name": "containerInsights", "value": "enabled"}]


def test_the_services_fargate_launch_type_never_uses_spot(shell: Shell) -> None:
    tasks = shell.world.tasks(CLUSTER, serviceName=API)
    assert {task["launchType"] for task in tasks} == {"FARGATE"}
    assert not any("capacityProviderName" in task for task in tasks)


def test_run_task_with_its_placeholders_is_refused(shell: Shell) -> None:
    answer = shell.run(block("run-migrations.sh").split("\n\n# Wait", maxsplit=1)[0])
    assert answer.returncode in REFUSED
    assert "(ClientException) when calling the RunTask operation: TaskDefinition not found." in answer.stderr
    assert ":5" in block("run-migrations.sh"), "here is only one revision"
    command = block("run-migrations.sh").split("\n\n# Wait", maxsplit=1)[0].replace("migrations:5", "migrations:1")
    answer = shell.run(command)
    assert answer.returncode in REFUSED
    assert "The subnet ID 'subnet-xxx' does not exist (ErrorCode: InvalidSubnetID.NotFound)" in answer.stderr
    good = shell.run(command.replace("subnet-xxx", shell.subnets[0]))
    task = json.loads(good.stdout)["tasks"][0]
    assert task["lastStatus"] == "PROVISIONING"
    shell.world.ecs.stop_task(cluster=CLUSTER, task=task["taskArn"])
    wait = "aws ecs wait" + block("run-migrations.sh").split("aws ecs wait", maxsplit=1)[1]
    assert shell.run(wait.replace("<task-arn>", task["taskArn"])).returncode == 0


def test_register_update_and_wait(shell: Shell) -> None:
    before = shell.wanted()["taskDefinition"]
    script = f"set -e\n{block('register.sh')}\n{block('update-service.sh')}"
    answer = shell.run(script)
    assert answer.returncode == 0, answer.stderr
    shown = shell.wanted()
    assert shown["taskDefinition"] != before
    assert shown["runningCount"] == shown["desiredCount"] == 5


def test_verify(shell: Shell) -> None:
    commands = block("verify.sh").split("# Test API health")[0].split("# Check task health")
    counts = shell.run(commands[0])
    assert json.loads(counts.stdout) == {"Desired": 5, "Running": 5, "Pending": 0}
    tasks = shell.run(commands[1])
    assert len(json.loads(tasks.stdout)["taskArns"]) == 5


def test_tail(shell: Shell) -> None:
    world = shell.world
    task = world.tasks(CLUSTER, serviceName=API)[0]["taskArn"].rsplit("/", 1)[1]
    date = world.client("sts").get_caller_identity()["ResponseMetadata"]["HTTPHeaders"]["date"]
    from email.utils import parsedate_to_datetime  # noqa: PLC0415

    stamp = int(parsedate_to_datetime(date).timestamp() * 1000)
    world.logs.put_log_events(
        logGroupName="/aws/ecs/taskmanager-api",
        logStreamName=f"api/api/{task}",
        logEvents=[{"timestamp": stamp, "message": "one"}, {"timestamp": stamp + 1, "message": "two"}],
    )
    command = next(line for line in block("tail-logs.sh").splitlines() if line.startswith("aws"))
    version = shell.run("aws --version").stdout + shell.run("aws --version").stderr
    if "aws-cli/1." in version:
        pytest.skip("`aws logs tail` is a command of version 2")
    answer = shell.run(command.replace(" --follow", ""))
    assert [line.split(" ")[-1] for line in answer.stdout.splitlines()] == ["one", "two"]


def test_deploy_script_fails_as_it_does_on_aws(shell: Shell) -> None:
    """Its run-task has no network, which awsvpc refuses: the script ends there."""
    answer = shell.run(block("deploy.sh"), "v9")
    assert answer.returncode in REFUSED
    assert (
        "(InvalidParameterException) when calling the RunTask operation: Network Configuration must be provided when "
        "networkMode 'awsvpc' is specified." in answer.stderr
    )
    assert "Updating task definition" not in answer.stdout


def test_deploy_script_registers_what_describe_gave_it_and_is_refused(shell: Shell) -> None:
    """With the migrations out of the way it registers read-only fields, which the CLI or AWS refuses."""
    script = block("deploy.sh")
    head, rest = script.split("# 1. Run migrations")
    update = rest.split("# 2. Update task definition with new image")[1]
    answer = shell.run(f"{head}# 2. {update}", "v9")
    assert answer.returncode != 0
    assert "taskDefinitionArn" in answer.stderr
    assert re.search(r"Unknown parameter|Unknown member", answer.stderr)


def test_services_stable_succeeds_after_a_rollback(shell: Shell) -> None:
    """The document's own wait says that all is well when ECS has gone back to the old revision."""
    good = shell.wanted()["taskDefinition"]
    bad = shell.register(exit_after="1", exit_code="1")
    script = block("update-service.sh")
    answer = shell.run(script, TASK_DEF_ARN=bad)
    assert answer.returncode == 0, answer.stderr
    shown = shell.world.until_steady(CLUSTER, API)
    assert shown["taskDefinition"] == good
    newest = shell.world.deployments(CLUSTER, API)[0]
    assert newest["status"] == "ROLLBACK_SUCCESSFUL"


def test_manual_rollback_lists_and_updates(shell: Shell) -> None:
    script = block("manual-rollback.sh")
    listing, rest = script.split("# Rollback to previous version")
    listed = json.loads(shell.run(listing).stdout)["taskDefinitionArns"]
    revisions = [int(arn.rsplit(":", 1)[1]) for arn in listed]
    assert revisions == sorted(revisions, reverse=True)
    answer = shell.run(rest)
    assert answer.returncode in REFUSED, "there is no revision 42 here"
    assert "TaskDefinition not found." in answer.stderr
    answer = shell.run(rest.replace("taskmanager-api:42", "taskmanager-api:1"))
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["service"]["deployments"][0]["status"] == "PRIMARY"
    shell.world.until_steady(CLUSTER, API, seconds=60)


def test_rollback_script_takes_the_revision_before_the_newest(shell: Shell) -> None:
    """Whatever that one was: here it never worked."""
    name = "two-revisions"
    bad = shell.world.task_definition(shell.world.sim("app", {"exit_after": "1", "exit_code": "1"}), family=name)
    good = shell.world.task_definition(shell.world.sim(), family=name)
    shell.world.ecs.create_service(
        cluster=CLUSTER,
        serviceName=name,
        taskDefinition=good,
        desiredCount=1,
        networkConfiguration=shell.world.network,
        launchType="FARGATE",
        deploymentConfiguration={"deploymentCircuitBreaker": {"enable": True, "rollback": True}},
    )
    shell.world.until_steady(CLUSTER, name)
    script = block("rollback.sh").replace("aws ecs wait services-stable", "true aws ecs wait services-stable")
    refused = shell.run(script, name, given="n")
    assert refused.returncode == 1
    assert f"Rolling back to: {bad}" in refused.stdout
    accepted = shell.run(script, name, given="y")
    assert accepted.returncode == 0, accepted.stderr

    def rolled_back() -> bool:
        return bool(shell.world.deployments(CLUSTER, name)[0]["status"] == "ROLLBACK_SUCCESSFUL")

    until("ECS's breaker undoes the rollback", rolled_back, seconds=60)


def test_rollback_script_breaks_with_more_than_two_revisions(shell: Shell) -> None:
    """`--max-items` with text output prints a second line, `None`, when there is more: the script passes it on."""
    for _ in range(2):
        shell.register()
    answer = shell.run(block("rollback.sh"), API, given="y")
    assert answer.returncode not in {0, 1}
    assert "Unknown options: None" in answer.stderr
    assert shell.wanted()["deployments"][0]["rolloutState"] == "COMPLETED", "nothing was changed"
