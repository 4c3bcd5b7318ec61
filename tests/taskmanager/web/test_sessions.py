from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update
from tests.taskmanager.web.conftest import Visitor, problem_of, value_of

from taskmanager.housekeeping import clean_up
from taskmanager.web.browser import safe_path
from taskmanager.web.models import WebSession
from taskmanager.web.sessions import LIFETIME, LONGEST, MOST, browser_name, extended

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"


async def rows(database):
    async with database.read() as connection:
        return [dict(row) for row in (await connection.execute(select(WebSession.__table__))).mappings()]


async def change(database, **values):
    async with database.transaction() as session:
        await session.execute(update(WebSession).values(**values))


async def test_registering_signs_in_and_greets_with_the_projects(visitor):
    ann = visitor()
    page = await ann.get("/")
    assert (page.status_code, page.url.path) == (200, "/")
    await ann.get("/app/register?next=/app/settings")
    answer = await ann.post(
        "/app/register", name="Ann", email="Ann@Example.org", password="correct horse", next="/app/settings"
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/app/settings")
    assert "Ann" in await ann.read("/app/projects")
    assert (await ann.get("/")).headers["location"] == "/app/projects", "who is signed in is led on"


async def test_signing_in_and_out(visitor, ann, database):
    await ann.post("/app/sign-out")
    assert await rows(database) == []
    assert (await ann.get("/app/projects")).status_code == 303
    page = await ann.get("/app/sign-in")
    assert "You are signed out." in page.text
    assert "You are signed out." not in (await ann.get("/app/sign-in")).text, "said once"
    answer = await ann.post("/app/sign-in", email="ann@example.org", password="correct horse")
    assert (answer.status_code, answer.headers["location"]) == (303, "/app/projects")
    assert await ann.read("/app/projects")


@pytest.mark.parametrize(
    ("environment", "prefix", "secure"),
    [
        pytest.param("test", "", False, id="a laptop speaks HTTP"),
        pytest.param("staging", "__Host-", True, id="the public HTTPS alone"),
        pytest.param("production", "__Host-", True, id="production too"),
    ],
)
async def test_cookies_are_no_script_s_business(start, environment, prefix, secure):
    app = (await start(environment=environment))._transport.app
    async with Visitor(app).client as client:
        answer = await client.get("https://api/")
        visit = answer.headers["set-cookie"]
        token = value_of(answer.text, "form_token")
        fields = {"form_token": token, "email": "a@b.cd", "name": "A", "password": "correct horse"}
        answer = await client.post("https://api/app/register", data=fields)
        session = next(one for one in answer.headers.get_list("set-cookie") if "session=" in one)
    assert visit.startswith(f"{prefix}tm_visit=")
    assert session.startswith(f"{prefix}tm_session=")
    for cookie in (visit, session):
        parts = {part.strip() for part in cookie.split(";")[1:]}
        assert {"HttpOnly", "Path=/", "SameSite=lax"} <= parts
        assert ("Secure" in parts) is secure
        assert not any(part.startswith("Domain") for part in parts)
    assert f"Max-Age={int(LIFETIME.total_seconds())}" in session


async def test_the_database_knows_no_token(ann, database):
    [row] = await rows(database)
    token = ann.client.cookies["tm_session"]
    assert len(token) >= 43
    assert token not in str(row)


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        pytest.param({"password": "wrong horse"}, 401, "Address or password is wrong.", id="a wrong password"),
        pytest.param({"email": "who@example.org"}, 401, "Address or password is wrong.", id="somebody unknown"),
        pytest.param({"email": "nobody"}, 422, "Write an address such as ann@example.org.", id="no address"),
        pytest.param({"password": "x" * 257}, 422, "At most 256 characters.", id="too much"),
    ],
)
async def test_a_sign_in_that_fails_keeps_the_address_and_no_password(visitor, ann, fields, status, said):
    other = visitor()
    await other.get("/app/sign-in")
    known = {"email": "ann@example.org", "password": "correct horse", "next": "/app/settings"} | fields
    answer = await other.post("/app/sign-in", known)
    assert (answer.status_code, problem_of(answer)) == (status, said)
    assert value_of(answer.text, "email") == known["email"]
    assert value_of(answer.text, "next") == "/app/settings"
    assert known["password"] not in answer.text
    assert other.client.cookies.get("tm_session") is None


async def test_registering_twice_is_refused_beside_the_field(visitor, ann):
    other = visitor()
    await other.get("/app/register")
    answer = await other.post("/app/register", email="ann@example.org", name="Other", password="correct horse")
    assert (answer.status_code, problem_of(answer)) == (409, "This address is registered already.")
    assert 'aria-describedby="email-error" aria-invalid="true"' in answer.text
    answer = await other.post("/app/register", email="x@example.org", name=" ", password="short")
    assert answer.status_code == 422
    assert problem_of(answer) == "Fill this in. | At least 10 characters."


async def test_failed_sign_ins_are_limited_as_those_of_the_api(start):
    client = await start(rate_limit_account=3, rate_limit_address=100)
    ann = Visitor(client._transport.app)
    await ann.get("/app/sign-in")
    for status in (401, 401, 401, 429):
        answer = await ann.post("/app/sign-in", email="ann@example.org", password="wrong horse")
        assert answer.status_code == status
    assert answer.headers["retry-after"]
    assert "Too many requests" in answer.text
    both = {"email": "ann@example.org", "password": "wrong horse"}
    assert (await client.post("/login", json=both)).status_code == 429, "counted together"
    await ann.client.aclose()


async def test_sign_ins_from_an_address_are_limited(start):
    ann = Visitor((await start(rate_limit_address=2))._transport.app)
    await ann.get("/app/sign-in")
    statuses = [(await ann.post("/app/sign-in", email="a@b.cd", password="x")).status_code for _ in range(3)]
    assert statuses == [401, 401, 429]
    await ann.client.aclose()


async def test_an_expired_session_leads_to_signing_in_and_back_to_the_page(ann, database):
    path = await ann.project()
    await change(database, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    answer = await ann.get(f"{path}?mine=1&sort=due")
    assert answer.status_code == 303
    back = answer.headers["location"]
    assert back == f"/app/sign-in?next={path}%3Fmine%3D1%26sort%3Ddue"
    page = await ann.get(back)
    answer = await ann.post(
        "/app/sign-in", email="ann@example.org", password="correct horse", next=value_of(page.text, "next")
    )
    assert answer.headers["location"] == f"{path}?mine=1&sort=due"


async def test_a_form_of_an_expired_session_leads_back_to_its_page(ann, database):
    path = await ann.project()
    await change(database, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    for headers, status, name in (
        ({"Referer": f"http://api{path}"}, 303, "location"),
        ({"HX-Request": "true", "HX-Current-URL": f"http://api{path}"}, 401, "hx-redirect"),
    ):
        answer = await ann.post(f"{path}/tasks", title="dig", headers=headers)
        assert (answer.status_code, answer.headers[name]) == (status, f"/app/sign-in?next={path}")
    answer = await ann.post(f"{path}/tasks", title="dig", headers={"Referer": "http://evil.example/app/x"})
    assert answer.headers["location"] == "/app/sign-in"


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        pytest.param("/app/tasks/5?x=1#y", "/app/tasks/5?x=1#y", id="a page of ours"),
        pytest.param("//evil.example", None, id="another host"),
        pytest.param("https://evil.example/app/x", None, id="another site"),
        pytest.param("/app//evil.example", None, id="two slashes"),
        pytest.param("/app/../x", None, id="out of the pages"),
        pytest.param("/app/\\evil.example", None, id="a backslash"),
        pytest.param("/app/\r\nSet-Cookie: x=1", None, id="a line break"),
        pytest.param("/projects", None, id="the API"),
        pytest.param("javascript:alert(1)", None, id="a script"),
        pytest.param("/app/" + "x" * 1000, None, id="too long"),
        pytest.param(None, None, id="nothing"),
    ],
)
def test_where_one_may_be_led(wanted, expected):
    assert safe_path(wanted) == (expected or "/app/projects")


async def test_nobody_is_led_to_another_site(visitor, ann):
    for path in ("//evil.example", "https://evil.example/app/"):
        assert (await ann.get(f"/app/sign-in?next={path}")).headers["location"] == "/app/projects"
        other = visitor()
        page = await other.get(f"/app/sign-in?next={path}")
        assert value_of(page.text, "next") == "/app/projects"
        answer = await other.post("/app/sign-in", email="ann@example.org", password="correct horse", next=path)
        assert answer.headers["location"] == "/app/projects"


async def test_a_session_that_is_used_lives_on(ann, database):
    seen = datetime.now(UTC) - timedelta(days=1)
    await change(database, last_seen_at=seen, expires_at=datetime.now(UTC) + timedelta(days=1))
    answer = await ann.get("/app/unread")
    assert "set-cookie" not in answer.headers, "what a page asks by itself keeps nobody signed in"
    assert (await rows(database))[0]["last_seen_at"] == seen
    answer = await ann.get("/app/projects")
    assert "tm_session=" in answer.headers["set-cookie"]
    [row] = await rows(database)
    assert row["expires_at"] > datetime.now(UTC) + LIFETIME - timedelta(minutes=1)
    assert "set-cookie" not in (await ann.get("/app/projects")).headers


async def test_a_sign_out_sends_no_cookie_after_the_session(ann, database):
    await change(database, last_seen_at=datetime.now(UTC) - timedelta(days=1))
    answer = await ann.post("/app/sign-out")
    assert [one.split("=")[1][:2] for one in answer.headers.get_list("set-cookie") if "tm_session" in one] == ['""']


@pytest.mark.parametrize(
    ("age", "expected"),
    [(timedelta(0), LIFETIME), (LONGEST - timedelta(days=1), timedelta(days=1)), (LONGEST, timedelta(0))],
    ids=["from its use", "never beyond its longest", "not at all at its end"],
)
def test_how_long_a_session_lives_on(age, expected):
    assert extended(NOW - age, NOW) - NOW == expected


async def test_a_user_has_so_many_sessions(visitor, database, monkeypatch):
    monkeypatch.setattr("taskmanager.web.sessions.MOST", 3)
    first = await visitor().register("ann")
    for _ in range(3):
        other = visitor()
        await other.get("/app/sign-in")
        await other.post("/app/sign-in", email="ann@example.org", password="correct horse")
    assert len(await rows(database)) == 3 < MOST
    assert (await first.get("/app/projects")).status_code == 303
    assert (await other.get("/app/projects")).status_code == 200


async def test_expired_sessions_are_cleaned_up(ann, eve, database):
    past = datetime.now(UTC) - timedelta(days=1)
    async with database.transaction() as session:
        await session.execute(
            update(WebSession).where(WebSession.id == (await rows(database))[0]["id"]).values(expires_at=past)
        )
    await clean_up(database)
    assert len(await rows(database)) == 1
    assert {(await one.get("/app/projects")).status_code for one in (ann, eve)} == {200, 303}


@pytest.mark.parametrize(
    ("user_agent", "expected"),
    [
        (CHROME, "Chrome on Linux"),
        (CHROME + " Edg/156.0", "Edge on Linux"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 14.1; rv:150.0) Gecko/20100101 Firefox/150.0", "Firefox on a Mac"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Safari/604.1", "Safari on an iPhone"),
        ("curl/8.5.0", "curl"),
        ("<script>alert(1)</script>", "unknown"),
        ("x" * 500, "x" * 120),
        ("", "unknown"),
    ],
)
def test_a_browser_is_recognised_by_its_user(user_agent, expected):
    assert browser_name(user_agent) == expected


async def test_an_api_token_opens_no_page(client, sign_in):
    assert (await client.get("/app/projects", headers=await sign_in())).status_code == 303
