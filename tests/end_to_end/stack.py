"""The whole of it, as a newcomer has it: engine, processes, Envoy, Valkey and the Task Management System, driven by the command line."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from tests.end_to_end.traffic import Traffic
from tests.ports import free_port

from fairway.clock import monotonic, sleep

ROOT = Path(__file__).parent.parent.parent
CLUSTER = "taskmanager-local"


@dataclass
class Stack:
    """A running stack."""

    data: Path
    port: int
    address: str = ""
    clients: dict[str, Any] = field(default_factory=dict)

    @property
    def environment(self):
        return os.environ | {
            "FAIRWAY_DATA": str(self.data),
            "FAIRWAY_PORT": str(self.port),
            "PYTHONPATH": str(ROOT / "src"),
            "NO_COLOR": "1",
        }

    def begin(self, *words, project=ROOT):
        """A command that runs beside the test."""
        return subprocess.Popen(
            [sys.executable, "-m", "fairway.cli.main", *words],
            cwd=project,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *words, code=0, project=ROOT):
        """A command, and all that it said; fails if it ends with another exit code."""
        process = self.begin(*words, project=project)
        said, _ = process.communicate(timeout=300)
        assert process.returncode == code, f"fairway {' '.join(words)} ended with {process.returncode}:\n{said}"
        return said

    def traffic(self):
        """Requests on the API: two hundred a second over keep-alive connections, and as many over new ones."""
        return Traffic(int(self.address.rpartition(":")[2]), rate=200.0, paths=("/version",))

    def client(self, service):
        if service not in self.clients:
            self.clients[service] = boto3.client(
                service,
                endpoint_url=f"http://127.0.0.1:{self.port}",
                region_name="us-east-1",
                aws_access_key_id="test",
                aws_secret_access_key="test",
            )
        return self.clients[service]

    def service(self, name="taskmanager-api"):
        return self.client("ecs").describe_services(cluster=CLUSTER, services=[name])["services"][0]

    def tasks(self, name="taskmanager-api", status="RUNNING"):
        ecs = self.client("ecs")
        pages = ecs.get_paginator("list_tasks").paginate(cluster=CLUSTER, serviceName=name, desiredStatus=status)
        some = [page["taskArns"] for page in pages if page["taskArns"]]
        return [task for arns in some for task in ecs.describe_tasks(cluster=CLUSTER, tasks=arns)["tasks"]]

    def engine_pid(self):
        return json.loads(self.run("engine", "status", "--json"))["pid"]

    def kill_engine(self):
        """The engine ends at once; its tasks and its load balancer live on."""
        os.kill(self.engine_pid(), signal.SIGKILL)

    def processes(self, word):
        """Process ids of this stack whose command line has a word in it."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (folder / "cmdline").read_bytes().decode(errors="replace")
                if word in words and str(self.data) in words:
                    found.append(int(folder.name))
        return found

    def programs(self, module):
        """Process ids of this stack's tasks that run `python -m MODULE`: their command lines do not name it, their variables do."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (folder / "cmdline").read_bytes().split(b"\0")[1:3]
                if words == [b"-m", module.encode()] and str(self.data).encode() in (folder / "environ").read_bytes():
                    found.append(int(folder.name))
        return found


def edited(folder, changes):
    """A copy of the project whose local environment is another in some places: old -> new."""
    for name in ("deploy", "docker", "src/taskmanager"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "fairway.toml", folder)
    environment = folder / "deploy" / "environments" / "local.toml"
    text = environment.read_text()
    for old, new in changes.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    environment.write_text(text)
    return folder


def until(condition, seconds=60.0, what="a condition"):
    """Wait until it holds; what it gave."""
    deadline = monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert monotonic() < deadline, f"{what} did not come about within {seconds:.0f} s"
        sleep(0.05)


def start(data, *words):
    """Bring a stack up; `words` are further options of `up`."""
    stack = Stack(data, free_port())
    said = stack.run("up", "--detach", "--json", *words)
    events = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    stack.address = next(event["address"] for event in events if event["event"] == "up")
    return stack


def a_stack(*words):
    """A stack that is up, and gone at the end; pytest's own folders are closed to the users that tasks run as."""
    folder = Path(tempfile.mkdtemp(prefix="fairway-"))
    folder.chmod(0o755)
    running = start(folder / "data", *words)
    yield running
    running.run("down", "--purge", "--yes")
    assert not running.data.exists()
    assert not running.processes("")
    shutil.rmtree(folder)
