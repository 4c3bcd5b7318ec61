"""The package is lazy: what decides loads nothing of AWS."""

from __future__ import annotations

import subprocess
import sys

import pytest

import fairway

HEAVY = {"boto3", "botocore", "moto", "uvicorn", "sqlite3", "rich"}


@pytest.mark.parametrize(
    "module",
    [
        "fairway",
        "fairway.engine.control.scheduler",
        "fairway.engine.model.service",
        "fairway.project.load",
        "fairway.planning.plan",
        "fairway.planning.project_cost",
        "fairway.lint.project",
        "fairway.lint.reading",
        "fairway.cli.main",
    ],
)
def test_importing_it_loads_nothing_heavy(module):
    code = f"import sys, {module}; print(*sorted(set(name.partition('.')[0] for name in sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not HEAVY & set(loaded)


def test_the_public_names():
    assert sorted(fairway.__all__) == sorted(
        [
            "Change",
            "Choices",
            "Deployed",
            "DeploymentFailed",
            "DeploymentHeld",
            "DeploymentRolledBack",
            "DeploymentSuperseded",
            "Ending",
            "FairwayError",
            "Finding",
            "Health",
            "Listener",
            "Options",
            "Outcome",
            "Project",
            "Result",
            "Step",
            "UsageError",
            "WentBack",
            "choose_steps",
            "deploy",
            "lint_project",
            "load_project",
            "plan",
            "rollback",
        ]
    )
    assert all(getattr(fairway, name) for name in fairway.__all__)
    assert set(fairway.__all__) <= set(dir(fairway))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = fairway.nothing
