"""What a release costs beyond ECS's own time: migrations, worker, API, each verified. Prints JSON.

    PYTHONPATH=src:. python benchmarks/release.py

Real tasks at speed 1. ECS's own time is that of the one-off task (created to stopped) and of both service deployments (created to
finished), as ECS has them; the rest of the command's time is the tool's: starting, reading, checking, registering, verifying,
reporting. The images are built before, by `fairway build`.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.first_run import CLUSTER, Stack

RUNS = 5
SERVICES = ("taskmanager-worker", "taskmanager-api")


def own_seconds(ecs: Any, known: set[str]) -> tuple[float, dict[str, float]]:
    """ECS's own seconds of the newest release, and each part of them."""
    parts = {}
    for service in SERVICES:
        (newest, *_) = ecs.list_service_deployments(cluster=CLUSTER, service=service)["serviceDeployments"]
        parts[service] = (newest["finishedAt"] - newest["createdAt"]).total_seconds()
    (arn,) = migrations(ecs) - known
    (task,) = ecs.describe_tasks(cluster=CLUSTER, tasks=[arn])["tasks"]
    parts["migrations"] = (task["stoppedAt"] - task["createdAt"]).total_seconds()
    return sum(parts.values()), parts


def migrations(ecs: Any) -> set[str]:
    """Those that ran."""
    family = "taskmanager-migrations"
    return set(ecs.list_tasks(cluster=CLUSTER, family=family, desiredStatus="STOPPED")["taskArns"])


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="fairway-benchmark-"))
    folder.chmod(0o755)
    stack = Stack(folder)
    beyond, totals = [], []
    last: dict[str, float] = {}
    try:
        stack.run("up", "--detach")
        for number in range(RUNS):
            stack.run("build", "--tag", f"release-{number}")
            known = migrations(stack.ecs)
            took = stack.run("deploy", "--tag", f"release-{number}")
            own, last = own_seconds(stack.ecs, known)
            totals.append(took)
            beyond.append(took - own)
    finally:
        stack.run("down", "--purge", "--yes")
        shutil.rmtree(folder)
    print(
        json.dumps(
            {
                "runs": RUNS,
                "release_seconds": round(median(totals), 1),
                "beyond_ecs_seconds": round(median(beyond), 2),
                "beyond_ecs_seconds_most": round(max(beyond), 2),
                "last_ecs_seconds": {name: round(seconds, 1) for name, seconds in last.items()},
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
