from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from tests.taskmanager.calls import assert_problem

from taskmanager.activity.service import as_text
from taskmanager.labels import service as labels
from taskmanager.labels.service import folded
from taskmanager.tasks.service import one_due, parent_refusal
from taskmanager.tasks.versions import etag_of, matches

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)
TODAY = date(2027, 3, 1)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        pytest.param({"due_at": NOON}, {"due_at": NOON, "due_on": None}, id="a moment takes the place of a day"),
        pytest.param({"due_on": TODAY}, {"due_on": TODAY, "due_at": None}, id="a day takes that of a moment"),
        pytest.param({"due_at": None}, {"due_at": None}, id="to take one away leaves the other"),
        pytest.param({"title": "x"}, {"title": "x"}, id="other fields change neither"),
    ],
)
def test_a_task_is_due_once(wanted, expected):
    assert one_due(wanted) == expected


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        pytest.param({}, None, id="a task of the project may be a parent"),
        pytest.param({"parent_project_id": None}, "parent-unknown", id="there is no such task"),
        pytest.param({"parent_project_id": 2}, "parent-unknown", id="of another project"),
        pytest.param({"is_itself": True}, "subtask-depth", id="not of itself"),
        pytest.param({"parent_is_subtask": True}, "subtask-depth", id="not of a subtask"),
        pytest.param({"has_subtasks": True}, "subtask-depth", id="not one that has subtasks"),
    ],
)
def test_who_may_be_a_subtask_of_whom(facts, code):
    good = {"is_itself": False, "parent_project_id": 1, "project_id": 1, "parent_is_subtask": False}
    refused = parent_refusal(**(good | {"has_subtasks": False} | facts))
    assert (None if refused is None else refused.code) == code


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        pytest.param('"3-1"', True, id="the newest"),
        pytest.param('"2-1"', False, id="an older"),
        pytest.param('"2-1", "3-1"', True, id="one of several"),
        pytest.param("*", True, id="whichever it is"),
        pytest.param('W/"3-1"', False, id="a weak one names nothing"),
        pytest.param("3-1", False, id="without quotes it is none"),
        pytest.param("", False, id="nothing"),
    ],
)
def test_if_match_names_the_version(header, expected):
    assert matches(header, '"3-1"') is expected


def test_an_etag_tells_a_change_by_a_release_that_counts_no_versions():
    assert etag_of(1, NOON) != etag_of(1, NOON + timedelta(microseconds=1))
    assert etag_of(1, NOON) != etag_of(2, NOON)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(None, None, id="nothing"),
        pytest.param(datetime.fromisoformat("2027-03-01T10:00:00+02:00"), "2027-03-01T08:00:00Z", id="a moment"),
        pytest.param(TODAY, "2027-03-01", id="a day"),
        pytest.param([3, 17], "3,17", id="several"),
        pytest.param(4, "4", id="a number"),
        pytest.param("<b>", "<b>", id="a text stays as it is"),
    ],
)
def test_a_value_in_the_log(value, text):
    assert as_text(value) == text


async def test_a_task_has_all_its_fields(person):
    ann, bob = await person("ann"), await person("bob")
    project = await ann.project(key="OPS")
    await ann.let_in(project, bob, "viewer")
    parent = await ann.task(project)
    label = await ann.make(f"/projects/{project['id']}/labels", {"name": "bug", "colour": "#ff0000"})
    fields = {"assignee_id": bob.id, "parent_id": parent["id"], "label_ids": [label["id"]], "due_on": "2027-03-01"}
    task = await ann.task(project, priority=0, description="<script>alert(1)</script>", **fields)
    assert {name: task[name] for name in fields} == fields
    assert (task["reference"], task["version"], task["priority"], task["due_at"]) == ("OPS-2", 1, 0, None)
    assert task["description"] == "<script>alert(1)</script>", "markup is text"
    assert await bob.read(f"/tasks/{task['id']}") == task
    assert task in (await ann.read("/tasks"))["results"]
    changed = await ann.change(task, assignee_id=None, parent_id=None, label_ids=[], due_at="2027-03-01T10:00:00Z")
    assert [changed[name] for name in fields] == [None, None, [], None]
    assert (changed["due_at"], changed["version"]) == ("2027-03-01T10:00:00Z", 2)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        pytest.param({"assignee_id": "{stranger}"}, "assignee-unknown", id="a stranger"),
        pytest.param({"assignee_id": "99999"}, "assignee-unknown", id="nobody"),
        pytest.param({"parent_id": "99999"}, "parent-unknown", id="no task"),
        pytest.param({"parent_id": "{foreign}"}, "parent-unknown", id="a task of another project"),
        pytest.param({"parent_id": "{subtask}"}, "subtask-depth", id="a subtask"),
        pytest.param({"label_ids": ["99999"]}, "label-unknown", id="no label"),
        pytest.param({"label_ids": ["{label}"]}, "label-unknown", id="a label of another project"),
        pytest.param({"label_ids": [str(n) for n in range(1, 22)]}, "invalid-request", id="21 labels"),
        pytest.param({"due_at": "2027-03-01T10:00:00Z", "due_on": "2027-03-01"}, "invalid-request", id="due twice"),
        pytest.param({"due_on": "2027-02-30"}, "invalid-request", id="a day that is none"),
        pytest.param({"due_on": "1899-12-31"}, "invalid-request", id="a day long ago"),
        pytest.param({"due_at": "9999-12-31T00:00:00Z"}, "invalid-request", id="the day that stands for never"),
    ],
)
async def test_what_is_none_of_the_project_s_is_refused(person, fields, code):
    ann, eve = await person("ann"), await person("eve")
    project, other = await ann.project(), await ann.project()
    task = await ann.task(project)
    known = {
        "{stranger}": eve.id,
        "{foreign}": (await ann.task(other))["id"],
        "{subtask}": (await ann.task(project, parent_id=task["id"]))["id"],
        "{label}": (await ann.make(f"/projects/{other['id']}/labels", {"name": "x"}))["id"],
    }
    sent = {
        name: [known.get(one, one) for one in value] if isinstance(value, list) else known.get(value, value)
        for name, value in fields.items()
    }
    assert_problem(await ann.post(f"/projects/{project['id']}/tasks", {"title": "x", **sent}), 422, code)
    assert_problem(await ann.patch(f"/tasks/{(await ann.task(project))['id']}", sent), 422, code)


async def test_subtasks_have_one_level_and_go_with_their_parent(person):
    ann = await person()
    project = await ann.project()
    parent, child = await ann.task(project), await ann.task(project)
    assert (await ann.change(child, parent_id=parent["id"]))["parent_id"] == parent["id"]
    other = await ann.task(project)
    assert_problem(await ann.patch(f"/tasks/{parent['id']}", {"parent_id": other["id"]}), 422, "subtask-depth")
    assert_problem(await ann.patch(f"/tasks/{parent['id']}", {"parent_id": parent["id"]}), 422, "subtask-depth")
    assert await ann.ids("/tasks", parent_id=parent["id"]) == [child["id"]]
    await ann.delete(f"/tasks/{parent['id']}")
    assert await ann.ids() == [other["id"]]
    told = (await ann.read(f"/projects/{project['id']}/activity"))["results"][:2]
    assert {(row["action"], row["task_id"]) for row in told} == {("deleted", parent["id"]), ("deleted", child["id"])}


async def test_who_knows_an_older_version_changes_nothing(person):
    ann = await person()
    task = await ann.task(await ann.project())
    path = f"/tasks/{task['id']}"
    first = (await ann.get(path)).headers["etag"]
    changed = await ann.patch(path, {"title": "x"}, If_Match=first)
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    assert changed.headers["etag"] != first
    for answer in (await ann.patch(path, {"title": "y"}, If_Match=first), await ann.delete(path, If_Match=first)):
        assert_problem(answer, 412, "version-mismatch")
        assert answer.headers["etag"] == changed.headers["etag"]
    assert (await ann.change(task, title="z"))["title"] == "z", "who does not say which may change it too"
    same = await ann.patch(path, {"title": "z"}, If_Match="*")
    assert same.json()["version"] == 3, "what changes nothing makes no version"
    assert (await ann.delete(path, If_Match=same.headers["etag"])).status_code == 204


async def test_each_changed_field_is_told_in_the_transaction_that_changes_it(person):
    ann, bob = await person("ann"), await person("bob")
    project = await ann.project()
    await ann.let_in(project, bob, "editor")
    task = await ann.task(project, due_at="2027-03-01T10:00:00Z")
    path = f"/tasks/{task['id']}"
    await bob.patch(path, {"title": "weed", "status": "doing", "due_on": "2027-03-02", "priority": 2})
    assert_problem(await bob.patch(path, {"title": "other", "assignee_id": "99999"}), 422, "assignee-unknown")
    told = (await ann.read(f"{path}/activity"))["results"]
    assert {(row["field"], row["old_value"], row["new_value"]) for row in told if row["actor_id"] == bob.id} == {
        ("title", "dig", "weed"),
        ("status", "todo", "doing"),
        ("due_on", None, "2027-03-02"),
        ("due_at", "2027-03-01T10:00:00Z", None),
    }
    assert (told[-1]["action"], told[-1]["actor_id"], told[-1]["new_value"]) == ("created", ann.id, "dig")
    first = await ann.read(f"{path}/activity", limit=2)
    rest = await ann.read(f"{path}/activity", limit=200, cursor=first["next_cursor"])
    assert first["results"] + rest["results"] == told
    assert_problem(await (await person("eve")).get(f"{path}/activity"), 404, "task-not-found")


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("bug", "Bug", True),
        ("ärger", "Arger", True),
        ("Straße", "STRASSE", True),
        ("ΣΊΣΥΦΟΣ", "σίσυφος", True),
        ("bug", "bugs", False),
        ("a b", "ab", False),
        ("日", "本", False),
    ],
)
def test_which_names_of_labels_are_one(one, other, expected):
    assert (folded(one) == folded(other)) is expected


async def test_labels_are_made_changed_and_taken_off(person, monkeypatch):
    ann = await person()
    project = await ann.project()
    path = f"/projects/{project['id']}/labels"
    bug = await ann.make(path, {"name": "bug"})
    assert (bug["colour"], bug["project_id"]) == ("#808080", project["id"])
    assert_problem(await ann.post(path, {"name": "bug"}), 409, "label-taken")
    for alike in ("Bug", "BUG", "bùg"):
        assert_problem(await ann.post(path, {"name": alike}), 409, "label-taken")
    assert (await ann.patch(f"{path}/{bug['id']}", {"name": "BUG"})).json()["name"] == "BUG", "of itself"
    assert (await ann.patch(f"{path}/{bug['id']}", {"name": "bug"})).status_code == 200
    later = await ann.make(path, {"name": "later", "colour": "#00ff00"})
    assert_problem(await ann.patch(f"{path}/{later['id']}", {"name": "bug"}), 409, "label-taken")
    assert (await ann.patch(f"{path}/{later['id']}", {"name": "never"})).json()["name"] == "never"
    for colour in ("red", "#FFF", "#12345", "url(x)"):
        assert_problem(await ann.post(path, {"name": "x", "colour": colour}), 422, "invalid-request")
    task = await ann.task(project, label_ids=[bug["id"], later["id"], bug["id"]])
    assert task["label_ids"] == [bug["id"], later["id"]]
    assert (await ann.delete(f"{path}/{bug['id']}")).status_code == 204
    after = await ann.read(f"/tasks/{task['id']}")
    assert (after["label_ids"], after["version"]) == ([later["id"]], 2)
    assert_problem(await ann.delete(f"{path}/{bug['id']}"), 404, "label-not-found")
    other = await ann.project()
    assert_problem(await ann.delete(f"/projects/{other['id']}/labels/{later['id']}"), 404, "label-not-found")
    monkeypatch.setattr(labels, "MOST_LABELS", 1)
    assert_problem(await ann.post(path, {"name": "one more"}), 409, "too-many-labels")


async def test_comments_are_changed_by_their_author_alone(person):
    ann, bob, eve = await person("ann"), await person("bob"), await person("eve")
    project = await ann.project()
    await ann.let_in(project, bob, "editor")
    task = await ann.task(project)
    path = f"/tasks/{task['id']}/comments"
    comment = await bob.make(path, {"body": "  why?\n<b>now</b> "})
    assert (comment["body"], comment["author_name"], comment["author_id"]) == ("why?\n<b>now</b>", "bob", bob.id)
    one = f"{path}/{comment['id']}"
    for method, body in (("PATCH", {"body": "x"}), ("DELETE", None)):
        assert_problem(await ann.call(method, one, body), 403, "not-the-author")
        assert_problem(await eve.call(method, one, body), 404, "task-not-found")
        assert_problem(await bob.call(method, f"{path}/999", body), 404, "comment-not-found")
    other = await bob.task(project)
    assert_problem(await bob.delete(f"/tasks/{other['id']}/comments/{comment['id']}"), 404, "comment-not-found")
    assert (await bob.patch(one, {"body": "y"})).json()["body"] == "y"
    second = await ann.make(path, {"body": "since"})
    assert [row["id"] for row in (await ann.read(path))["results"]] == [second["id"], comment["id"]]
    assert (await bob.delete(one)).status_code == 204
    told = [row["action"] for row in (await ann.read(f"/tasks/{task['id']}/activity"))["results"]]
    assert told == ["deleted", "created", "changed", "created", "created"]
    for said in ("", " \n", "x" * 10_001, None):
        assert_problem(await ann.post(path, {"body": said}), 422, "invalid-request")
