"""DescribeServices: requests per second and latency of this engine and of moto's server, in one run.

    python benchmarks/describe_services.py [--seconds 5] [--callers 8]

Both get the same service to describe. Requests are bytes that were made beforehand, sent over kept connections, so that no
SDK is measured. The two servers are measured in turn, three rounds each, never at the same time; the best round counts.
Prints JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = Path(__file__).parents[1] / "src"
ENGINE_PORT, MOTO_PORT = 21980, 21981
ROUNDS = 3
NAME, CLUSTER = "taskmanager-api", "taskmanager-prod"


@contextmanager
def engine(data: Path) -> Iterator[None]:
    words = ["--port", str(ENGINE_PORT), "--data", str(data), "--runtime", "simulated", "--speed", "50"]
    process = subprocess.Popen(
        [sys.executable, "-m", "fairway.engine.serve", *words],
        env=os.environ | {"PYTHONPATH": str(SOURCE)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == b"ready"
        yield
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def moto() -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-p", str(MOTO_PORT)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                client(MOTO_PORT).list_clusters()
                break
            except Exception:  # noqa: BLE001 - not up yet
                time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(30)


def client(port: int, service: str = "ecs") -> Any:
    return boto3.client(
        service,  # type: ignore[call-overload]
        region_name="us-east-1",
        endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id="bench",
        aws_secret_access_key="bench",
    )


def prepare(port: int) -> None:
    """The same service in both: five tasks, registered with the same parameters."""
    ecs = client(port)
    ec2 = client(port, "ec2")
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    group = ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
    ecs.create_cluster(clusterName=CLUSTER)
    ecs.register_task_definition(
        family=NAME,
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="1024",
        memory="2048",
        containerDefinitions=[{"name": "api", "image": "api:1", "portMappings": [{"containerPort": 8000}]}],
    )
    ecs.create_service(
        cluster=CLUSTER,
        serviceName=NAME,
        taskDefinition=NAME,
        desiredCount=5,
        launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": {"subnets": [subnet], "securityGroups": [group]}},
        deploymentConfiguration={"deploymentCircuitBreaker": {"enable": True, "rollback": True}},
    )
    if port == ENGINE_PORT:
        ecs.get_waiter("services_stable").wait(cluster=CLUSTER, services=[NAME], WaiterConfig={"Delay": 1})


def request(port: int) -> bytes:
    body = json.dumps({"cluster": CLUSTER, "services": [NAME]}).encode()
    head = [
        "POST / HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Content-Type: application/x-amz-json-1.1",
        "X-Amz-Target: AmazonEC2ContainerServiceV20141113.DescribeServices",
        "X-Amz-Date: 20260101T000000Z",
        (
            "Authorization: AWS4-HMAC-SHA256 Credential=bench/20260101/us-east-1/ecs/aws4_request, "
            "SignedHeaders=host;x-amz-date;x-amz-target, Signature=0"
        ),
        f"Content-Length: {len(body)}",
    ]
    return ("\r\n".join(head) + "\r\n\r\n").encode() + body


class Caller:
    """One caller, which sends the next request when it has the answer to the last one."""

    def __init__(self, port: int, data: bytes) -> None:
        self._port, self._data = port, data
        self.latencies: list[float] = []
        self.connections = 0

    async def run(self, until: float) -> None:
        reader = writer = None
        while time.monotonic() < until:
            if writer is None or reader is None:
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
                self.connections += 1
            begun = time.perf_counter()
            writer.write(self._data)
            head = await reader.readuntil(b"\r\n\r\n")
            lower = head.lower()
            assert b" 200 " in head[:20], head
            length = int(lower.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
            body = await reader.readexactly(length)
            self.latencies.append(time.perf_counter() - begun)
            assert NAME.encode() in body
            if b"connection: close" in lower or head.startswith(b"HTTP/1.0"):
                writer.close()
                writer = None
        if writer is not None:
            writer.close()


async def load(port: int, callers: int, seconds: float) -> dict[str, float]:
    data = request(port)
    warm = [Caller(port, data) for _ in range(callers)]
    await asyncio.gather(*(caller.run(time.monotonic() + 0.5) for caller in warm))
    working = [Caller(port, data) for _ in range(callers)]
    begun = time.monotonic()
    await asyncio.gather(*(caller.run(begun + seconds) for caller in working))
    taken = time.monotonic() - begun
    latencies = sorted(latency for caller in working for latency in caller.latencies)
    return {
        "requests_per_second": round(len(latencies) / taken, 1),
        "p50_ms": round(statistics.median(latencies) * 1000, 3),
        "p99_ms": round(latencies[int(len(latencies) * 0.99)] * 1000, 3),
        "connections": sum(caller.connections for caller in working),
    }


def measure(port: int, callers: int, seconds: float) -> dict[str, float]:
    try:
        import uvloop  # noqa: PLC0415 - not on every platform
    except ImportError:
        return asyncio.run(load(port, callers, seconds))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(load(port, callers, seconds))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--callers", type=int, default=8)
    arguments = parser.parse_args()
    rounds: dict[str, list[dict[str, float]]] = {"engine": [], "moto": []}
    with tempfile.TemporaryDirectory() as folder, engine(Path(folder) / "data"), moto():
        for port in (ENGINE_PORT, MOTO_PORT):
            prepare(port)
        for _ in range(ROUNDS):
            rounds["engine"].append(measure(ENGINE_PORT, arguments.callers, arguments.seconds))
            rounds["moto"].append(measure(MOTO_PORT, arguments.callers, arguments.seconds))
    best = {name: max(found, key=lambda r: r["requests_per_second"]) for name, found in rounds.items()}
    print(
        json.dumps(
            {
                "operation": "DescribeServices",
                "callers": arguments.callers,
                "engine": best["engine"],
                "moto": best["moto"],
                "ratio_requests_per_second": round(
                    best["engine"]["requests_per_second"] / best["moto"]["requests_per_second"], 1
                ),
                "ratio_p99": round(best["engine"]["p99_ms"] / best["moto"]["p99_ms"], 3),
                "rounds": rounds,
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
