from __future__ import annotations

import re

import pytest
from sqlalchemy import select
from tests.taskmanager.web.conftest import Visitor, problem_of

from taskmanager.web.models import WebSession
from taskmanager.web.router import router as pages

PAGES = [
    "/app/projects",
    "/app/projects?archived=1",
    "{project}",
    "{project}/members",
    "{project}/labels",
    "{project}/exports",
    "{project}/activity",
    "{project}/settings",
    "{task}",
    "/app/notifications",
    "/app/settings",
]
FORMS = [
    ("/app/projects", {"name": "Garden"}),
    ("{project}/tasks", {"title": "dig"}),
    ("{project}/settings", {"name": "Garden"}),
    ("{project}/archive", {}),
    ("{project}/restore", {}),
    ("{project}/delete", {"confirm": "GAR"}),
    ("{project}/members", {"email": "bob@example.org"}),
    ("{project}/members/1", {"role": "viewer"}),
    ("{project}/members/1/remove", {}),
    ("{project}/labels", {"name": "bug"}),
    ("{project}/labels/1", {"name": "bug", "colour": "#000000"}),
    ("{project}/labels/1/delete", {}),
    ("{project}/exports", {"format": "csv"}),
    ("{task}", {"title": "dig"}),
    ("{task}/status", {"status": "done"}),
    ("{task}/subtasks", {"title": "dig"}),
    ("{task}/delete", {}),
    ("{task}/comments", {"body": "why?"}),
    ("{task}/comments/1", {"body": "why?"}),
    ("{task}/comments/1/delete", {}),
    ("{task}/reminders", {"remind_day": "2027-01-01", "remind_time": "10:00"}),
    ("{task}/reminders/1/delete", {}),
    ("/app/notifications/1/read", {}),
    ("/app/notifications/read-all", {}),
    ("/app/settings/profile", {"name": "x"}),
    ("/app/settings/password", {"old_password": "correct horse", "new_password": "correct horses"}),
    ("/app/settings/tokens", {"token_name": "x"}),
    ("/app/settings/tokens/1/delete", {}),
    ("/app/settings/sessions/1/end", {}),
    ("/app/settings/sessions/end-all", {}),
    ("/app/sign-out", {}),
]


@pytest.fixture
async def paths(ann):
    project = await ann.project()
    return {"project": project, "task": await ann.task(project)}


def test_every_form_is_in_the_list():
    known = {path.format(project="/app/projects/{project_id}", task="/app/tasks/{task_id}") for path, _ in FORMS}
    known = {re.sub(r"/1(?=/|$)", "/{}", path) for path in known} | {"/app/sign-in", "/app/register"}
    routers = [included.original_router for included in pages.routes]  # type: ignore[attr-defined]
    there = {route.path for one in routers for route in one.routes if "POST" in route.methods}
    names = "member|label|comment|reminder|notification|token|session"
    assert {re.sub(rf"\{{(?:{names})_id\}}", "{}", path) for path in there} == known


async def test_no_form_is_taken_without_its_token(ann, paths):
    for path, fields in FORMS:
        for token in ("", "0" * 64, "é"):
            answer = await ann.post(path.format(**paths), fields, form_token=token)
            assert (answer.status_code, "nothing was changed" in problem_of(answer)) == (403, True), path


async def test_no_form_is_taken_with_the_token_of_another_session(visitor, ann, paths):
    other = visitor()
    await other.get("/app/sign-in")
    await other.post("/app/sign-in", email="ann@example.org", password="correct horse")
    await other.get("/app/projects")
    assert other.token != ann.token
    for path, fields in FORMS:
        answer = await ann.post(path.format(**paths), fields, form_token=other.token)
        assert answer.status_code == 403, path
    assert (await ann.post("/app/projects", name="Orchard")).status_code == 303, "nothing has ended"


async def test_no_form_of_another_site_is_taken(ann, paths):
    for path, fields in FORMS:
        answer = await ann.post(path.format(**paths), fields, headers={"Sec-Fetch-Site": "cross-site"})
        assert (answer.status_code, "Another site sent this form" in problem_of(answer)) == (403, True), path
    for site in ("same-origin", "none"):
        answer = await ann.post("/app/projects", name="Orchard", headers={"Sec-Fetch-Site": site})
        assert answer.status_code == 303


async def test_no_form_is_taken_of_nobody(visitor, ann, paths):
    for path, fields in FORMS:
        answer = await visitor().post(path.format(**paths), fields, form_token=ann.token)
        assert (answer.status_code, answer.headers["location"]) == (303, "/app/sign-in"), path


async def test_signing_in_needs_the_token_of_the_visit(visitor):
    for path in ("/app/sign-in", "/app/register"):
        fields = {"email": "a@b.cd", "name": "A", "password": "correct horse"}
        one, other = visitor(), visitor()
        answer = await one.post(path, fields)
        assert (answer.status_code, "allow them for this site" in problem_of(answer)) == (403, True)
        await one.get(path)
        await other.get(path)
        assert (await one.post(path, fields, form_token=other.token)).status_code == 403
        answer = await one.post(path, fields, headers={"Sec-Fetch-Site": "cross-site"})
        assert answer.status_code == 403


async def test_htmx_sends_the_token_in_a_header(ann):
    answer = await ann.client.post("/app/projects", data={"name": "Garden"}, headers={"X-Form-Token": ann.token})
    assert answer.status_code == 303
    answer = await ann.client.post("/app/projects", data={"name": "Garden"}, headers={"X-Form-Token": "0" * 64})
    assert answer.status_code == 403


async def test_a_stranger_learns_of_nothing(ann, eve, paths):
    for path in PAGES:
        if "{" in path:
            answer = await eve.get(path.format(**paths))
            assert (answer.status_code, "There is no such" in problem_of(answer)) == (404, True), path
    for path, fields in FORMS:
        if "{" in path:
            answer = await eve.post(path.format(**paths), fields)
            assert answer.status_code == 404, path
    for path in ("/app/notifications/1/read", "/app/settings/tokens/1/delete", "/app/exports/1/download"):
        send = eve.get if path.endswith("download") else eve.post
        assert (await send(path)).status_code == 404, path


async def test_nobody_ends_the_session_of_another(ann, eve, database):
    async with database.read() as connection:
        ids = list(await connection.scalars(select(WebSession.id)))
    assert len(ids) == 2
    statuses = {(await eve.post(f"/app/settings/sessions/{one}/end")).status_code for one in sorted(ids)}
    assert statuses == {404, 303}
    assert (await ann.get("/app/projects")).status_code == 200
    assert (await eve.get("/app/projects")).status_code == 303


async def test_every_page_has_the_headers(visitor, ann, paths):
    answers = [await ann.get(path.format(**paths)) for path in PAGES]
    answers += [await visitor().get(path) for path in ("/", "/app/sign-in", "/app/register", "/app/settings")]
    answers += [await ann.get(path) for path in ("/app", "/app/nowhere", "/app/tasks/x", "/app/unread")]
    answers.append(await ann.post("/app/projects", name=""))
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';"), answer.url
        assert "unsafe" not in policy
        assert answer.headers["cache-control"] == "private, no-store", answer.url
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert "Cookie" in answer.headers["vary"]
        if answer.text:
            assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert [answer.status_code for answer in answers[len(PAGES) + 4 : -2]] == [404, 404, 404]


async def test_every_page_has_one_heading_labels_and_no_script_of_its_own(visitor, ann, paths):
    texts = [await ann.read(path.format(**paths)) for path in PAGES]
    texts += [await visitor().read(path) for path in ("/", "/app/register")]
    for page in texts:
        assert len(re.findall("<h1", page)) == 1
        assert not re.search(r"<script(?![^>]* src=)| on[a-z]+=\"| style=\"|<style", page)
        ids = re.findall(r' id="([^"]+)"', page)
        assert len(ids) == len(set(ids)), "an id twice"
        labelled = set(re.findall(r'<label[^>]* for="([^"]+)"', page))
        for control in re.findall(r"<(?:input|select|textarea)[^>]*>", page):
            own = re.search(r' id="([^"]+)"', control)
            assert 'type="hidden"' in control or 'type="checkbox"' in control or (own and own[1] in labelled), control
        for described in re.findall(r'aria-(?:describedby|labelledby)="([^"]+)"', page):
            assert set(described.split()) <= set(ids)


async def test_what_cannot_be_read_is_no_form(ann):
    for content, kind, status in (
        (b"{}", "application/json", 403),
        (b"\xff\xfe", "application/x-www-form-urlencoded", 403),
        (b"no boundary", "multipart/form-data", 400),
        (b"x" * 1_000_001, "application/x-www-form-urlencoded", 413),
        (b"&".join(b"a=1" for _ in range(501)), "application/x-www-form-urlencoded", 400),
    ):
        answer = await ann.client.post("/app/projects", content=content, headers={"Content-Type": kind})
        assert (answer.status_code, "<h1>" in answer.text) == (status, True), (kind, answer.text)


async def test_a_problem_is_told_to_htmx_on_the_page_that_is_there(ann):
    answer = await ann.client.post("/app/projects/999/tasks", data={"title": "dig"}, headers={"X-Form-Token": ann.token, "HX-Request": "true"})  # fmt: skip
    assert answer.status_code == 404
    assert (answer.headers["hx-retarget"], answer.headers["hx-reselect"]) == ("#said", "#problem")
    assert 'id="problem"' in answer.text


async def test_without_a_database_there_is_still_a_page(start, tmp_path):
    ann = Visitor((await start(database_url=f"sqlite:///{tmp_path}/new.db"))._transport.app)
    assert (await ann.get("/")).status_code == 200
    answer = await ann.post("/app/sign-in", email="a@b.cd", password="correct horse")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert "The database does not answer; try again." in problem_of(answer)
    await ann.client.aclose()


async def test_an_error_that_nobody_expected_is_a_page_without_its_text(ann, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("secret")

    monkeypatch.setattr("taskmanager.projects.service.create_project", fail)
    answer = await ann.post("/app/projects", name="Garden")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "An error happened; it has been noted." in problem_of(answer)
