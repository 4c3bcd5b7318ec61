"""`fairway lint` on the command line: formats, exit codes, input of any origin."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from fairway.lint.registry import RULES

GOLDEN = Path(__file__).parent.parent / "golden"
TASK = """{
  "family": "shop",
  "containerDefinitions": [
    {
      "name": "app",
      "image": "shop:latest",
      "user": "1000",
      "readonlyRootFilesystem": true,
      "environment": [{ "name": "DATABASE", "value": "mysql://shop:hunter22@db/shop" }]
    }
  ],
  "tags": [{ "key": "version", "value": "1" }, { "key": "commit", "value": "2" }]
}
"""


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    """No project, no credentials, no home."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    return tmp_path


def golden(name: str, text: str) -> None:
    file = GOLDEN / name
    if os.environ.get("FAIRWAY_REWRITE_GOLDEN"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


def test_text(fairway, empty_folder):
    (empty_folder / "task.json").write_text(TASK)
    code, out, err = fairway("lint", "task.json")
    golden("lint.txt", out)
    assert (code, err) == (2, "")
    assert "hunter22" not in out


def test_a_narrow_terminal(fairway, empty_folder, monkeypatch):
    (empty_folder / "task.json").write_text(TASK)
    monkeypatch.setattr("fairway.cli.output.Output.width", property(lambda _: 50))
    _, out, _ = fairway("lint", "task.json")
    assert max(map(len, out.splitlines())) <= 50


def test_github_annotations(fairway, empty_folder):
    (empty_folder / "a,b.json").write_text(TASK)
    code, out, _ = fairway("lint", "a,b.json", "--format", "github")
    assert code == 2
    lines = out.splitlines()
    assert lines[0].startswith(
        "::warning file=a%2Cb.json,line=4,title=logs-missing::container app has no logConfiguration%0A→ "
    )
    assert any(line.startswith("::error file=a%2Cb.json,line=9,title=secret-in-the-open::") for line in lines)
    assert lines[-1] == "1 error, 2 warnings, 0 notes in 1 file"


def test_a_rule_is_explained_where_it_finds_its_first(fairway, empty_folder):
    for name in ("a.json", "b.json"):
        (empty_folder / name).write_text(TASK)
    _, out, _ = fairway("lint", "a.json", "b.json")
    assert out.count("  moving-tag") == 2
    assert " ".join(out.split()).count(RULES["moving-tag"].source) == 1


@pytest.mark.parametrize("words", [["--json"], ["--format", "json"]])
def test_json(fairway, empty_folder, words):
    (empty_folder / "task.json").write_text(TASK)
    code, out, _ = fairway("lint", "task.json", *words)
    *findings, end = map(json.loads, out.splitlines())
    assert code == 2
    assert end == {"event": "linted", "errors": 1, "warnings": 2, "notes": 0, "ignored": 0, "files": 1, "exit_code": 2}
    assert [(item["event"], item["code"], item["line"]) for item in findings] == [
        ("finding", "logs-missing", 4),
        ("finding", "moving-tag", 6),
        ("finding", "secret-in-the-open", 9),
    ]
    assert all(item["why"] == RULES[item["code"]].why for item in findings)
    assert all(
        set(item)
        == {"event", "code", "severity", "path", "line", "field", "message", "why", "remedy", "source", "environments"}
        for item in findings
    )


@pytest.mark.parametrize(
    ("text", "words", "code"),
    [
        pytest.param(TASK.replace("hunter22", "${P}"), [], 0, id="warnings are no errors"),
        pytest.param(TASK.replace("hunter22", "${P}"), ["--strict"], 2, id="but with --strict"),
        pytest.param(TASK, [], 2, id="an error"),
        pytest.param("{", [], 2, id="no JSON"),
        pytest.param('{"a": 1}', [], 2, id="nothing that is known, and it was named"),
    ],
)
def test_exit_codes(fairway, empty_folder, text, words, code):
    (empty_folder / "task.json").write_text(text)
    assert fairway("lint", "task.json", *words)[0] == code


def test_standard_input(fairway, monkeypatch):
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(TASK.encode())))
    code, out, _ = fairway("lint", "-")
    assert code == 2
    assert out.startswith("<stdin>\n")


def test_a_folder_is_walked_and_strangers_are_named(fairway, empty_folder):
    for name, text in {
        "ecs/task.json": TASK.replace("hunter22", "${P}"),
        "ecs/package.json": "{}",
        "ecs/notes.txt": "{",
        "ecs/node_modules/x/task.json": TASK,
        "ecs/.cache/task.json": TASK,
        "ecs/env/pyvenv.cfg": "",
        "ecs/env/task.json": TASK,
        "ecs/.github/workflows/d.yml": "jobs:\n  a:\n    steps:\n      - run: aws ecs run-task --launch-type FARGATE\n",
        "ecs/release": "#!/bin/sh\naws ecs wait services-stable\n",
    }.items():
        file = empty_folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    code, out, _ = fairway("lint", "ecs")
    named = [line for line in out.splitlines() if line.startswith("ecs/")]
    assert named == ["ecs/.github/workflows/d.yml", "ecs/release", "ecs/task.json"]
    assert "  skipped: ecs/package.json: nothing of ECS is recognised in it" in out
    assert code == 2, "the workflow's run-task has no network"


def test_a_broken_link_in_a_folder_stops_nothing(fairway, empty_folder):
    (empty_folder / "a.json").symlink_to("nowhere.json")
    (empty_folder / "b.json").write_text(TASK)
    _, out, _ = fairway("lint", ".", "--json")
    found = {(item["path"], item["code"]) for item in map(json.loads, out.splitlines()) if item["event"] == "finding"}
    assert {("a.json", "unreadable"), ("b.json", "moving-tag")} <= found


def test_many_strangers_are_counted(fairway, empty_folder):
    for number in range(20):
        (empty_folder / f"{number:02}.json").write_text("{}")
    code, out, _ = fairway("lint", ".")
    assert code == 0
    assert out.count("skipped: ") == 13
    assert "skipped: 8 others (--json names all)" in out
    assert len(fairway("lint", ".", "--json")[1].splitlines()) == 21


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere.json"], "there is no file nowhere.json"),
        (["--env", "local", "."], "--env is for the project"),
        (["--json", "--format", "github", "."], "two formats"),
        (["deploy/environments/local.toml"], "is a file of a project"),
        ([], "no fairway.toml"),
        (["--explain", "moving-tags"], "there is no rule 'moving-tags'"),
    ],
)
def test_mistakes(fairway, words, message):
    code, out, err = fairway("lint", *words)
    assert code == 2
    assert message in out + err


def test_explain_shows_a_rule_and_lists_all(fairway):
    code, out, _ = fairway("lint", "--explain", "fargate-size")
    golden("lint-explain.txt", out)
    assert code == 0
    code, out, _ = fairway("lint", "--explain")
    assert code == 0
    assert "fargate-size" in out
    assert len(fairway("lint", "--explain", "--json")[1].splitlines()) > 80


def test_this_project_is_clean(fairway, monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[2])
    code, out, _ = fairway("lint", "--strict")
    assert code == 0, out
    assert out.startswith("0 errors, 0 warnings, 0 notes in 12 files; ")


def test_one_environment_of_this_project(fairway, monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[2])
    assert fairway("lint", "--env", "production", "--strict")[0] == 0
    code, _, err = fairway("lint", "--env", "producton")
    assert code == 2
    assert 'did you mean "production"?' in err


def test_ignores_of_the_project_file_hold_for_named_files(fairway, monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[2])
    code, out, _ = fairway("lint", "deploy/api.task.json", "--json")
    assert code == 0
    assert "health-check-tool" not in out
    assert "ignore-unused" not in out
