"""What an engine costs that has nothing to do: memory and processor time with 20 simulated tasks behind a load balancer.

    python benchmarks/idle_engine.py [--tasks 20] [--seconds 20] [--speed 1]

Measured after the service is steady, before any of moto's services was used. The balancer, a process of its own, is shown
beside it; then how long it takes to empty everything (`POST /_fairway/reset`: a test suite does it between tests). Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import boto3

SOURCE = Path(__file__).parents[1] / "src"
PORT = 21982
SUBNETS = ["subnet-0fa1000000000000a", "subnet-0fa1000000000000b"]
"""The engine's default ones, so that EC2 need not be asked: that would load moto."""


def client(service: str) -> Any:
    return boto3.client(
        service,  # type: ignore[call-overload]
        region_name="us-east-1",
        endpoint_url=f"http://127.0.0.1:{PORT}",
        aws_access_key_id="bench",
        aws_secret_access_key="bench",
    )


def prepare(tasks: int) -> None:
    """One service with a target group and container health checks: what makes an idle engine work."""
    ecs, elb = client("ecs"), client("elbv2")
    group = elb.create_target_group(Name="idle", Protocol="HTTP", Port=8000, TargetType="ip")["TargetGroups"][0]
    balancer = elb.create_load_balancer(Name="idle", Subnets=SUBNETS)["LoadBalancers"][0]
    arn = group["TargetGroupArn"]
    elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTP",
        Port=21983,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": arn}],
    )
    ecs.create_cluster(clusterName="idle")
    ecs.register_task_definition(
        family="idle",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        containerDefinitions=[
            {
                "name": "app",
                "image": "app:1",
                "portMappings": [{"containerPort": 8000}],
                "healthCheck": {"command": ["CMD", "true"], "interval": 30},
            }
        ],
    )
    ecs.create_service(
        cluster="idle",
        serviceName="idle",
        taskDefinition="idle",
        desiredCount=tasks,
        launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": {"subnets": SUBNETS}},
        loadBalancers=[{"targetGroupArn": arn, "containerName": "app", "containerPort": 8000}],
    )
    ecs.get_waiter("services_stable").wait(
        cluster="idle", services=["idle"], WaiterConfig={"Delay": 1, "MaxAttempts": 120}
    )


def children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in listed]


def memory_mib(pid: int) -> float:
    line = next(x for x in Path(f"/proc/{pid}/status").read_text().splitlines() if x.startswith("VmRSS:"))
    return round(int(line.split()[1]) / 1024, 1)


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(pid: int, seconds: float) -> dict[str, float]:
    before, begun = processor_seconds(pid), time.monotonic()
    time.sleep(seconds)
    used = processor_seconds(pid) - before
    return {"rss_mib": memory_mib(pid), "cpu_percent": round(100 * used / (time.monotonic() - begun), 2)}


def reset_ms() -> float:
    address = f"http://127.0.0.1:{PORT}/_fairway/reset"
    request = urllib.request.Request(address, data=b"", headers={"X-Fairway": "1"}, method="POST")
    begun = time.monotonic()
    with urllib.request.urlopen(request, timeout=30) as answer:
        answer.read()
    return round(1000 * (time.monotonic() - begun), 1)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tasks", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--speed", type=float, default=1.0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        words = [
            "--port",
            str(PORT),
            "--data",
            f"{folder}/data",
            "--runtime",
            "simulated",
            "--speed",
            str(arguments.speed),
        ]
        process = subprocess.Popen(
            [sys.executable, "-m", "fairway.engine.serve", *words],
            env=os.environ | {"PYTHONPATH": str(SOURCE)},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        try:
            assert process.stdout is not None
            assert process.stdout.readline().strip() == b"ready"
            empty = memory_mib(process.pid)
            prepare(arguments.tasks)
            found: dict[str, Any] = {
                "tasks": arguments.tasks,
                "speed": arguments.speed,
                "rss_mib_empty": empty,
                "engine": measure(process.pid, arguments.seconds),
                "beside_it": [{"pid": pid, "rss_mib": memory_mib(pid)} for pid in children(process.pid)],
                "reset_ms": reset_ms(),
            }
        finally:
            process.terminate()
            process.wait(30)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
