"""A rehearsal of the real workload for production: real processes behind the real load balancer, under load."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from tests.end_to_end.stack import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

WORDS = [
    "--stage",
    "truth",
    "--quick",
    "--act",
    "release",
    "--act",
    "crash_at_start",
    "--act",
    "fails",
]


@pytest.fixture
def temporary():
    """A folder for temporary files that nobody else uses."""
    with tempfile.TemporaryDirectory(prefix="rehearse-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_the_workload_is_rehearsed_for_production(temporary):
    ended = subprocess.run(
        [sys.executable, "-m", "fairway.cli.main", "rehearse", "--env", "production", "--tag", "r1", "--json", *WORDS],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
        check=False,
    )
    events = [json.loads(line) for line in ended.stdout.splitlines()]
    assert ended.returncode == 0, f"{events[-1]}\n{ended.stderr}"
    acts = {event["act"]: event for event in events if event["event"] == "act"}
    assert list(acts) == ["baseline", "release", "api:crash_at_start", "migrations:fails"]
    assert {act["ended"] for act in acts.values()} == {"as expected"}
    # the release is whole, and nobody notices it
    assert acts["release"]["requests"]["failed"] == 0
    assert acts["release"]["requests"]["sent"] > 500
    assert acts["release"]["capacity"]["api"]["lowest"] >= 1
    # a real process that really cannot start
    crash = acts["api:crash_at_start"]
    assert crash["caught_by"] in {"ECS circuit breaker", "early give-up"}
    assert crash["requests"]["failed"] == 0
    assert acts["migrations:fails"]["caught_by"] == "migration step"
    # what is not production's is said, and no secret is
    stage = next(event for event in events if event["event"] == "rehearsal_stage")
    differs = {item["where"] for item in stage["differs"]}
    assert {"api: cpu", "api: memory", "api: containerDefinitions.api.healthCheck.command"} <= differs
    assert "api: containerDefinitions.api.healthCheck.interval" not in differs
    assert "worker: deploymentConfiguration" not in "".join(differs)
    assert not [entry for entry in temporary.iterdir() if entry.name.startswith("fairway-rehearsal-")]
    page = Path(next(event["path"] for event in events if event["event"] == "report"))
    assert "local-journey" not in page.read_text()
    page.unlink()
    page.with_suffix(".json").unlink()
