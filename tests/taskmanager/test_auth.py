from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from tests.taskmanager.calls import Person, assert_problem

from taskmanager.apitokens import service as apitokens
from taskmanager.apitokens.service import scope_refusal
from taskmanager.sessions import service as sessions
from taskmanager.sessions.rotation import GRACE, Shown, Verdict, judge
from taskmanager.users.zones import zone_named

T0 = datetime(2027, 3, 1, 12, tzinfo=UTC)
ANN = {"email": "ann@example.org", "password": "correct horse"}


@pytest.mark.parametrize(
    ("facts", "verdict"),
    [
        pytest.param({}, Verdict.ROTATE, id="an unused token is changed for a new one"),
        pytest.param({"expires_at": T0}, Verdict.ENDED, id="too late"),
        pytest.param({"is_revoked": True}, Verdict.ENDED, id="signed out"),
        pytest.param({"used_at": T0 - GRACE, "is_same_client": True}, Verdict.RETRY, id="the answer was lost, and the client tries again"),
        pytest.param({"used_at": T0 - GRACE - timedelta(microseconds=1), "is_same_client": True}, Verdict.REUSED, id="not after the grace"),
        pytest.param({"used_at": T0}, Verdict.REUSED, id="another client has it too"),
        pytest.param({"used_at": T0, "is_same_client": True, "is_successor_used": True}, Verdict.REUSED, id="the answer was not lost: its token was used"),
        pytest.param({"used_at": T0, "is_revoked": True}, Verdict.ENDED, id="a family ends once"),
    ],
)  # fmt: skip
def test_what_comes_of_a_refresh_token(facts, verdict):
    good = {"is_revoked": False, "expires_at": T0 + timedelta(days=1), "used_at": None}
    shown = Shown(**(good | {"is_same_client": False, "is_successor_used": False} | facts))
    assert judge(shown, T0) is verdict


@pytest.mark.parametrize(
    ("scopes", "method", "refused"),
    [
        (["read"], "GET", False),
        (["read"], "POST", True),
        (["write"], "PATCH", False),
        (["write"], "DELETE", False),
        (["write"], "GET", True),
        (["read", "write"], "POST", False),
    ],
)
def test_what_a_scope_allows(scopes, method, refused):
    assert (scope_refusal(scopes, method) is not None) is refused


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("Europe/Berlin", True),
        ("UTC", True),
        ("europe/berlin", False),
        ("Mars/Olympus", False),
        ("../../etc/passwd", False),
        ("/etc/localtime", False),
        ("", False),
    ],
)
def test_zones_are_those_of_the_iana(name, known):
    assert (zone_named(name) is not None) is known


@pytest.fixture
def call(client):
    async def post(path, refresh_token, agent="app/1"):
        return await client.post(path, json={"refresh_token": refresh_token}, headers={"User-Agent": agent})

    return post


@pytest.fixture
async def signed_in(client, sign_in):
    await sign_in()
    return (await client.post("/login", json=ANN)).json()


async def test_a_sign_in_is_refreshed_again_and_again(client, signed_in, call):
    assert (signed_in["token_type"], signed_in["expires_in"]) == ("bearer", 900)
    token = signed_in["refresh_token"]
    for _ in range(3):
        answer = await call("/auth/refresh", token)
        assert answer.status_code == 200, answer.text
        assert set(answer.json()) == set(signed_in)
        assert answer.json()["refresh_token"] != token
        token = answer.json()["refresh_token"]
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    assert (await client.get("/users/me", headers=headers)).json()["email"] == ANN["email"]


async def test_a_stolen_token_ends_its_family_and_no_other(client, signed_in, call):
    other = (await client.post("/login", json=ANN)).json()["refresh_token"]
    first = signed_in["refresh_token"]
    second = (await call("/auth/refresh", first)).json()["refresh_token"]
    assert_problem(await call("/auth/refresh", first, agent="thief/1"), 401, "refresh-token-reused")
    assert_problem(await call("/auth/refresh", second), 401, "refresh-token-invalid")
    assert_problem(await call("/auth/refresh", first), 401, "refresh-token-invalid")
    assert (await call("/auth/refresh", other)).status_code == 200


async def test_a_client_whose_answer_was_lost_tries_again(signed_in, call):
    first = signed_in["refresh_token"]
    lost = (await call("/auth/refresh", first)).json()["refresh_token"]
    got = (await call("/auth/refresh", first)).json()["refresh_token"]
    assert (await call("/auth/refresh", got)).status_code == 200
    # what was lost counts as used with it: whoever found it is not let in for long
    assert_problem(await call("/auth/refresh", lost, agent="thief/1"), 401, "refresh-token-reused")


async def test_of_two_requests_at_once_none_signs_out(signed_in, call):
    first = signed_in["refresh_token"]
    answers = await asyncio.gather(*(call("/auth/refresh", first) for _ in range(4)))
    assert [answer.status_code for answer in answers] == [200] * 4
    assert (await call("/auth/refresh", answers[0].json()["refresh_token"])).status_code == 200


async def test_after_the_grace_the_same_client_is_a_thief_too(signed_in, call, database):
    first = signed_in["refresh_token"]
    await call("/auth/refresh", first)
    async with database.transaction() as session:
        await session.execute(
            text("UPDATE refresh_tokens SET used_at = '2026-01-01 00:00:00.000000' WHERE used_at IS NOT NULL")
        )
    assert_problem(await call("/auth/refresh", first), 401, "refresh-token-reused")


async def test_an_old_sign_in_has_ended(signed_in, call, database):
    async with database.transaction() as session:
        await session.execute(text("UPDATE refresh_families SET expires_at = '2026-01-01 00:00:00.000000'"))
    assert_problem(await call("/auth/refresh", signed_in["refresh_token"]), 401, "refresh-token-invalid")


async def test_who_signs_out_is_signed_out(signed_in, call):
    token = signed_in["refresh_token"]
    for _ in range(2):
        assert (await call("/auth/logout", token)).status_code == 204
    assert_problem(await call("/auth/refresh", token), 401, "refresh-token-invalid")
    assert (await call("/auth/logout", "tmr_none")).status_code == 204
    assert_problem(await call("/auth/refresh", "tmr_none"), 401, "refresh-token-invalid")


async def test_tokens_are_kept_as_hashes_and_sign_ins_are_few(client, signed_in, call, database, monkeypatch):
    monkeypatch.setattr(sessions, "MOST_FAMILIES", 2)
    later = [(await client.post("/login", json=ANN)).json()["refresh_token"] for _ in range(2)]
    assert_problem(await call("/auth/refresh", signed_in["refresh_token"]), 401, "refresh-token-invalid")
    for token in later:
        assert (await call("/auth/refresh", token)).status_code == 200
    async with database.read() as connection:
        rows = (await connection.execute(text("SELECT * FROM refresh_tokens"))).all()
    assert "tmr_" not in str(rows)
    assert later[0].removeprefix("tmr_") not in str(rows)


async def test_a_profile_has_a_name_and_a_time_zone(person):
    ann = await person("ann")
    assert (await ann.read("/users/me"))["time_zone"] == "UTC"
    changed = await ann.patch("/users/me", {"name": "Ann B.", "time_zone": "Pacific/Auckland"})
    assert (changed.json()["name"], changed.json()["time_zone"]) == ("Ann B.", "Pacific/Auckland")
    assert (await ann.patch("/users/me", {})).json() == changed.json()
    for wrong in ({"time_zone": "Mars/Olympus"}, {"time_zone": None}, {"name": " "}, {"email": "x@y.z"}):
        assert_problem(await ann.patch("/users/me", wrong), 422, "invalid-request")


async def test_another_password_needs_the_old_one_and_ends_all_sign_ins(client, person, signed_in, call):
    ann = Person(client, {"Authorization": f"Bearer {signed_in['access_token']}"}, "1", ANN["email"])
    path, new = "/users/me/password", "another horse"
    assert_problem(await ann.post(path, {"old_password": "wrong", "new_password": new}), 403, "password-wrong")
    assert_problem(
        await ann.post(path, {"old_password": ANN["password"], "new_password": "short"}), 422, "invalid-request"
    )
    assert (await call("/auth/refresh", signed_in["refresh_token"])).status_code == 200
    assert (await ann.post(path, {"old_password": ANN["password"], "new_password": new})).status_code == 204
    assert_problem(await client.post("/login", json=ANN), 401, "login-failed")
    assert (await client.post("/login", json=ANN | {"password": new})).status_code == 200
    assert_problem(await call("/auth/refresh", signed_in["refresh_token"]), 401, "refresh-token-invalid")


async def test_an_api_token_asks_for_its_user_within_its_scopes(client, person, database, monkeypatch):
    ann, bob = await person("ann"), await person("bob")
    project = await ann.project()
    made = await ann.make("/tokens", {"name": "CI", "scopes": ["read"], "expires_in_days": 30})
    assert made["token"].startswith("tmk_")
    listed = (await ann.read("/tokens"))["results"]
    assert listed == [{name: value for name, value in made.items() if name != "token"}]

    def program(token):
        return Person(client, {"Authorization": f"Bearer {token}"}, ann.id, ann.email)

    reader = program(made["token"])
    assert await reader.ids("/projects") == [project["id"]]
    assert_problem(await reader.post("/projects", {"name": "x"}), 403, "scope-missing")
    both = program(
        (
            await ann.make(
                "/tokens",
                {
                    "name": "bot",
                    "scopes": [
                        "write",
                        "read",
                    ][:2],
                },
            )
        )["token"]
    )
    await both.task(project)
    for method, path, body in (
        ("POST", "/tokens", {"name": "more"}),
        ("GET", "/tokens", None),
        ("DELETE", f"/tokens/{made['id']}", None),
        ("POST", "/users/me/password", {"old_password": ANN["password"], "new_password": "another horse"}),
    ):
        assert_problem(await both.call(method, path, body), 403, "sign-in-needed")
    assert_problem(await bob.delete(f"/tokens/{made['id']}"), 404, "token-not-found")
    assert (await ann.delete(f"/tokens/{made['id']}")).status_code == 204
    assert_problem(await reader.get("/projects"), 401, "token-invalid")
    assert_problem(await program("tmk_forged").get("/projects"), 401, "token-invalid")
    async with database.transaction() as session:
        hashes = (await session.execute(text("SELECT token_hash FROM api_tokens"))).scalars().all()
        await session.execute(text("UPDATE api_tokens SET expires_at = '2026-01-01 00:00:00.000000'"))
    assert "tmk_" not in str(hashes)
    assert_problem(await both.get("/projects"), 401, "token-expired")
    monkeypatch.setattr(apitokens, "MOST_TOKENS", 1)
    await ann.make("/tokens", {"name": "takes the place of one that has expired"})
    assert_problem(await ann.post("/tokens", {"name": "x"}), 409, "too-many-tokens")
    for field, value in (("scopes", []), ("scopes", ["admin"]), ("expires_in_days", 0), ("expires_in_days", 367)):
        assert_problem(await ann.post("/tokens", {"name": "x", field: value}), 422, "invalid-request")
