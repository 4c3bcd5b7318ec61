from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text
from tests.taskmanager.calls import assert_problem

from taskmanager.access import Action, Role, may, refusal, role_of
from taskmanager.members import service
from taskmanager.projects.keys import free_key, key_of

READERS = {Action.READ, Action.EXPORT, Action.LEAVE}


@pytest.mark.parametrize(
    ("role", "actions"),
    [
        pytest.param(Role.VIEWER, READERS, id="a viewer reads"),
        pytest.param(Role.EDITOR, READERS | {Action.WRITE}, id="an editor writes too"),
        pytest.param(Role.OWNER, set(Action), id="an owner may do all"),
    ],
)
def test_what_a_role_may(role, actions):
    assert {action for action in Action if may(role, action)} == actions


@pytest.mark.parametrize(
    ("role", "action", "archived", "expected"),
    [
        pytest.param(None, Action.READ, False, (404, "project-not-found"), id="a stranger learns of nothing"),
        pytest.param(None, Action.WRITE, True, (404, "project-not-found"), id="not even that it is archived"),
        pytest.param(Role.VIEWER, Action.READ, False, None, id="a viewer reads"),
        pytest.param(Role.VIEWER, Action.WRITE, False, (403, "role-too-low"), id="a viewer does not write"),
        pytest.param(Role.VIEWER, Action.WRITE, True, (403, "role-too-low"), id="the role is told before the archive"),
        pytest.param(Role.EDITOR, Action.MANAGE, False, (403, "role-too-low"), id="an editor does not manage"),
        pytest.param(Role.EDITOR, Action.WRITE, True, (409, "project-archived"), id="an archived project is read only"),
        pytest.param(Role.OWNER, Action.MANAGE, True, (409, "project-archived"), id="for its owner too"),
        pytest.param(Role.VIEWER, Action.EXPORT, True, None, id="an archived project is exported"),
        pytest.param(Role.VIEWER, Action.LEAVE, True, None, id="an archived project is left"),
        pytest.param(Role.OWNER, Action.RESTORE, True, None, id="its owner restores it"),
        pytest.param(Role.OWNER, Action.DELETE, True, None, id="its owner deletes it"),
    ],
)
def test_why_an_action_is_refused(role, action, archived, expected):
    refused = refusal(role, action, archived=archived)
    assert (None if refused is None else (refused.status, refused.code)) == expected


def test_a_role_of_a_later_release_is_the_lowest():
    assert role_of(1, 1, None) is Role.OWNER
    assert role_of(2, 1, None) is None
    assert role_of(2, 1, "auditor") is Role.VIEWER


@pytest.mark.parametrize(
    ("name", "key"),
    [
        pytest.param("Garden", "GAR", id="the beginning of one word"),
        pytest.param("Customer Care Team", "CCT", id="the initials of several"),
        pytest.param("Ärger", "ARG", id="accents are taken off"),
        pytest.param("journey 12ab", "J1", id="a figure may follow"),
        pytest.param("2nd floor", "PRJ", id="a key begins with a letter"),
        pytest.param("日本", "PRJ", id="a name without Latin letters"),
        pytest.param("x", "PRJ", id="a key has two at least"),
        pytest.param("a b c d e f g h i j k l", "ABCDEFGHIJ", id="and ten at most"),
    ],
)
def test_a_key_reminds_of_the_name(name, key):
    assert key_of(name) == key


@pytest.mark.parametrize(
    ("wanted", "taken", "key"),
    [
        pytest.param("OPS", [], "OPS", id="it is free"),
        pytest.param("OPS", ["OPS"], "OPS2", id="the first number is 2"),
        pytest.param("OPS", ["OPS", "OPS2", "OPS3"], "OPS4", id="the smallest that is free"),
        pytest.param("ABCDEFGHIJ", ["ABCDEFGHIJ"], "ABCDEFGHI2", id="within ten"),
    ],
)
def test_a_key_is_that_of_one_project(wanted, taken, key):
    assert free_key(wanted, taken) == key


async def test_projects_get_keys_from_their_names_or_as_wanted(person):
    ann, bob = await person("ann"), await person("bob")
    assert [(await ann.project("Garden"))["key"] for _ in range(3)] == ["GAR", "GAR2", "GAR3"]
    assert (await ann.project("Garden", key="OPS"))["key"] == "OPS"
    assert_problem(await ann.post("/projects", {"name": "x", "key": "OPS"}), 409, "key-taken")
    assert (await bob.project("Garden", key="OPS"))["key"] == "OPS", "keys are unique per owner"
    mine = await ann.project("Orchard")
    assert_problem(await ann.patch(f"/projects/{mine['id']}", {"key": "OPS"}), 409, "key-taken")
    assert (await ann.patch(f"/projects/{mine['id']}", {"key": "FRUIT7"})).json()["key"] == "FRUIT7"


async def test_a_key_that_is_none_is_refused(person):
    ann = await person()
    for key in ("A", "ops", "1AB", "ABCDEFGHIJK", "A-B", "", 7, ["OPS"]):
        assert_problem(await ann.post("/projects", {"name": "x", "key": key}), 422, "invalid-request")


async def test_members_see_a_project_and_do_what_their_role_may(person):
    ann, eve, vic, bob = [await person(name) for name in ("ann", "eve", "vic", "bob")]
    project = await ann.project()
    path = f"/projects/{project['id']}"
    task = await ann.task(project)
    await ann.let_in(project, eve, "editor")
    await ann.let_in(project, vic, "viewer")
    for reader, role in ((ann, "owner"), (eve, "editor"), (vic, "viewer")):
        assert (await reader.read(path))["role"] == role
        assert [(row["id"], row["role"]) for row in (await reader.read("/projects"))["results"]] == [
            (project["id"], role)
        ]
        assert await reader.ids() == [task["id"]]
    members = (await vic.read(f"{path}/members"))["results"]
    assert [(row["user_id"], row["role"]) for row in members] == [
        (ann.id, "owner"),
        (eve.id, "editor"),
        (vic.id, "viewer"),
    ]
    await eve.task(project, "weed")
    for method, refused in (("PATCH", path), ("DELETE", path), ("POST", f"{path}/members")):
        body = {"POST": {"email": bob.email}, "PATCH": {"name": "mine"}}.get(method)
        assert_problem(await eve.call(method, refused, body), 403, "role-too-low")
    for method, refused, body in (
        ("POST", f"{path}/tasks", {"title": "x"}),
        ("PATCH", f"/tasks/{task['id']}", {"title": "x"}),
        ("DELETE", f"/tasks/{task['id']}", None),
        ("POST", f"/tasks/{task['id']}/comments", {"body": "x"}),
        ("POST", f"{path}/labels", {"name": "x"}),
    ):
        assert_problem(await vic.call(method, refused, body), 403, "role-too-low")
    assert_problem(await bob.get(f"{path}/members"), 404, "project-not-found")
    assert_problem(await bob.get(f"{path}/activity"), 404, "project-not-found")


async def test_who_may_be_let_in(person, monkeypatch):
    ann, bob, eve = await person("ann"), await person("bob"), await person("eve")
    project = await ann.project()
    path = f"/projects/{project['id']}/members"
    assert_problem(await ann.post(path, {"email": "nobody@example.org"}), 422, "user-unknown")
    assert_problem(await ann.post(path, {"email": ann.email}), 409, "member-already")
    await ann.let_in(project, bob, "viewer")
    assert_problem(await ann.post(path, {"email": bob.email}), 409, "member-already")
    monkeypatch.setattr(service, "MOST_MEMBERS", 1)
    assert_problem(await ann.post(path, {"email": eve.email}), 409, "too-many-members")
    assert_problem(await ann.post(path, {"email": eve.email, "role": "god"}), 422, "invalid-request")


async def test_a_role_is_changed_and_taken_away(person):
    ann, bob, eve = await person("ann"), await person("bob"), await person("eve")
    project = await ann.project()
    path = f"/projects/{project['id']}/members"
    await ann.let_in(project, bob, "viewer")
    task = await ann.task(project, assignee_id=bob.id)
    assert (await ann.patch(f"{path}/{bob.id}", {"role": "owner"})).json()["role"] == "owner"
    await bob.let_in(project, eve, "editor")
    for method, body in (("PATCH", {"role": "viewer"}), ("DELETE", None)):
        assert_problem(await bob.call(method, f"{path}/{ann.id}", body), 409, "owner-stays")
        assert_problem(await ann.call(method, f"{path}/999", body), 404, "member-not-found")
    assert_problem(await eve.delete(f"{path}/{bob.id}"), 403, "role-too-low")
    assert (await bob.delete(f"{path}/{bob.id}")).status_code == 204, "everybody may leave"
    assert_problem(await bob.get(f"/tasks/{task['id']}"), 404, "task-not-found")
    after = await ann.read(f"/tasks/{task['id']}")
    assert (after["assignee_id"], after["version"]) == (None, task["version"] + 1)
    told = (await ann.read(f"/tasks/{task['id']}/activity"))["results"][0]
    assert (told["field"], told["old_value"], told["new_value"]) == ("assignee_id", bob.id, None)
    assert await bob.ids() == []
    assert await bob.ids("/projects") == []


async def test_an_archived_project_is_read_only_until_it_is_restored(person):
    ann, bob = await person("ann"), await person("bob")
    project, other = await ann.project(), await ann.project("Other")
    await ann.let_in(project, bob, "editor")
    task = await ann.task(project)
    path = f"/projects/{project['id']}"
    assert_problem(await bob.patch(path, {"archived": True}), 403, "role-too-low")
    assert (await ann.patch(path, {"archived": True})).json()["archived_at"] is not None
    for method, refused, body in (
        ("POST", f"{path}/tasks", {"title": "x"}),
        ("PATCH", f"/tasks/{task['id']}", {"title": "x"}),
        ("DELETE", f"/tasks/{task['id']}", None),
        ("POST", f"{path}/labels", {"name": "x"}),
        ("PATCH", path, {"name": "x"}),
        ("POST", f"{path}/members", {"email": bob.email}),
    ):
        assert_problem(await ann.call(method, refused, body), 409, "project-archived")
    assert (await bob.read(f"/tasks/{task['id']}"))["title"] == "dig"
    assert await ann.ids("/projects", archived=True) == [project["id"]]
    assert await ann.ids("/projects", archived=False) == [other["id"]]
    assert_problem(await bob.patch(path, {"archived": False}), 403, "role-too-low")
    assert (await ann.patch(path, {"archived": False})).json()["archived_at"] is None
    assert (await bob.patch(f"/tasks/{task['id']}", {"title": "x"})).status_code == 200


async def test_projects_of_others_stand_among_one_s_own_and_page_with_them(person):
    ann, bob = await person("ann"), await person("bob")
    made = []
    for number in range(6):
        maker = ann if number % 2 else bob
        project = await maker.project(f"p{number}")
        if maker is bob and number != 4:
            await bob.let_in(project, ann, "viewer")
        if number != 4:
            made.append(project["id"])
    seen = await ann.ids("/projects", limit=2)
    page = await ann.read("/projects", limit=2)
    while page["next_cursor"] is not None:
        page = await ann.read("/projects", limit=2, cursor=page["next_cursor"])
        seen += [row["id"] for row in page["results"]]
    assert seen == made[::-1]


async def as_an_old_release(database, ann):
    """A project and three tasks, written with the columns that the release before memberships knows."""
    async with database.transaction() as session:
        await session.execute(
            text(
                "INSERT INTO projects (id, owner_id, name, description, created_at, updated_at)"
                " VALUES (7001, :owner, 'Old Garden', '', '2026-01-01 00:00:00.000000', '2026-01-01 00:00:00.000000')"
            ),
            {"owner": int(ann.id)},
        )
        for number in range(3):
            await session.execute(
                text(
                    "INSERT INTO tasks (owner_id, project_id, title, description, status, priority, due_at, created_at,"
                    " updated_at) VALUES (:owner, 7001, 't', '', 'todo', 2, :due, '2026-01-01 00:00:00.000000',"
                    " '2026-01-01 00:00:00.000000')"
                ),
                {"owner": int(ann.id), "due": f"2026-01-0{3 - number} 00:00:00.000000"},
            )


async def test_rows_of_an_old_release_belong_to_their_owner_and_are_completed_when_read(person, database):
    ann, bob = await person("ann"), await person("bob")
    await as_an_old_release(database, ann)
    rows = (await ann.read("/tasks"))["results"]
    assert [row["reference"] for row in rows] == ["OG-3", "OG-2", "OG-1"]
    assert (await ann.read("/projects/7001"))["role"] == "owner"
    assert_problem(await bob.get("/projects/7001"), 404, "project-not-found")
    assert [row["number"] for row in (await ann.read("/tasks", sort="due"))["results"]] == [3, 2, 1]
    assert (await ann.task({"id": 7001}))["reference"] == "OG-4"


async def test_a_task_in_a_project_of_an_old_release_is_made_at_once(person, database):
    ann = await person()
    await as_an_old_release(database, ann)
    made = await ann.task({"id": 7001})
    assert made["reference"].startswith("OG-")
    references = [row["reference"] for row in (await ann.read("/tasks"))["results"]]
    assert len(set(references)) == 4


async def test_numbers_are_given_once_and_never_again(person):
    ann = await person()
    project, other = await ann.project(key="OPS"), await ann.project(key="DEV")
    made = await asyncio.gather(*(ann.task(project) for _ in range(12)))
    assert sorted(task["number"] for task in made) == list(range(1, 13))
    last = max(made, key=lambda task: task["number"])
    assert last["reference"] == "OPS-12"
    await ann.delete(f"/tasks/{last['id']}")
    assert (await ann.task(project))["reference"] == "OPS-13"
    assert (await ann.task(other))["reference"] == "DEV-1"
    assert_problem(
        await ann.post(f"/projects/{project['id']}/tasks", {"title": "x", "parent_id": "999"}), 422, "parent-unknown"
    )
    assert (await ann.task(project))["reference"] == "OPS-14", "what was refused has taken no number"
