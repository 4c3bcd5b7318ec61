"""Whoever brings everything up can sign in, and finds something to look at."""

from __future__ import annotations

import json

import pytest
from tests.end_to_end.calls import call
from tests.end_to_end.stack import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def up(stack):
    said = stack.run("up", "--detach", "--json")
    [event] = [json.loads(line) for line in said.splitlines() if line.startswith('{"event": "up"')]
    return event["after_up"]


def test_the_demo_user_signs_in_to_a_project_with_tasks_that_is_made_once(stack):
    told = up(stack)
    credentials = {"email": told["sign in as"], "password": told["with the password"]}
    status, answer = call(stack, "POST", "/login", credentials)
    assert status == 200, answer
    token = answer["access_token"]
    [project] = call(stack, "GET", "/projects", token=token)[1]["results"]
    tasks = call(stack, "GET", f"/projects/{project['id']}/tasks", token=token)[1]["results"]
    assert {task["status"] for task in tasks} == {"todo", "doing", "done"}

    assert up(stack) == told
    assert len(call(stack, "GET", "/projects", token=token)[1]["results"]) == 1
    assert credentials["password"] in stack.run("up", "--detach"), "people are told, too"


def test_nothing_but_up_tells_the_password(stack):
    password = up(stack)["with the password"].encode()
    assert (stack.data / "after-up.json").stat().st_mode & 0o077 == 0
    places = [stack.data / "engine.log", *(stack.data / "logs").rglob("*"), *(ROOT / ".fairway").rglob("*")]
    assert [path for path in places if path.is_file() and password in path.read_bytes()] == []
