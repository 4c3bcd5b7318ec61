"""What is ignored, and what is wrong with an ignore."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.lint.linting import lint_text

from fairway.lint.finding import Place, find
from fairway.lint.ignores import Ignore, merge_environments, sift
from fairway.lint.rules.container_rules import MOVING_TAG, ROOT

WAIT = "aws ecs wait tasks-stopped --tasks t"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        pytest.param("a.sh", f"# fairway: ignore waiter-gives-up it is short\n{WAIT}", [], id="the line before"),
        pytest.param("a.sh", f"# fairway: ignore waiter-gives-up it is short\n\n# more\n{WAIT}", [], id="over other comments"),
        pytest.param("a.sh", f"{WAIT} # fairway:ignore waiter-gives-up it is short", [], id="the same line"),
        pytest.param("a.sh", f"# fairway: ignore waiter-gives-up it is short\nls\n{WAIT}", ["ignore-unused", "waiter-gives-up"], id="not the line after the next"),
        pytest.param("a.sh", f"# fairway: ignore waiter-gives-up\n{WAIT}", ["ignore-without-reason", "waiter-gives-up"], id="no reason"),
        pytest.param("a.sh", f"# fairway: ignore\n{WAIT}", ["ignore-unknown-code", "waiter-gives-up"], id="no code"),
        pytest.param("a.sh", f"# fairway: ignore stable-is-not-deployed we look\n{WAIT}", ["ignore-unused", "waiter-gives-up"], id="another code"),
        pytest.param("a.py", "# fairway: ignore waiter-gives-up short\nw = ecs.get_waiter('tasks_stopped')", [], id="Python"),
        pytest.param("a.py", "x = '''\n# fairway: ignore nothing-at-all x\n'''", [], id="text of Python is no comment"),
        pytest.param("a.yml", f"job:\n  script:\n    # fairway: ignore waiter-gives-up short\n    - {WAIT}", [], id="YAML"),
    ],
)  # fmt: skip
def test_comments(name, text, expected):
    assert sorted(finding.code for finding in lint_text(text, name)) == expected


def test_an_unknown_code_names_the_nearest():
    [finding] = [item for item in lint_text("# fairway: ignore moving-tags why\nls", "a.sh") if item.code == "ignore-unknown-code"]  # fmt: skip
    assert finding.remedy == 'did you mean "moving-tag"?'
    assert finding.place == Place("a.sh", 1)


def ignore(code="moving-tag", reason="because", **fields):
    return Ignore(code, reason, Place("fairway.toml", 9), **fields)


A, B = find(MOVING_TAG, Place("deploy/a.json", 3), "m"), find(ROOT, Place("deploy/a.json", 3), "m")


@pytest.mark.parametrize(
    ("item", "left"),
    [
        pytest.param(ignore(), ["runs-as-root"], id="a code in every file"),
        pytest.param(ignore(path="deploy/*.json"), ["runs-as-root"], id="by a pattern"),
        pytest.param(ignore(path="deploy"), ["runs-as-root"], id="by a folder"),
        pytest.param(ignore(path="a.json"), ["ignore-unused", "moving-tag", "runs-as-root"], id="another path"),
        pytest.param(ignore(environment="local"), ["ignore-unused", "moving-tag", "runs-as-root"], id="another environment"),
        pytest.param(ignore(reason=""), ["ignore-without-reason", "moving-tag", "runs-as-root"], id="no reason"),
    ],
)  # fmt: skip
def test_the_table(item, left):
    sifted = sift([A, B], [item], relative={"deploy/a.json": "deploy/a.json"})
    assert sorted(finding.code for finding in sifted.findings) == left
    assert sifted.ignored == (1 if left == ["runs-as-root"] else 0)


def test_a_table_does_not_reach_out_of_the_project():
    assert len(sift([A], [ignore()], relative={}, with_unused=False).findings) == 1


def test_one_finding_of_two_environments_is_one():
    findings = [
        replace(A, environments=("local",)),
        replace(B, environments=("local",)),
        replace(A, environments=("live",)),
    ]
    assert [(item.code, item.environments) for item in merge_environments(findings)] == [
        ("moving-tag", ("local", "live")),
        ("runs-as-root", ("local",)),
    ]
