from __future__ import annotations

from datetime import UTC, date, datetime
from typing import get_args

import pytest
from sqlalchemy import event
from tests.taskmanager.calls import assert_problem

from taskmanager.paging import decode_cursor, decode_place, encode_cursor
from taskmanager.problems import Problem
from taskmanager.tasks.listing import Wanted, list_page
from taskmanager.tasks.models import Task
from taskmanager.tasks.schemas import SortName
from taskmanager.tasks.sorting import SORTS


def test_every_order_that_may_be_asked_for_is_known():
    assert set(SORTS) == set(get_args(SortName))


@pytest.mark.parametrize(
    ("cursor", "sort", "expected"),
    [
        pytest.param(encode_cursor(7), "-id", (7, ""), id="by id"),
        pytest.param(encode_cursor(7, "due", "2027-01-01T00:00:00+00:00"), "due", (7, "2027-01-01T00:00:00+00:00"), id="with a value that has colons"),
        pytest.param(encode_cursor(7, "due", "x"), "-id", None, id="of another order"),
        pytest.param(encode_cursor(7), "due", None, id="of the order by id"),
        pytest.param(encode_cursor(7, "id"), "-id", None, id="of the other direction"),
        pytest.param(encode_cursor(0), "-id", None, id="an id that no row has"),
        pytest.param(encode_cursor(2**63), "-id", None, id="an id that no key can be"),
        pytest.param("x", "-id", None, id="rubbish"),
        pytest.param("", "-id", None, id="nothing"),
    ],
)  # fmt: skip
def test_a_cursor_carries_its_order(cursor, sort, expected):
    if expected is None:
        with pytest.raises(Problem) as caught:
            decode_place(cursor, sort)
        assert (caught.value.status, caught.value.code) == (422, "invalid-cursor")
    else:
        assert decode_place(cursor, sort) == expected


def test_cursors_of_the_release_before_go_on():
    assert decode_cursor("YWZ0ZXI6Nw") == 7
    assert encode_cursor(7) == "YWZ0ZXI6Nw"


async def shared_garden(person):
    """Ann's tasks among three projects, two of them Bob's; what sorts them differs."""
    ann, bob = await person("ann"), await person("bob")
    projects = [await ann.project("a"), await bob.project("b"), await bob.project("c")]
    for project in projects[1:]:
        await bob.let_in(project, ann, "editor")
    foreign = await bob.project("d")
    for number in range(12):
        due = {0: {"due_on": f"2027-01-{20 - number:02}"}, 1: {"due_at": f"2027-01-{number + 1:02}T12:00:00Z"}, 2: {}}
        maker = ann if number % 3 == 0 else bob
        await maker.task(projects[number % 3], f"t{number}", priority=number % 5, **due[number % 4 % 3])
        await bob.task(foreign, "not seen")
    return ann, bob, projects


NEVER = "9999"


def due_of(row):
    return row["due_at"] or (row["due_on"] and f"{row['due_on']}T00:00:00Z") or NEVER


@pytest.mark.parametrize(
    ("sort", "key"),
    [
        ("-id", lambda row: -int(row["id"])),
        ("id", lambda row: int(row["id"])),
        ("due", lambda row: (due_of(row), int(row["id"]))),
        ("-priority", lambda row: (-row["priority"], -int(row["id"]))),
        ("priority", lambda row: (row["priority"], int(row["id"]))),
        ("updated", lambda row: (row["updated_at"], int(row["id"]))),
    ],
)
async def test_pages_in_each_order_hold_every_task_once(person, sort, key):
    ann, _, projects = await shared_garden(person)
    seen, parameters = [], {"sort": sort, "limit": 5}
    while True:
        page = await ann.read("/tasks", **parameters)
        seen += page["results"]
        if page["next_cursor"] is None:
            break
        parameters["cursor"] = page["next_cursor"]
    assert seen == sorted(seen, key=key)
    assert len({row["id"] for row in seen}) == len(seen) == 12
    one = await ann.read(f"/projects/{projects[1]['id']}/tasks", sort=sort)
    assert one["results"] == [row for row in seen if row["project_id"] == projects[1]["id"]]
    opposite = sort[1:] if sort.startswith("-") else f"-{sort}"
    assert [row["id"] for row in seen][::-1] == await ann.ids("/tasks", sort=opposite)
    other = {"sort": "-due" if sort != "-due" else "due", "cursor": parameters["cursor"]}
    assert_problem(await ann.get("/tasks", **other), 422, "invalid-cursor")


@pytest.mark.parametrize("value", ["x", "2027-01-01T00:00:00", "2027-13-01T00:00:00+00:00"])
async def test_a_cursor_with_a_value_that_is_none_is_refused(person, value):
    cursor = encode_cursor(7, "due", value)
    assert_problem(await (await person()).get("/tasks", sort="due", cursor=cursor), 422, "invalid-cursor")


async def test_tasks_are_filtered(person):
    ann, bob = await person("ann"), await person("bob")
    project, other = await ann.project("a"), await bob.project("b")
    await ann.let_in(project, bob, "editor")
    label = await ann.make(f"/projects/{project['id']}/labels", {"name": "bug"})
    due_today = {"due_on": "2000-01-01"}
    tasks = {
        "plain": await ann.task(project, "plain"),
        "mine": await ann.task(project, "mine", assignee_id=bob.id, priority=4),
        "late": await ann.task(project, "late", due_at="2000-01-01T00:00:00Z", label_ids=[label["id"]]),
        "late but done": await ann.task(project, "late but done", status="done", **due_today),
        "a day late": await ann.task(project, "a day late", **due_today),
        "later": await ann.task(project, "later", due_at="2100-01-01T00:00:00Z"),
        "100%_of\\it": await ann.task(project, "100%_of\\it", description="Dig A Hole"),
        "elsewhere": await bob.task(other, "elsewhere", assignee_id=bob.id),
    }
    names = {task["id"]: name for name, task in tasks.items()}

    async def found(who=bob, path="/tasks", **parameters):
        return {names[task_id] for task_id in await who.ids(path, **parameters)}

    assert await found(mine=True) == {"mine", "elsewhere"}
    assert await found(ann, assignee_id=bob.id) == {"mine"}, "not of a project that ann does not know"
    assert await found(mine=True, project_id=project["id"]) == {"mine"}
    assert await found(path=f"/projects/{other['id']}/tasks", mine=True) == {"elsewhere"}
    assert await found(overdue=True) == {"late", "a day late"}
    assert await found(status="done") == {"late but done"}
    assert await found(priority=4) == {"mine"}
    assert await found(label_id=label["id"]) == {"late"}
    assert await found(label_id=label["id"], overdue=True, sort="due") == {"late"}
    assert await found(q="100%_") == {"100%_of\\it"}, "wildcards are letters"
    assert await found(q="\\") == {"100%_of\\it"}
    assert await found(q="dig a") == {"100%_of\\it"}, "descriptions are searched, whatever the case"
    assert await found(q="1%o") == set()
    eve = await person("eve")
    for parameters in ({"assignee_id": bob.id}, {"label_id": label["id"]}, {"parent_id": tasks["plain"]["id"]}):
        assert await found(eve, **parameters) == set()
    assert_problem(await eve.get("/tasks", project_id=project["id"]), 404, "project-not-found")
    assert_problem(await bob.get("/tasks", mine=True, assignee_id=ann.id), 422, "filters-contradict")
    for name, value in (("sort", "title"), ("q", ""), ("q", "x" * 101), ("priority", 5), ("overdue", "maybe")):
        assert_problem(await bob.get("/tasks", **{name: value}), 422, "invalid-request")


async def test_a_member_of_more_projects_than_one_statement_takes_sees_all(person, monkeypatch):
    monkeypatch.setattr("taskmanager.tasks.listing._PROJECTS", 1)
    ann, _, _ = await shared_garden(person)
    first = await ann.read("/tasks", limit=5)
    rest = await ann.read("/tasks", limit=200, cursor=first["next_cursor"])
    seen = [row["title"] for row in first["results"] + rest["results"]]
    assert seen == [f"t{number}" for number in range(11, -1, -1)]


async def test_the_hot_read_is_one_statement(client, person):
    """Somebody who is in no project of others costs the list of tasks no second look into the database."""
    ann = await person()
    await ann.task(await ann.project())
    statements = []
    reader = client._transport.app._app.state.services.database._reader

    def note(_connection, _cursor, statement, *_):
        statements.append(statement)

    event.listen(reader.sync_engine, "before_cursor_execute", note)
    assert len(await ann.ids("/tasks")) == 1
    assert [statement for statement in statements if "FROM tasks" in statement] == statements
    assert len(statements) == 1


@pytest.mark.sqlite_only  # the plan is told in its words
@pytest.mark.parametrize(
    ("wanted", "sort", "plan"),
    [
        pytest.param(Wanted(), "-id", "ix_tasks_owner_id_id (owner_id=? AND id<?)", id="mine"),
        pytest.param(Wanted(), "due", "ix_tasks_owner_id_due_sort_id (owner_id=? AND due_sort=? AND id>?)", id="mine by due date"),
        pytest.param(Wanted(project_id=1), "-id", "ix_tasks_project_id_id (project_id=? AND id<?)", id="of a project"),
        pytest.param(Wanted(project_id=1, status="done", text="x"), "id", "ix_tasks_project_id_id (project_id=? AND id>?)", id="filters change no plan"),
        pytest.param(Wanted(project_id=1), "-due", "ix_tasks_project_id_due_sort_id (project_id=? AND due_sort=? AND id<?)", id="latest first"),
        pytest.param(Wanted(project_id=1, overdue=(datetime(2027, 2, 1, tzinfo=UTC), date(2027, 2, 1))), "due", "ix_tasks_project_id_due_sort_id (project_id=? AND due_sort=? AND id>?)", id="late ones"),
        pytest.param(Wanted(assignee_id=1), "-id", "ix_tasks_assignee_id_id (assignee_id=? AND id<?)", id="assigned to somebody"),
        pytest.param(Wanted(assignee_id=1), "due", "ix_tasks_assignee_id_due_sort_id (assignee_id=? AND due_sort=? AND id>?)", id="the next of somebody"),
        pytest.param(Wanted(parent_id=1), "-id", "ix_tasks_parent_id_id (parent_id=? AND id<?)", id="subtasks"),
    ],
)  # fmt: skip
async def test_a_page_begins_in_the_middle_of_an_index_and_sorts_nothing(database, wanted, sort, plan):
    said = []

    def note(_connection, _cursor, statement, parameters, *_):
        said.append((statement, parameters))

    order = SORTS[sort]
    cursor = order.cursor_of({"id": 7, "sort_value": datetime(2027, 1, 1, tzinfo=UTC)})
    async with database.read() as connection:
        event.listen(database._reader.sync_engine, "before_cursor_execute", note)
        await list_page(connection, 1, wanted, limit=21, sort=order, cursor=cursor)
        statement, parameters = said[0]
        rows = (await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)).all()
    steps = [row[3] for row in rows]
    assert f"SEARCH tasks USING INDEX {plan}" in steps
    assert steps.count("USE TEMP B-TREE FOR ORDER BY") == (2 if order.column is not Task.id else 0), (
        "of two pages, at most"
    )
    assert not any("SCAN tasks" in step for step in steps)


@pytest.mark.mariadb_only
async def test_mysql_is_told_where_a_page_begins(database, person):
    ann = await person()
    project = await ann.project()
    for _ in range(5):
        await ann.task(project)
    said = []

    def note(_connection, _cursor, statement, parameters, *_):
        said.append((statement, parameters))

    async with database.read() as connection:
        event.listen(database._reader.sync_engine, "before_cursor_execute", note)
        wanted = Wanted(project_id=int(project["id"]))
        await list_page(connection, int(ann.id), wanted, limit=2, cursor=encode_cursor(2**40))
        statement, parameters = said[0]
        rows = (await connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)).mappings().all()
    [tasks] = [row for row in rows if row["table"] == "tasks"]
    assert (tasks["type"], tasks["key"]) == ("range", "ix_tasks_project_id_id")
    assert "filesort" not in (tasks["Extra"] or "")
