"""`up --database mysql`: the whole of it on a MariaDB of its own."""

from __future__ import annotations

import json
import os
import signal

import pytest
from tests.end_to_end.calls import call
from tests.end_to_end.stack import until
from tests.taskmanager.mariadb import WHY_NOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT)),
]


def note(stack):
    return json.loads((stack.data / "stores" / "mariadb.json").read_text())


def sign_in(stack, name):
    credentials = {"email": f"{name}@example.org", "password": "correct horse"}
    assert call(stack, "POST", "/users", {**credentials, "name": name})[0] == 201
    return call(stack, "POST", "/login", credentials)[1]["access_token"]


def test_a_signed_in_user_makes_a_project_that_outlives_everything(mysql_stack):
    token = sign_in(mysql_stack, "ann")
    status, project = call(mysql_stack, "POST", "/projects", {"name": "Plan"}, token)
    assert status == 201, project
    started = note(mysql_stack)
    assert started["password"] not in (mysql_stack.data / "engine.log").read_text()

    os.kill(started["pid"], signal.SIGKILL)
    until(lambda: note(mysql_stack)["pid"] != started["pid"], what="the engine starts MariaDB again")
    until(lambda: "MariaDB: running" in mysql_stack.run("engine", "status"), what="the engine says so")
    until(lambda: call(mysql_stack, "GET", "/projects", token=token)[0] == 200, what="the API has a database again")

    mysql_stack.kill_engine()
    pid = note(mysql_stack)["pid"]
    mysql_stack.run("engine", "start")
    assert note(mysql_stack)["pid"] == pid, "it is adopted, as tasks are"
    assert call(mysql_stack, "GET", f"/projects/{project['id']}", token=token)[0] == 200

    mysql_stack.run("down")
    assert not mysql_stack.processes("")
    said = mysql_stack.run("up", "--detach")
    assert f"MariaDB on 127.0.0.1:{started['port']}" in said, "the choice and the port stay"
    assert call(mysql_stack, "GET", f"/projects/{project['id']}", token=token)[0] == 200


def test_another_database_is_refused_over_the_same_data(mysql_stack):
    said = mysql_stack.run("up", "--detach", "--database", "sqlite", code=2)
    assert "has its rows in MariaDB" in said
    assert "down --purge" in said
