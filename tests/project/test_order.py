"""Services that wait for each other are refused where the project says so."""

from __future__ import annotations

import json

import pytest

from fairway.errors import UsageError
from fairway.project.load import load_project
from fairway.project.order import circle_of

PROJECT = """[project]
default_environment = "local"

[services.web]
definition = "deploy/a.task.json"
after = ["api"]

[services.api]
definition = "deploy/a.task.json"
after = ["worker"]

[services.worker]
definition = "deploy/a.task.json"
after = ["api"]
"""


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        pytest.param({}, [], id="no services"),
        pytest.param({"api": ["worker"], "worker": []}, [], id="one after the other"),
        pytest.param({"web": ["api", "worker"], "api": ["worker"], "worker": []}, [], id="two ways to one are no circle"),
        pytest.param({"api": ["worker"], "worker": ["api"]}, ["api", "worker"], id="two"),
        pytest.param({"a": ["b"], "b": ["c"], "c": ["a"]}, ["a", "b", "c"], id="three"),
        pytest.param({"api": ["api"]}, ["api"], id="itself"),
        pytest.param({"web": ["api"], "api": ["worker"], "worker": ["api"]}, ["api", "worker"], id="who comes after a circle is not in it"),
        pytest.param({"api": ["db", "worker"], "worker": ["api"], "db": []}, ["api", "worker"], id="who comes before it is not in it either"),
        pytest.param({"api": ["worker"], "worker": ["worker"]}, ["worker"], id="one that leads to it"),
    ],
)  # fmt: skip
def test_a_circle(after, expected):
    assert circle_of(after) == expected


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        pytest.param("", "", "fairway.toml:10: services come after each other in a circle: api, worker", id="of two"),
        pytest.param('["worker"]', '["api"]', "fairway.toml:10: api comes after itself", id="of one"),
    ],
)
def test_it_is_named_with_its_place(tmp_path, old, new, message):
    (tmp_path / "deploy" / "environments").mkdir(parents=True)
    (tmp_path / "fairway.toml").write_text(PROJECT.replace(old, new) if old else PROJECT)
    (tmp_path / "deploy" / "environments" / "local.toml").write_text('region = "us-east-1"\ncluster = "c"\n')
    definition = {"family": "a", "containerDefinitions": [{"name": "a", "image": "a:1"}]}
    (tmp_path / "deploy" / "a.task.json").write_text(json.dumps(definition))
    with pytest.raises(UsageError) as caught:
        load_project(tmp_path)
    assert caught.value.message.endswith(message)
    assert caught.value.hint == "take a name out of one `after` of them"
