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


def test_what_only_people_know_is_asked_for_and_recorded(project, ecs, monkeypatch):
    toml = project.root / "fairway.toml"
    points = 'reviewed = "Code reviewed"\non-call = "On-call knows"\nin-cluster = { title = "There is a cluster", checks = ["cluster"] }\n'
    toml.write_text(f"{toml.read_text()}\n[checklist]\n{points}")
    loaded = fairway.load_project(Path(project.root))
    with pytest.raises(fairway.UsageError, match=r"nobody has confirmed.*\n  on-call: On-call knows") as error:
        fairway.deploy(loaded, fairway.Choices(tag="v1"), confirm={"reviewed": "by Ann"})
    assert "--confirm on-call" in str(error.value.hint)
    with pytest.raises(fairway.UsageError, match="has no such point"):
        fairway.deploy(loaded, fairway.Choices(tag="v1"), confirm={"reviewd": ""})
    monkeypatch.setenv("FAIRWAY_CONFIRM_ON_CALL", "Ben")
    ended = fairway.deploy(loaded, fairway.Choices(tag="v1"), confirm={"reviewed": "by Ann"}, urgent="customers wait")
    assert ended.exit_code == 0
    said = {item["name"]: (item["how"], item["text"]) for item in ended.report["confirmed"]}
    assert said["reviewed"] == ("--confirm", "by Ann")
    assert said["on-call"] == ("variable", "FAIRWAY_CONFIRM_ON_CALL=Ben")
    assert said["in-cluster"][0] == "check"
    assert ended.report["urgent"] == "customers wait"
