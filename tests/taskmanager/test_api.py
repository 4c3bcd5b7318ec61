from __future__ import annotations

from datetime import UTC, datetime, timedelta

import jwt
import pytest
from tests.taskmanager.calls import PROBLEM, assert_problem
from tests.taskmanager.processes import KEY


async def project_of(client, headers, name="Garden"):
    answer = await client.post("/projects", json={"name": name}, headers=headers)
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/projects/{answer.json()['id']}"
    return answer.json()["id"]


async def task_of(client, headers, project_id, **fields):
    answer = await client.post(f"/projects/{project_id}/tasks", json={"title": "dig", **fields}, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_somebody_registers_signs_in_and_is_known(client, sign_in):
    headers = await sign_in("Ann")
    me = (await client.get("/users/me", headers=headers)).json()
    assert (me["email"], me["name"]) == ("ann@example.org", "Ann")
    assert "password" not in str(me)


async def test_an_address_is_registered_once(client, sign_in):
    await sign_in("ann")
    body = {"email": "ANN@example.org", "name": "other", "password": "another horse"}
    assert_problem(await client.post("/users", json=body), 409, "email-taken")


@pytest.mark.parametrize("email", ["ann@example.org", "nobody@example.org"], ids=["wrong password", "unknown address"])
async def test_a_failed_sign_in_does_not_tell_why(client, sign_in, email):
    await sign_in("ann")
    answer = await client.post("/login", json={"email": email, "password": "wrong horse"})
    assert_problem(answer, 401, "login-failed")


@pytest.mark.parametrize(
    ("claims", "key", "code"),
    [
        pytest.param({"exp": datetime.now(UTC) - timedelta(seconds=1)}, KEY, "token-expired", id="expired"),
        pytest.param({}, "another key of more than thirty-two characters", "token-invalid", id="forged"),
        pytest.param({"sub": "ann"}, KEY, "token-invalid", id="no id"),
        pytest.param({"iss": "elsewhere"}, KEY, "token-invalid", id="of another issuer"),
    ],
)
async def test_a_wrong_token_is_refused(client, claims, key, code):
    good = {"sub": "1", "iss": "taskmanager", "exp": datetime.now(UTC) + timedelta(minutes=1)}
    token = jwt.encode(good | claims, key, algorithm="HS256")
    answer = await client.get("/tasks", headers={"Authorization": f"Bearer {token}"})
    assert_problem(answer, 401, code)
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_an_unsigned_token_is_refused(client):
    token = jwt.encode({"sub": "1", "iss": "taskmanager", "exp": 2**33}, "", algorithm="none")
    assert_problem(await client.get("/tasks", headers={"Authorization": f"Bearer {token}"}), 401, "token-invalid")
    assert_problem(await client.get("/tasks"), 401, "token-missing")


async def test_a_project_is_made_changed_and_deleted_with_its_tasks(client, sign_in):
    ann = await sign_in()
    project_id = await project_of(client, ann)
    task = await task_of(client, ann, project_id)
    changed = await client.patch(f"/projects/{project_id}", json={"name": "Orchard"}, headers=ann)
    assert (changed.json()["name"], changed.json()["description"]) == ("Orchard", "")
    assert (await client.delete(f"/projects/{project_id}", headers=ann)).status_code == 204
    assert_problem(await client.get(f"/projects/{project_id}", headers=ann), 404, "project-not-found")
    assert_problem(await client.get(f"/tasks/{task['id']}", headers=ann), 404, "task-not-found")


async def test_a_task_is_made_changed_and_deleted(client, sign_in):
    ann = await sign_in()
    due = "2027-03-01T10:00:00+02:00"
    task = await task_of(client, ann, await project_of(client, ann), priority=4, due_at=due)
    assert (task["status"], task["priority"], task["due_at"]) == ("todo", 4, "2027-03-01T08:00:00Z")
    path = f"/tasks/{task['id']}"
    changed = (await client.patch(path, json={"status": "done", "due_at": None}, headers=ann)).json()
    assert (changed["status"], changed["due_at"], changed["title"]) == ("done", None, "dig")
    assert (await client.get(path, headers=ann)).json() == changed
    assert (await client.delete(path, headers=ann)).status_code == 204
    assert_problem(await client.get(path, headers=ann), 404, "task-not-found")


async def test_a_list_and_a_single_task_look_the_same(client, sign_in):
    ann = await sign_in()
    project_id = await project_of(client, ann)
    task = await task_of(client, ann, project_id, due_at="2027-03-01T10:00:00Z")
    assert (await client.get("/tasks", headers=ann)).json() == {"results": [task], "next_cursor": None}
    assert (await client.get(f"/projects/{project_id}/tasks", headers=ann)).json()["results"] == [task]


@pytest.mark.parametrize("path", ["/tasks", "/projects/{project}/tasks", "/projects"])
async def test_pages_follow_each_other_without_gap_while_rows_are_added(client, sign_in, path):
    ann = await sign_in()
    project_id = await project_of(client, ann)

    async def add():
        if path == "/projects":
            return await project_of(client, ann)
        return (await task_of(client, ann, project_id))["id"]

    made = [project_id] if path == "/projects" else []
    made += [await add() for _ in range(7)]
    seen, cursor = [], None
    for _ in range(20):
        parameters = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        answer = await client.get(path.format(project=project_id), params=parameters, headers=ann)
        page = answer.json()
        seen += [row["id"] for row in page["results"]]
        await add()
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == made[::-1]


async def test_tasks_are_filtered_by_status(client, sign_in):
    ann = await sign_in()
    project_id = await project_of(client, ann)
    await task_of(client, ann, project_id)
    done = await task_of(client, ann, project_id, status="done")
    answer = await client.get("/tasks", params={"status": "done"}, headers=ann)
    assert [row["id"] for row in answer.json()["results"]] == [done["id"]]


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("GET", "/projects/{project}", None, "project-not-found"),
        ("PATCH", "/projects/{project}", {"name": "mine"}, "project-not-found"),
        ("DELETE", "/projects/{project}", None, "project-not-found"),
        ("GET", "/projects/{project}/tasks", None, "project-not-found"),
        ("POST", "/projects/{project}/tasks", {"title": "mine"}, "project-not-found"),
        ("POST", "/projects/{project}/export", None, "project-not-found"),
        ("GET", "/projects/{project}/exports", None, "project-not-found"),
        ("GET", "/tasks/{task}", None, "task-not-found"),
        ("PATCH", "/tasks/{task}", {"title": "mine"}, "task-not-found"),
        ("DELETE", "/tasks/{task}", None, "task-not-found"),
    ],
)
async def test_a_stranger_sees_nothing_and_changes_nothing(client, sign_in, method, path, body, code):
    ann, eve = await sign_in("ann"), await sign_in("eve")
    project_id = await project_of(client, ann)
    task = await task_of(client, ann, project_id)
    answer = await client.request(method, path.format(project=project_id, task=task["id"]), json=body, headers=eve)
    assert_problem(answer, 404, code)
    assert (await client.get(f"/tasks/{task['id']}", headers=ann)).json() == task
    assert (await client.get("/tasks", headers=eve)).json()["results"] == []


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        pytest.param("POST", "/users", {"email": "x", "name": "x", "password": "correct horse"}, "body.email", id="no address"),
        pytest.param("POST", "/users", {"email": "x@y.z", "name": "x", "password": "short"}, "body.password", id="short password"),
        pytest.param("POST", "/users", {"email": "x@y.z", "name": "a\nb", "password": "correct horse"}, "body.name", id="a line break in a name"),
        pytest.param("POST", "/projects", {"name": " "}, "body.name", id="a name of blanks"),
        pytest.param("POST", "/projects", {"name": "x" * 121}, "body.name", id="a long name"),
        pytest.param("POST", "/projects", {"name": "x", "owner_id": 2}, "body.owner_id", id="an unknown field"),
        pytest.param("PATCH", "/tasks/1", {"title": None}, "body.title", id="null where there must be a text"),
        pytest.param("PATCH", "/tasks/1", {"priority": 5}, "body.priority", id="a priority above 4"),
        pytest.param("PATCH", "/tasks/1", {"due_at": "2027-01-01T00:00:00"}, "body.due_at", id="a time without zone"),
        pytest.param("PATCH", "/tasks/1", {"due_at": "0001-01-01T00:00:00+14:00"}, "body.due_at", id="a time before all time"),
        pytest.param("GET", "/tasks?limit=0", None, "query.limit", id="an empty page"),
        pytest.param("GET", "/tasks?limit=201", None, "query.limit", id="a huge page"),
        pytest.param("GET", "/tasks/abc", None, "path.task_id", id="an id that is none"),
        pytest.param("GET", f"/tasks/{2**63}", None, "path.task_id", id="an id that no key can be"),
    ],
)  # fmt: skip
async def test_bad_input_names_its_field(client, sign_in, method, path, body, field):
    answer = await client.request(method, path, json=body, headers=await sign_in())
    assert_problem(answer, 422, "invalid-request")
    assert field in [error["field"] for error in answer.json()["errors"]]
    assert "short" not in answer.text.replace("string_too_short", "").replace("too short", "")


@pytest.mark.parametrize("cursor", ["x", "YWZ0ZXI6MA", "YWZ0ZXI6LTE", "YWZ0ZXI6MDE", "%F0%9F%98%80"])
async def test_a_cursor_that_we_did_not_give_out_is_refused(client, sign_in, cursor):
    assert_problem(await client.get(f"/tasks?cursor={cursor}", headers=await sign_in()), 422, "invalid-cursor")


async def test_what_does_not_exist_is_a_problem_too(client):
    assert_problem(await client.get("/nowhere"), 404, "not-found")
    assert_problem(await client.put("/tasks"), 405, "method-not-allowed")


async def in_pieces():
    for _ in range(11):
        yield b" " * 100_000


@pytest.mark.parametrize("content", [lambda: b" " * 1_000_001, in_pieces], ids=["of a known size", "in pieces"])
async def test_a_huge_body_is_refused(client, sign_in, content):
    answer = await client.post("/projects", content=content(), headers=await sign_in())
    assert_problem(answer, 413, "body-too-large")


async def test_no_content_has_no_type(client, sign_in):
    headers = await sign_in("ann")
    project = await project_of(client, headers)
    task = await task_of(client, headers, project)
    for path in (f"/tasks/{task['id']}", f"/projects/{project}"):
        answer = await client.delete(path, headers=headers)
        assert (answer.status_code, answer.content) == (204, b"")
        assert "content-type" not in answer.headers


async def test_the_description_names_the_type_of_problems(client):
    paths = (await client.get("/openapi.json")).json()["paths"]
    answers = [answer["responses"] for path in paths.values() for answer in path.values()]
    assert all(list(found[family]["content"]) == [PROBLEM] for found in answers for family in ("4XX", "5XX"))
    assert not any("422" in found for found in answers), "FastAPI's own form of errors is not what is answered"
