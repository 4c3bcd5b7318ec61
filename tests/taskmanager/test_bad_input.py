"""Every operation that takes JSON, with all that should not be in it."""

from __future__ import annotations

import json

import pytest
from tests.taskmanager.calls import PROBLEM, assert_problem
from tests.taskmanager.operations import GOOD, operations

from taskmanager.logs import configure_logs

HUGE = "x" * 999_900
WRONG = {
    "string": [7, True, [], {}, 1.5],
    "integer": ["x", [], {}, 1.5, 10**30, -(10**30)],
    "boolean": ["perhaps", [], {}, 7],
    "array": ["x", 7, {}, [{}], [[]], [None]],
}


@pytest.fixture
async def world(client, person):
    """Somebody with one of everything; fills ids into paths."""
    ann, bob = await person("ann"), await person("bob")
    await person("eve")
    project = await ann.project()
    await ann.let_in(project, bob, "viewer")
    task = await ann.task(project)
    ids = {
        "project_id": project["id"],
        "task_id": task["id"],
        "member_id": bob.id,
        "label_id": (await ann.make(f"/projects/{project['id']}/labels", {"name": "bug"}))["id"],
        "comment_id": (await ann.make(f"/tasks/{task['id']}/comments", {"body": "why?"}))["id"],
    }
    known = operations((await client.get("/openapi.json")).json())

    async def send(operation, content, content_type="application/json"):
        headers = ann.headers | {"Content-Type": content_type}
        return await client.request(operation.method, operation.path.format(**ids), content=content, headers=headers)

    return known, send


def trouble(answer):
    """What is wrong with a refusal; None when nothing is."""
    if not 400 <= answer.status_code < 500 or answer.headers.get("content-type") != PROBLEM:
        return f"{answer.status_code} {answer.headers.get('content-type')} {answer.text[:200]}"
    body = answer.json()
    if not body["code"] or body["request_id"] != answer.headers["x-request-id"]:
        return str(body)
    return "as long as what was sent" if len(answer.content) > 20_000 else None


async def test_every_operation_has_a_body_that_succeeds(world):
    known, send = world
    ours = [operation for operation in known if (operation.method, operation.path) in GOOD]
    assert {(operation.method, operation.path) for operation in ours} == set(GOOD), "an operation has gone"
    for operation in ours:
        answer = await send(operation, json.dumps(GOOD[operation.method, operation.path]))
        assert answer.status_code < 300 or operation.path == "/auth/refresh", (operation, answer.text)


def bad_values(operation, name):
    """Values that the field does not take."""
    types = operation.types(name)
    wrong = [value for kind in types & WRONG.keys() for value in WRONG[kind]]
    if "integer" not in types:
        wrong += [HUGE, "\ud800"]
        # secrets are compared, and neither kept nor shown: what is unknown is wrong anyway
        wrong += [] if name.endswith(("password", "token")) else ["\x00", "a\x1bb"]
    if not operation.nullable(name):
        wrong.append(None)
    # of an id that may be a number too, and of a date, pydantic takes what says the same
    return [value for value in wrong if not (name.endswith(("_id", "_at", "_on")) and isinstance(value, int | float))]


async def test_no_field_takes_what_it_is_not(world):
    known, send = world
    found = []
    for operation in known:
        good = GOOD.get((operation.method, operation.path), {})
        for name in operation.fields:
            for value in bad_values(operation, name):
                answer = await send(operation, json.dumps(good | {name: value}))
                if problem := trouble(answer):
                    found.append((operation.method, operation.path, name, repr(value)[:40], problem))
    assert not found, "\n".join(map(str, found))


NO_OBJECTS = {
    "nothing": (b"", "invalid-request"),
    "null": (b"null", "invalid-request"),
    "a list": (b"[]", "invalid-request"),
    "a text": (b'"x"', "invalid-request"),
    "a number": (b"7", "invalid-request"),
    "half an object": (b"{", "invalid-request"),
    "no JSON": (b"{'name': 1}", "invalid-request"),
    "no UTF-8": (b'{"\xff": 1}', "body-malformed"),
    "a number without end": (b'{"a": ' + b"9" * 5_000 + b"}", "body-malformed"),
    "a thousand lists": (b"[" * 1_000 + b"]" * 1_000, "body-malformed"),
    "a thousand objects": (b'{"a":' * 1_000 + b"1" + b"}" * 1_000, "body-malformed"),
    "lists without end": (b"[" * 400_000, "body-malformed"),
    "two hundred lists": (b"[" * 200 + b"]" * 200, "invalid-request"),
    "more than a megabyte": (b" " * 1_000_001, "body-too-large"),
}


async def test_no_operation_takes_what_is_no_object(world):
    known, send = world
    found = []
    for operation in known:
        for kind, (content, code) in NO_OBJECTS.items():
            answer = await send(operation, content)
            if (problem := trouble(answer)) or answer.json()["code"] != code:
                found.append((operation.method, operation.path, kind, problem or answer.text[:300]))
    assert not found, "\n".join(map(str, found))


async def test_no_field_is_deep_and_none_is_unknown(world):
    known, send = world
    found = []
    for operation in known:
        good = GOOD.get((operation.method, operation.path), {})
        bodies = [json.dumps(good | {name: 1}) for name in ("unknown", "id", "owner_id", "__class__", "")]
        for name in operation.fields:
            bodies.append(json.dumps(good | {name: 1})[:-2] + "[" * 900 + "]" * 900 + "}")
            bodies.append(json.dumps(good | {name: 1})[:-2] + '{"a":' * 990 + "1" + "}" * 991)
        for body in bodies:
            answer = await send(operation, body)
            if problem := trouble(answer):
                found.append((operation.method, operation.path, body[:80], problem))
    assert not found, "\n".join(map(str, found))


async def test_a_body_that_says_it_is_no_json_is_none(world):
    known, send = world
    for operation in known:
        good = json.dumps(GOOD.get((operation.method, operation.path), {}))
        for content_type in ("text/plain", "application/x-www-form-urlencoded", "application/octet-stream"):
            assert trouble(await send(operation, good, content_type)) is None, operation


async def test_headers_of_all_kinds_do_no_harm(client, person, capsys):
    configure_logs("INFO", "taskmanager-api", "v7")
    ann = await person()
    project = await ann.project()
    rubbish = [b"\x80\xff", b"a\tb", b'{"level":"error"}', b"x" * 5_000, b"%0d%0aSet-Cookie: a=b", b"", b"W/*", b"-1"]
    names = ("X-Request-Id", "If-Match", "Idempotency-Key", "X-Forwarded-For", "User-Agent", "Accept", "Cookie")
    for name in names:
        for value in rubbish:
            headers = ann.headers | {name: value}
            path = f"/projects/{project['id']}/tasks"
            for answer in (
                await client.post(path, json={"title": "x"}, headers=headers),
                await client.get("/tasks", headers=headers),
                await client.post("/auth/refresh", json={"refresh_token": "x"}, headers=headers),
            ):
                assert answer.status_code < 500, (name, value, answer.text)
                assert "set-cookie" not in answer.headers
    for bearer in (
        "Bearer",
        "Bearer ",
        "Bearer a b",
        "Bearer a.b.c",
        "Basic YTpi",
        "bearer tmk_",
        "Bearer \t",
        "Bearer tmk_" + "x" * 5_000,
    ):
        answer = await client.get("/tasks", headers={"Authorization": bearer})
        assert_problem(answer, 401, "token-missing" if answer.json()["code"] == "token-missing" else "token-invalid")
    for line in capsys.readouterr().out.splitlines():
        assert json.loads(line)["version"] == "v7", "a line of the log is one of ours"


PATHS = [
    "/tasks/%0a%7b%22event%22:%22x%22%7d",
    "/tasks/1%00",
    "/tasks/" + "9" * 400,
    "/tasks/-1",
    "/tasks/0",
    "/tasks/1e3",
    "/tasks/%F0%9F%98%80",
    "/projects/1/labels/x",
    "/tasks?cursor=" + "a" * 300,
    "/tasks?limit=1e2",
    "/tasks?sort=-id;drop",
    "/tasks?status=todo'--",
    "/tasks?project_id=" + "9" * 30,
]


async def test_paths_and_queries_of_all_kinds_do_no_harm(person):
    ann = await person()
    for path in PATHS:
        assert trouble(await ann.get(path)) is None, path
    assert await ann.ids("/tasks", q="\x00") == []


TEXTS = ["<script>alert(1)</script>", "{{7*7}}${7*7}", "=1+1", "' OR 1=1 --", "\u202egnp.exe", "é\u0301🧨", "%s%n", "../../etc/passwd"]  # fmt: skip


async def test_texts_come_back_as_they_were_sent(person):
    ann = await person()
    for said in TEXTS:
        project = await ann.project(said, description=said)
        task = await ann.task(project, said, description=said)
        label = await ann.make(f"/projects/{project['id']}/labels", {"name": said})
        comment = await ann.make(f"/tasks/{task['id']}/comments", {"body": said})
        assert [project["name"], project["description"], task["title"], task["description"]] == [said] * 4
        assert [label["name"], comment["body"]] == [said] * 2
        assert (await ann.patch("/users/me", {"name": said})).json()["name"] == said
        answer = await ann.get(f"/tasks/{task['id']}")
        assert answer.headers["content-type"] == "application/json"
        assert answer.json()["title"] == said
        assert await ann.ids("/tasks", q=said) == [task["id"]]
