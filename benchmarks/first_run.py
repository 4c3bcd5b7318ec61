"""What a newcomer waits for, and which requests fail: in planned changes, and when a task or the load balancer is killed. Prints JSON.

    PYTHONPATH=src python benchmarks/first_run.py

Processes, Envoy and the Task Management System as they are, at speed 1, in a data directory of its own; with load on it.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median
from typing import Any, Self

import boto3

from fairway.load.address import read_address
from fairway.load.generator import Load, LoadPlan

ROOT = Path(__file__).parent.parent
PORT = 23901
CLUSTER = "taskmanager-local"
SERVICE = "taskmanager-api"


KILLED = {"a task's process": ("-m taskmanager.main",), "a task's shim": ("shim", "/api"), "Envoy": ("_bin/envoy",)}
"""Words of the command lines of what is killed with SIGKILL under load, without a word before."""


class Traffic:
    """300 requests/s: half over keep-alive connections, half with a connection each."""

    def __init__(self, address: str) -> None:
        self.loads = [
            Load(LoadPlan(read_address(address), 150.0, ("/version",), new_connections=new)) for new in (False, True)
        ]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._both())

    async def _both(self) -> None:
        await asyncio.gather(*(load.run() for load in self.loads))

    def __enter__(self) -> Self:
        self._thread.start()
        time.sleep(1)
        return self

    def __exit__(self, *_: object) -> None:
        for load in self.loads:
            self._loop.call_soon_threadsafe(load.stop)
        self._thread.join()

    def figures(self) -> dict[str, int]:
        return {
            "requests": sum(load.total.requests for load in self.loads),
            "failed": sum(load.total.failed for load in self.loads),
        }


class Stack:
    """A data directory, and the commands on it."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._environment = os.environ | {
            "FAIRWAY_DATA": str(folder / "data"),
            "FAIRWAY_PORT": str(PORT),
            "PYTHONPATH": str(ROOT / "src"),
        }
        self.ecs: Any = boto3.client(
            "ecs",
            endpoint_url=f"http://127.0.0.1:{PORT}",
            region_name="us-east-1",
            aws_access_key_id="benchmark",
            aws_secret_access_key="benchmark",
        )

    def run(self, *words: str, code: int = 0) -> float:
        """Seconds that a command took."""
        began = time.monotonic()
        ended = subprocess.run(
            [sys.executable, "-m", "fairway.cli.main", *words],
            cwd=ROOT,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == code, ended.stdout[-2000:] + ended.stderr[-2000:]
        return time.monotonic() - began

    def address(self) -> str:
        elbv2: Any = boto3.client(
            "elbv2",
            endpoint_url=f"http://127.0.0.1:{PORT}",
            region_name="us-east-1",
            aws_access_key_id="benchmark",
            aws_secret_access_key="benchmark",
        )
        (balancer,) = elbv2.describe_load_balancers()["LoadBalancers"]
        (listener,) = elbv2.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
        (tags,) = elbv2.describe_tags(ResourceArns=[listener["ListenerArn"]])["TagDescriptions"]
        return str(next(tag["Value"] for tag in tags["Tags"] if tag["Key"] == "fairway:address"))

    def deploy_and_lag(self, tag: str, *words: str, code: int = 0) -> tuple[float, float]:
        """Seconds of a deployment, and from its service deployment's end to the command's exit (wall times)."""
        took = self.run("deploy", "api", "--tag", tag, *words, code=code)
        exited = time.time()
        (newest, *_) = self.ecs.list_service_deployments(cluster=CLUSTER, service=SERVICE)["serviceDeployments"]
        return took, exited - newest["finishedAt"].timestamp()

    def kill_engine(self) -> None:
        ended = subprocess.run(
            [sys.executable, "-m", "fairway.cli.main", "engine", "status", "--json"],
            env=self._environment,
            capture_output=True,
            check=True,
        )
        os.kill(json.loads(ended.stdout)["pid"], 9)

    def scale(self, count: int) -> None:
        self.ecs.update_service(cluster=CLUSTER, service=SERVICE, desiredCount=count)
        self.wait_for(count)
        time.sleep(4)  # tasks go on draining, and targets are being checked

    def wait_for(self, count: int) -> None:
        while True:
            (service,) = self.ecs.describe_services(cluster=CLUSTER, services=[SERVICE])["services"]
            if service["runningCount"] == service["desiredCount"] == count:
                return
            time.sleep(0.1)

    def kill(self, *words: str) -> None:
        """Kill the first process of this stack whose command line has `words`: nobody is told before, as when a machine dies."""
        for process in sorted(Path("/proc").glob("[0-9]*")):
            try:
                line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                variables = (process / "environ").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if all(word in line for word in words) and (self._folder in line or self._folder in variables):
                os.kill(int(process.name), 9)
                return
        raise AssertionError(f"no process of {self._folder} has {' and '.join(words)}")


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="fairway-benchmark-"))
    folder.chmod(0o755)
    stack = Stack(folder)
    figures: dict[str, Any] = {"help_seconds": round(median(stack.run("--help") for _ in range(7)), 3)}
    try:
        figures["up_from_nothing_seconds"] = round(stack.run("up", "--detach"), 1)
        stack.run("down")
        figures["up_again_after_down_seconds"] = round(stack.run("up", "--detach"), 1)
        figures["up_when_up_seconds"] = round(stack.run("up", "--detach"), 1)
        failed = figures["requests_in_planned_changes"] = {}
        with Traffic(stack.address()) as traffic:
            took, lag = stack.deploy_and_lag("bench-1")
        failed["rolling deployment"] = traffic.figures()
        figures |= {"deployment_seconds": round(took, 1), "end_to_exit_seconds": round(lag, 2)}
        with Traffic(stack.address()) as traffic:
            took, lag = stack.deploy_and_lag("bench-2", "--set", "api:TASKMANAGER_FAULTS=crash_at_start", code=4)
        failed["automatic rollback"] = traffic.figures()
        figures |= {"broken_deployment_seconds": round(took, 1), "rolled_back_to_exit_seconds": round(lag, 2)}
        stack.run("deploy", "api", "--tag", "bench-3")
        with Traffic(stack.address()) as traffic:
            stack.run("rollback", "api", "--yes")
        failed["rollback by hand"] = traffic.figures()
        with Traffic(stack.address()) as traffic:
            stack.scale(2)
            stack.scale(5)
        failed["scale in and out"] = traffic.figures()
        with Traffic(stack.address()) as traffic:
            stack.kill_engine()
            time.sleep(2)
            stack.run("engine", "start")
            stack.run("engine", "restart")
            time.sleep(2)
        failed["engine kill -9, start, restart"] = traffic.figures()
        lost = figures["requests_when_killed"] = {}
        for name, words in KILLED.items():
            with Traffic(stack.address()) as traffic:
                stack.kill(*words)
                time.sleep(3)
                stack.wait_for(5)
                time.sleep(2)
            lost[name] = traffic.figures()
    finally:
        stack.run("down", "--purge", "--yes")
        shutil.rmtree(folder)
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
