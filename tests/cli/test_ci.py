"""What a CI job is told."""

from __future__ import annotations

import io
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from fairway.cli.ci import ci_address, markdown, tell_ci
from fairway.cli.output import Output
from fairway.endpoint.journey import unset_variables
from fairway.project.checks import JourneyCheck
from fairway.project.load import load_project

ROOT = Path(__file__).parents[2]
REPORT = {
    "project": "shop",
    "version": "v2",
    "cluster": "prod",
    "name": "production",
    "seconds": 61.0,
    "exit_code": 4,
    "verdict": "failed, and rolled back",
    "services": {
        "api": {"task_definition": "api:7", "outcome": "rolled_back", "reason": "exit 1 | 100 %\nsecond line"}
    },
    "verified": {},
    "watched": {"worker": {"health": "healthy", "text": "15 minutes"}},
    "one_off_failed": None,
}


@pytest.mark.parametrize(
    ("variables", "address"),
    [
        ({}, None),
        (
            {"GITHUB_RUN_ID": "7", "GITHUB_SERVER_URL": "https://git.example", "GITHUB_REPOSITORY": "shop/api"},
            "https://git.example/shop/api/actions/runs/7",
        ),
        ({"CI_JOB_URL": "https://ci.example/1"}, "https://ci.example/1"),
    ],
)
def test_its_address(monkeypatch, variables, address):
    for name in ("GITHUB_RUN_ID", "CI_JOB_URL", "BUILD_URL", "CIRCLE_BUILD_URL", "BUILDKITE_BUILD_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert ci_address() == address


def test_a_table_that_nothing_breaks():
    lines = markdown(REPORT).splitlines()
    assert lines[0] == "### ❌ shop v2 → prod: failed, and rolled back"
    assert lines[4] == "| api | api:7 | rolled_back | exit 1 \\| 100 % second line |"
    assert lines[5] == "| worker | | healthy | 15 minutes |"


def test_the_summary_and_the_annotation(monkeypatch, tmp_path):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    said = io.StringIO()
    tell_ci(Output(stream=said), REPORT)
    assert (tmp_path / "summary.md").read_text() == markdown(REPORT)
    [line] = said.getvalue().splitlines()
    assert line.startswith("::error title=deployment of shop::shop v2 → prod (production): failed")
    assert "100 %25%0Asecond line" in line


@pytest.fixture(scope="module")
def workflow():
    return yaml.safe_load((ROOT / "deploy" / "ci" / "github.yml").read_text())


@pytest.fixture(scope="module")
def production():
    return load_project(ROOT, "production")


def step_of(job, command):
    """The step of a job that runs a command."""
    (step,) = [step for step in job["steps"] if step.get("run", "").startswith(command)]
    return step


@pytest.mark.parametrize(
    ("job", "command", "role"),
    [
        pytest.param("plan", "fairway plan", "PLAN", id="a plan reads"),
        pytest.param("deploy", "fairway deploy", "DEPLOY", id="a deployment writes"),
        pytest.param("watch", "fairway watch --pending", "DEPLOY", id="a pending watch rolls back and marks"),
    ],
)
def test_a_job_has_the_role_that_its_verb_needs(workflow, job, command, role):
    job = workflow["jobs"][job]
    assert step_of(job, command)
    (used,) = [step["with"]["role-to-assume"] for step in job["steps"] if "role-to-assume" in step.get("with", {})]
    assert used == f"${{{{ vars.FAIRWAY_{role}_ROLE }}}}"
    pages = (ROOT / "docs" / "reference" / "iam.md").read_text().splitlines()
    (row,) = [line for line in pages if line.startswith(f"| `{role.lower()}` |")]
    assert f"`{command.removeprefix('fairway ')}`" in row


def test_a_person_can_confirm_what_no_check_answers(workflow, production):
    env = step_of(workflow["jobs"]["deploy"], "fairway deploy")["env"]
    # YAML 1.1 takes the key `on` for true
    inputs = workflow[True]["workflow_dispatch"]["inputs"]
    for_people = [item for item in production.before.checklist if not item.checks]
    assert for_people
    for item in for_people:
        assert env[item.variable] == f"${{{{ inputs.{item.name} && github.actor || vars.{item.variable} }}}}"
        assert inputs[item.name] == {"type": "boolean", "description": item.title}
    assert set(inputs) == {"tag", *(item.name for item in for_people)}
    assert {name for name in env if name.startswith("FAIRWAY_CONFIRM_")} == {item.variable for item in for_people}


def test_the_environment_is_the_one_whose_variables_confirm(workflow):
    assert workflow["jobs"]["deploy"]["environment"] == "production"


def test_the_journeys_have_what_they_need_from_secrets(workflow, production):
    env = step_of(workflow["jobs"]["deploy"], "fairway deploy")["env"]
    journeys = [
        check for spec in production.services.values() for check in spec.verify if isinstance(check, JourneyCheck)
    ]
    assert journeys
    for journey in journeys:
        assert unset_variables(journey, env) == []
        for name in unset_variables(journey, {}):
            bare = name.strip("${}")
            assert env[bare] == f"${{{{ secrets.{bare} }}}}"


def test_the_header_names_all_that_is_to_be_set():
    text = (ROOT / "deploy" / "ci" / "github.yml").read_text()
    header = text[: text.index("name: deploy")]
    named = set(re.findall(r"(?:vars|secrets)\.(\w+)", text))
    for name in named:
        assert name in header or (name.startswith("FAIRWAY_CONFIRM_") and "FAIRWAY_CONFIRM_…" in header), name


def test_the_workflow_is_one_that_a_team_can_copy(workflow):
    assert workflow["permissions"] == {"id-token": "write", "contents": "read"}
    deploy = workflow["jobs"]["deploy"]
    assert deploy["concurrency"]["cancel-in-progress"] is False
    commands = [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]
    verbs = {command.split()[1] for command in commands if command.startswith("fairway ")}
    assert verbs == {"lint", "plan", "deploy", "watch"}
    for command in commands:
        if command.startswith("fairway "):
            ended = subprocess.run(
                [ROOT / "fairway", command.split()[1], "--help"], capture_output=True, text=True, check=True
            )
            for word in command.split():
                assert not word.startswith("--") or word in ended.stdout, f"{word} of {command}"


@pytest.mark.parametrize("name", ["deploy", "rollback"])
def test_the_scripts_of_the_strategy_are_the_verbs(name):
    ended = subprocess.run([ROOT / "scripts" / f"{name}.sh", "--help"], capture_output=True, text=True, check=True)
    assert ended.stdout.startswith(f"usage: fairway {name}")
