"""How long a deployment of five tasks takes with the document's own settings, at speed 1 and at speed 20. Prints JSON.

    PYTHONPATH=src python benchmarks/deployment.py

The production definitions (health check each 30 s, deregistration delay 300 s, grace period 60 s) on the simulated runtime, so
that the control plane's own waits are all there is. The reference is the same deployment at speed 1, in the same run.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import boto3

from fairway.project.load import load_project
from fairway.project.render import render_definition

ROOT = Path(__file__).parent.parent
PORT = 23900
SUBNETS = ["subnet-0fa1000000000000a", "subnet-0fa1000000000000b"]


def deploy(speed: float) -> float:
    """Seconds from UpdateService to SUCCESSFUL."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["--port", str(PORT), "--data", f"{folder}/data", "--runtime", "simulated", "--speed", str(speed)]
        engine = subprocess.Popen([sys.executable, "-m", "fairway.engine.serve", *words], stdout=subprocess.PIPE)
        try:
            assert engine.stdout is not None
            engine.stdout.readline()
            return _deploy()
        finally:
            engine.terminate()
            engine.wait()


def _client(service: str) -> Any:
    return boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=f"http://127.0.0.1:{PORT}",
        region_name="us-east-1",
        aws_access_key_id="benchmark",
        aws_secret_access_key="benchmark",
    )


def _deploy() -> float:
    project = load_project(ROOT, "production")
    spec = project.services["api"]
    ecs, elbv2 = _client("ecs"), _client("elbv2")
    group = _prepare(spec, elbv2)
    assert project.cluster_definition is not None
    cluster = dict(project.cluster_definition) | {"clusterName": "benchmark"}
    cluster.pop("configuration", None)  # names a key of an account that there is not
    ecs.create_cluster(**cluster)
    service = json.loads(json.dumps(spec.service))
    service["networkConfiguration"]["awsvpcConfiguration"] |= {
        "subnets": SUBNETS,
        "securityGroups": ["sg-0fa10000000000000"],
    }
    service["loadBalancers"][0]["targetGroupArn"] = group
    for tag in ("v1", "v2"):
        ecs.register_task_definition(**render_definition(spec, tag=tag))
    ecs.create_service(cluster="benchmark", taskDefinition=f"{spec.family}:1", **service)
    _wait(ecs, spec.service_name)
    began = time.monotonic()
    ecs.update_service(cluster="benchmark", service=spec.service_name, taskDefinition=f"{spec.family}:2")
    _wait(ecs, spec.service_name)
    return time.monotonic() - began


def _prepare(spec: Any, elbv2: Any) -> str:
    for container in spec.definition["containerDefinitions"]:
        for secret in container.get("secrets", ()):
            name = secret["valueFrom"].partition(":secret:")[2]
            _client("secretsmanager").create_secret(Name=name, SecretString="benchmark")
        _client("logs").create_log_group(logGroupName=container["logConfiguration"]["options"]["awslogs-group"])
    (balancer,) = elbv2.create_load_balancer(Name="benchmark", Subnets=SUBNETS)["LoadBalancers"]
    (group,) = elbv2.create_target_group(
        Name="api", Protocol="HTTP", Port=8000, VpcId=balancer["VpcId"], TargetType="ip", HealthCheckPath="/health"
    )["TargetGroups"]
    arn: str = group["TargetGroupArn"]
    elbv2.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTP",
        Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": arn}],
    )
    return arn


def _wait(ecs: Any, service: str) -> None:
    while True:
        (newest, *_) = ecs.list_service_deployments(cluster="benchmark", service=service)["serviceDeployments"]
        if newest["status"] == "SUCCESSFUL":
            return
        assert newest["status"] in {"PENDING", "IN_PROGRESS"}, newest
        time.sleep(0.02)


def main() -> None:
    slow, fast = deploy(1), deploy(20)
    print(
        json.dumps(
            {"speed_1_seconds": round(slow, 1), "speed_20_seconds": round(fast, 1), "ratio": round(slow / fast, 1)}
        )
    )


if __name__ == "__main__":
    main()
