"""Fairway as a library: the same steps and states as the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

import fairway

pytestmark = pytest.mark.slow


class Kept:
    def __init__(self):
        self.kinds = []

    def change(self, change):
        self.kinds.append(change.kind)

    def picture(self, picture):
        pass


def test_a_release_is_deployed_planned_and_taken_back(project, ecs):
    loaded = fairway.load_project(Path(project.root))
    kept = Kept()
    ended = fairway.deploy(loaded, fairway.Choices(tag="v1"), listener=kept)
    assert (ended.exit_code, ended.unchanged) == (0, ())
    assert ended.report["verdict"] == "deployed"
    assert kept.kinds.count("outcome") == 2
    assert not fairway.plan(loaded, fairway.Choices(tag="v1")).differs
    again = fairway.deploy(loaded, fairway.Choices(tag="v1"))
    assert (again.exit_code, again.unchanged) == (0, ("worker", "api"))
    project.label("api", exit_after="0", exit_code="1")
    loaded = fairway.load_project(Path(project.root))
    failed = fairway.deploy(loaded, fairway.Choices(tag="v2"))
    assert failed.exit_code == 4
    outcome = failed.result.services.followed["api"].outcome
    assert outcome is not None
    assert outcome.ending is fairway.Ending.ROLLED_BACK
    back = fairway.rollback(loaded, "api")
    assert (back.exit_code, back.outcome) == (0, None)
    assert "serves already" in back.reason


def test_a_mistake_is_an_error_with_its_remedy(project):
    loaded = fairway.load_project(Path(project.root))
    with pytest.raises(fairway.UsageError, match="no service 'apo'") as error:
        fairway.deploy(loaded, fairway.Choices(services=("apo",), tag="v1"))
    assert 'did you mean "api"' in str(error.value.hint)
    options = fairway.Options(fairway.choose_steps(only=["migrate"]))
    assert fairway.deploy(loaded, fairway.Choices(tag="v1"), options=options).exit_code == 0


def test_after_a_one_way_migration_nothing_goes_back_by_itself(project, ecs):
    assert fairway.deploy(fairway.load_project(Path(project.root)), fairway.Choices(tag="v1")).exit_code == 0
    toml = project.root / "fairway.toml"
    toml.write_text(toml.read_text().replace("before = ", "one_way = true\nbefore = "))
    project.label("api", exit_after="0", exit_code="1")
    ended = fairway.deploy(fairway.load_project(Path(project.root)), fairway.Choices(tag="v2"))
    assert (ended.exit_code, ended.result.held) == (6, ("migrations",))
    assert ended.report["one_way_migrations"] == ["migrations"]
