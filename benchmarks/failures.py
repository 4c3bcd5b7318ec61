"""Makes each failure of `failure_rows.py` on a stack of its own, under load, and checks what the tool told of it. Prints JSON.

    PYTHONPATH=src:. python benchmarks/failures.py [--page FILE] [--with FILE] [KEY ...]

Exits 1 when one of them was told otherwise than it should be. The stack runs twenty times as fast as the clock; all rows take about
a quarter of an hour.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import boto3
from benchmarks.failure_rows import (
    FAILURES,
    GUARDED,
    UNWATCHED,
    Edit,
    Failure,
    Seen,
    Told,
    first_notice,
    page,
    what_was_said,
    wrong,
)
from tests.aws.proxy import a_proxy
from tests.end_to_end.traffic import Traffic
from tests.ports import free_port

from fairway.clock import monotonic, sleep, wall_now

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT: Final = Path(__file__).parent.parent
CLUSTER: Final = "taskmanager-local"
SERVICE: Final = "taskmanager-api"
SPEED: Final = 20
RATE: Final = 60.0
"""Requests a second over keep-alive connections, and as many over new ones."""
PROJECT: Final = ("fairway.toml", "deploy", "docker", "src/taskmanager")
SETTLE_SECONDS: Final = 120.0
FULL_CIDR: Final = "10.0.200.0/28"
FREE_ADDRESSES: Final = 11
"""Of the smallest subnet that AWS has."""


class Stack:
    """A stack of our own: its data, its projects, and who asks it."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self._number = 0
        self._full_subnet = ""

    def client(self, service: str) -> Any:
        session: Any = boto3
        return session.client(
            service,
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name="us-east-1",
            aws_access_key_id="benchmark",
            aws_secret_access_key="benchmark",
        )

    def begin(self, project: Path, *words: str, port: int | None = None) -> subprocess.Popen[str]:
        """A command of the tool in a project; `port` is where it finds the engine."""
        return subprocess.Popen(
            [sys.executable, "-m", "fairway.cli.main", *words],
            cwd=project,
            env=os.environ
            | {
                "FAIRWAY_DATA": str(self.folder / "data"),
                "FAIRWAY_PORT": str(port or self.port),
                "PYTHONPATH": str(ROOT / "src"),
                "NO_COLOR": "1",
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, project: Path, *words: str) -> str:
        """A command that must succeed; what it printed."""
        process = self.begin(project, *words)
        said, _ = process.communicate()
        if process.returncode != 0:
            raise RuntimeError(f"fairway {' '.join(words)} ended with {process.returncode}:\n{said[-3000:]}")
        return said

    def project(self, name: str, edits: Sequence[Edit] = ()) -> Path:
        """A copy of this project with some changes."""
        folder = self.folder / "projects" / name
        for part in PROJECT:
            source, target = ROOT / part, folder / part
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, target)
        for edit in edits:
            path = folder / edit.path
            text = path.read_text() if edit.old else ""
            if edit.old and text.count(edit.old) != 1:
                raise RuntimeError(f"{edit.path} has {text.count(edit.old)} times, not once: {edit.old}")
            path.write_text(text.replace(edit.old, edit.new) if edit.old else edit.new)
        return folder

    def full_subnet(self) -> str:
        """A subnet all of whose addresses are taken, by tasks that do nothing."""
        if self._full_subnet:
            return self._full_subnet
        ec2, ecs = self.client("ec2"), self.client("ecs")
        (vpc,) = {
            subnet["VpcId"]
            for subnet in ec2.describe_subnets()["Subnets"]
            if subnet["SubnetId"].startswith("subnet-0fa1")
        }
        made = ec2.create_subnet(VpcId=vpc, CidrBlock=FULL_CIDR, AvailabilityZone="us-east-1a")["Subnet"]["SubnetId"]
        living = ecs.describe_task_definition(taskDefinition=self.service()["taskDefinition"])["taskDefinition"]
        idle = ecs.register_task_definition(
            family="idle", networkMode="awsvpc", requiresCompatibilities=["FARGATE"], cpu="256", memory="512",
            executionRoleArn=living["executionRoleArn"],
            containerDefinitions=[{"name": "idle", "image": living["containerDefinitions"][0]["image"], "command": ["sleep", "86400"]}],
        )["taskDefinition"]["taskDefinitionArn"]  # fmt: skip
        network = {"awsvpcConfiguration": {"subnets": [made]}}
        for count in (10, FREE_ADDRESSES - 10):  # RunTask starts ten at most
            ecs.run_task(
                cluster=CLUSTER, taskDefinition=idle, count=count, launchType="FARGATE", networkConfiguration=network
            )
        self._full_subnet = made
        return self._full_subnet

    # -- what serves ---------------------------------------------------------------------------------------------------

    def service(self) -> dict[str, Any]:
        found: dict[str, Any] = self.client("ecs").describe_services(cluster=CLUSTER, services=[SERVICE])["services"][0]
        return found

    def settled(self) -> dict[str, Any]:
        """The service when ECS has nothing left to do with it, and no alarm is red any more: ECS would ignore them all."""
        deadline = monotonic() + SETTLE_SECONDS
        while True:
            service = self.service()
            red = self.client("cloudwatch").describe_alarms(StateValue="ALARM")["MetricAlarms"]
            steady = len(service["deployments"]) == 1 and service["runningCount"] == service["desiredCount"]
            if steady and not red:
                return service
            if monotonic() > deadline:
                raise RuntimeError(f"not settled within {SETTLE_SECONDS:.0f} s: {service['events'][:3]}")
            sleep(0.2)

    def version(self, task_definition: str) -> str:
        """The release that a revision is of, by the tag that the tool gave it."""
        answer = self.client("ecs").describe_task_definition(taskDefinition=task_definition, include=["TAGS"])
        return str(next((tag["value"] for tag in answer["tags"] if tag["key"] == "fairway:version"), "?"))

    def balancer_port(self) -> int:
        elbv2 = self.client("elbv2")
        (balancer,) = elbv2.describe_load_balancers()["LoadBalancers"]
        (listener,) = elbv2.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
        (tags,) = elbv2.describe_tags(ResourceArns=[listener["ListenerArn"]])["TagDescriptions"]
        return int(next(t["Value"] for t in tags["Tags"] if t["Key"] == "fairway:address").rpartition(":")[2])

    # -- failures ------------------------------------------------------------------------------------------------------

    def deploy_good(self) -> None:
        """A good version serves, and is known as good."""
        self._number += 1
        tag = f"good-{self._number}"
        self.run(self.project(tag), "deploy", "api", "--tag", tag, "--take-over")
        self.settled()

    def make(self, failure: Failure) -> Seen:
        """Deploy it under load, and look at what was told and what serves then."""
        project = self.project(failure.key, [*failure.edits, *self._edits(failure)])
        before = self.settled()["taskDefinition"]
        with Traffic(self.balancer_port(), rate=RATE, paths=("/version",)) as traffic, self._endpoint(failure) as port:
            told, code, seconds = self._follow(
                self.begin(project, "deploy", "api", *_words(failure), "--json", port=port)
            )
            service = self.settled()
        who, told_seconds = first_notice(told)
        headline, likely = what_was_said([item.event for item in told], who)
        serving = service["taskDefinition"]
        return Seen(
            who=who,
            headline=headline,
            likely=likely,
            exit_code=code,
            told_seconds=told_seconds,
            ended_seconds=seconds,
            serves=f"the {'new' if serving != before else 'old'} version, {service['runningCount']} of {service['desiredCount']} tasks",
            serves_new=self.version(serving) == failure.key and serving != before,
            requests=traffic.requests,
            failed=len(traffic.failures),
        )

    def _edits(self, failure: Failure) -> list[Edit]:
        edits = []
        if failure.monitor:
            edits.append(Edit("deploy/environments/local.toml", UNWATCHED, failure.monitor))
        if failure.is_full:
            subnet = self.full_subnet()
            old = '"subnets": [\n        "${SUBNET_A}",\n        "${SUBNET_B}"\n      ]'
            edits.append(Edit("deploy/api.service.json", old, f'"subnets": ["{subnet}"]'))
        return edits

    @contextlib.contextmanager
    def _endpoint(self, failure: Failure) -> Iterator[int]:
        """The port that the tool speaks to: the engine's, or that of a proxy before it."""
        if not failure.throttle_each and not failure.expires_after:
            yield self.port
            return
        with a_proxy(self.port, throttle_each=failure.throttle_each, expires_after=failure.expires_after) as proxy:
            yield proxy.port
            if not proxy.throttled and not proxy.has_expired:
                raise RuntimeError(f"{failure.key}: the endpoint refused nothing")

    @staticmethod
    def _follow(process: subprocess.Popen[str]) -> tuple[list[Told], int, float]:
        began = monotonic()
        told, others = [], []
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("{"):
                told.append(Told(monotonic() - began, json.loads(line)))
            else:
                others.append(line)
        code = process.wait()
        if others:
            print("".join(others), file=sys.stderr)
        return told, code, monotonic() - began


def _words(failure: Failure) -> list[str]:
    version = ["--image", failure.image] if failure.image else ["--tag", failure.key]
    faults = ["--set", f"api:TASKMANAGER_FAULTS={failure.faults}"] if failure.faults else []
    return [*version, *faults, *failure.words]


def machine(*, is_one_run: bool) -> str:
    """When and on what the figures were measured."""
    runs = "in one run" if is_one_run else "in more than one run"
    python = platform.python_version()
    return f"Measured on {wall_now():%d %B %Y}, {runs}, on {os.cpu_count()} shared {platform.machine()} cores, Python {python}."


def measure(keys: Sequence[str]) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """What was seen, by key, and what was told wrongly."""
    folder = Path(tempfile.mkdtemp(prefix="fairway-failures-"))
    folder.chmod(0o755)
    stack, found, mistakes = Stack(folder, free_port()), dict[str, dict[str, Any]](), list[str]()
    first = stack.project("first")
    try:
        stack.run(first, "up", "--detach", "--speed", str(SPEED))
        # a service keeps the alarms that it was given, and they would see what others are to see: those come last
        for failure in sorted(FAILURES, key=lambda failure: failure.monitor == GUARDED):
            if failure.key not in keys:
                continue
            seen = stack.make(failure)
            why = wrong(failure, seen)
            mistakes += [f"{failure.key}: {mistake}" for mistake in why]
            found[failure.key] = asdict(seen) | {"told_engine_seconds": seen.told_seconds * SPEED, "wrong": why}
            print(
                f"{failure.key}: {seen.who}, {seen.exit_code}, {'; '.join(why) or 'as it should be'}", file=sys.stderr
            )
            if seen.serves_new:
                stack.deploy_good()
    finally:
        stack.run(first, "down", "--purge", "--yes")
        shutil.rmtree(folder)
    return found, mistakes


def main() -> int:
    known = [failure.key for failure in FAILURES]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("keys", nargs="*", metavar="KEY", help=f"only these: {', '.join(known)}")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the page; needs all of them")
    parser.add_argument(
        "--with", dest="earlier", type=Path, metavar="FILE", help="take the others from what an earlier run printed"
    )
    arguments = parser.parse_args()
    keys = arguments.keys or known
    if set(keys) - set(known):
        parser.error(f"there is no {', '.join(sorted(set(keys) - set(known)))}")
    earlier: dict[str, dict[str, Any]] = {}
    if arguments.earlier:
        earlier = json.loads(arguments.earlier.read_text(encoding="utf-8"))["failures"]
    missing = set(known) - set(keys) - set(earlier)
    if arguments.page and missing:
        parser.error(f"the page has all failures; missing are {', '.join(sorted(missing))}")
    made, mistakes = measure(keys)
    found = earlier | made
    mistakes += [f"{key}: {mistake}" for key in earlier.keys() - made.keys() for mistake in earlier[key]["wrong"]]
    print(json.dumps({"failures": found, "wrong": mistakes}, indent=1))
    if arguments.page:
        arguments.page.write_text(page(found, made_on=machine(is_one_run=not earlier)), encoding="utf-8")
    return 1 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main())
