"""An engine as a process of its own, so that it can be killed, and targets that are processes too."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import boto3
from tests.engine.loadbalancer.backends import HOST
from tests.ports import free_port

from fairway.clock import monotonic, sleep
from fairway.engine.loadbalancer.envoy_process import BOOTSTRAP_NAME, _running

if TYPE_CHECKING:
    from collections.abc import Callable

SOURCE = Path(__file__).parents[2] / "src"
SUBNETS = ["subnet-0fa1000000000000a", "subnet-0fa1000000000000b"]


def wait_until(condition: Callable[[], Any], *, seconds: float = 20.0, what: str = "") -> Any:
    """What `condition` answers, once it is true."""
    deadline = monotonic() + seconds
    while not (answer := condition()):
        assert monotonic() < deadline, f"not within {seconds} s: {what or condition}"
        sleep(0.02)
    return answer


class EngineProcess:
    """`python -m fairway.engine.serve` over a data directory."""

    def __init__(self, data: Path, *, runtime: str = "simulated", speed: float = 20.0) -> None:
        self.data = data
        self.port = free_port()
        self._words = ["--port", str(self.port), "--data", str(data), "--runtime", runtime, "--speed", str(speed)]
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it, and wait until its endpoint answers."""
        with (self.data.parent / f"{self.data.name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "fairway.engine.serve", *self._words],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, "PYTHONPATH": str(SOURCE)},
            )
        assert self._process.stdout is not None
        assert self._process.stdout.readline().strip() == "ready", Path(log.name).read_text()[-2000:]

    def kill(self) -> None:
        """`kill -9`."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM: everything ends."""
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(number)
        self._process.wait(30)
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process = None

    def client(self, service: str) -> Any:
        """boto3's client, as anybody would make it."""
        session: Any = boto3
        return session.client(
            service,
            endpoint_url=f"http://{HOST}:{self.port}",
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def health(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"http://{HOST}:{self.port}/_fairway/health", timeout=5) as answer:
            document: dict[str, Any] = json.load(answer)
        return document

    def envoys(self) -> list[int]:
        """The process ids of the Envoys of this engine."""
        return [identity.pid for identity in _running(self.data / "balancer" / BOOTSTRAP_NAME)]


class Balancer:
    """A load balancer with one listener, whose targets are processes of this machine."""

    def __init__(self, engine: EngineProcess, name: str = "web", groups: tuple[str, ...] = ("blue", "green")) -> None:
        self.elb = engine.client("elbv2")
        self.arn = self.elb.create_load_balancer(Name=name, Subnets=SUBNETS)["LoadBalancers"][0]["LoadBalancerArn"]
        self.groups = {group: self._group(f"{name}-{group}") for group in groups}
        self.listener = self.elb.create_listener(
            LoadBalancerArn=self.arn, Protocol="HTTP", Port=free_port(), DefaultActions=[self._forward({groups[0]: 1})]
        )["Listeners"][0]["ListenerArn"]

    def _group(self, name: str) -> str:
        arn: str = self.elb.create_target_group(
            Name=name, Protocol="HTTP", Port=80, VpcId="vpc-0fa10000000000000", TargetType="ip",
            HealthCheckIntervalSeconds=5, HealthCheckTimeoutSeconds=2, HealthyThresholdCount=2, UnhealthyThresholdCount=2,
        )["TargetGroups"][0]["TargetGroupArn"]  # fmt: skip
        attribute = {"Key": "deregistration_delay.timeout_seconds", "Value": "10"}
        self.elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=[attribute])
        return arn

    @property
    def port(self) -> int:
        """From the listener's tag, as anybody finds it."""
        (described,) = self.elb.describe_tags(ResourceArns=[self.listener])["TagDescriptions"]
        (address,) = [tag["Value"] for tag in described["Tags"] if tag["Key"] == "fairway:address"]
        return int(address.rpartition(":")[2])

    def _forward(self, weights: dict[str, int]) -> dict[str, Any]:
        groups = [{"TargetGroupArn": self.groups[name], "Weight": weight} for name, weight in weights.items()]
        return {"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}

    def weigh(self, **weights: int) -> None:
        self.elb.modify_listener(ListenerArn=self.listener, DefaultActions=[self._forward(weights)])

    def register(self, group: str, *targets: TargetProcess, wait: bool = True) -> None:
        """Register, and wait until they are healthy."""
        described = [{"Id": HOST, "Port": target.port} for target in targets]
        self.elb.register_targets(TargetGroupArn=self.groups[group], Targets=described)
        if wait:
            wait_until(lambda: all(self.state(group, t) == "healthy" for t in targets), what="targets are healthy")

    def deregister(self, group: str, *targets: TargetProcess) -> None:
        """Deregister, and wait until the delay is over."""
        described = [{"Id": HOST, "Port": target.port} for target in targets]
        self.elb.deregister_targets(TargetGroupArn=self.groups[group], Targets=described)
        wait_until(lambda: all(self.state(group, t) == "unused" for t in targets), what="targets are gone")

    def state(self, group: str, target: TargetProcess) -> str:
        answer = self.elb.describe_target_health(
            TargetGroupArn=self.groups[group], Targets=[{"Id": HOST, "Port": target.port}]
        )
        return str(answer["TargetHealthDescriptions"][0]["TargetHealth"]["State"])


class TargetProcess:
    """`target.py` as a process."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.port = free_port()
        script = Path(__file__).with_name("target.py")
        self._process = subprocess.Popen([sys.executable, str(script), str(self.port), name])
        wait_until(self._answers, what=f"target {name} answers")

    def _answers(self) -> bool:
        with suppress(OSError), urllib.request.urlopen(f"http://{HOST}:{self.port}/", timeout=5) as answer:
            return bool(answer.read())
        return False

    def stop(self) -> int:
        """SIGTERM, as a container gets it; the exit code."""
        self._process.terminate()
        return self._process.wait(20)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(20)
