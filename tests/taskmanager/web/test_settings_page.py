from __future__ import annotations

import re

from tests.taskmanager.web.conftest import found, plain, problem_of


async def test_the_profile(ann):
    page = await ann.post("/app/settings/profile", name="Ann L", time_zone="Asia/Tokyo", follow=True)
    assert "<option selected>Asia/Tokyo" in page.text
    assert "Ann L" in page.text
    for fields, said in (
        ({"name": "", "time_zone": "UTC"}, "Fill this in."),
        (
            {"name": "x", "time_zone": "Moon/Crater"},
            "There is no such time zone; write one of the IANA's, such as Europe/Berlin.",
        ),
    ):
        answer = await ann.post("/app/settings/profile", fields)
        assert (answer.status_code, problem_of(answer)) == (422, said)


async def test_a_password_change_ends_all_other_sessions(visitor, ann, client):
    other = visitor()
    await other.get("/app/sign-in")
    await other.post("/app/sign-in", email="ann@example.org", password="correct horse")
    login = (await client.post("/login", json={"email": "ann@example.org", "password": "correct horse"})).json()
    for fields, status, said in (
        ({"old_password": "wrong", "new_password": "battery staple"}, 403, "The old password is wrong."),
        ({"old_password": "correct horse", "new_password": "short"}, 422, "At least 10 characters."),
    ):
        answer = await ann.post("/app/settings/password", fields)
        assert (answer.status_code, problem_of(answer)) == (status, said)
    before = ann.client.cookies["tm_session"]
    page = await ann.post(
        "/app/settings/password", old_password="correct horse", new_password="battery staple", follow=True
    )
    assert "Your password is changed." in page.text
    assert ann.client.cookies["tm_session"] != before
    assert (await other.get("/app/projects")).status_code == 303
    assert (await visitor(Cookie=f"tm_session={before}").get("/app/projects")).status_code == 303
    assert (await client.post("/auth/refresh", json={"refresh_token": login["refresh_token"]})).status_code == 401


async def test_a_password_change_by_the_api_ends_the_browsers_too(ann, client):
    login = (await client.post("/login", json={"email": "ann@example.org", "password": "correct horse"})).json()
    body = {"old_password": "correct horse", "new_password": "battery staple"}
    headers = {"Authorization": f"Bearer {login['access_token']}"}
    assert (await client.post("/users/me/password", json=body, headers=headers)).status_code == 204
    assert (await ann.get("/app/projects")).status_code == 303


async def test_api_tokens_are_shown_once(ann, client):
    assert "You have no token." in await ann.read("/app/settings")
    answer = await ann.post("/app/settings/tokens", token_name="CI", scopes="both", days="7")
    assert answer.status_code == 200
    secret = found(r'value="(tmk_[^"]+)"', answer.text)
    assert (await client.get("/projects", headers={"Authorization": f"Bearer {secret}"})).status_code == 200
    page = await ann.read("/app/settings")
    assert secret not in page
    assert "may read and write" in page
    path = found(r'action="(/app/settings/tokens/\d+/delete)"', page)
    await ann.post(path, follow=True)
    assert (await client.get("/projects", headers={"Authorization": f"Bearer {secret}"})).status_code == 401
    for fields, said in (({"token_name": ""}, "Fill this in."), ({"token_name": "x", "scopes": "all"}, "Fill this in."), ({"token_name": "x", "days": "400"}, "Input should be less than or equal to 366.")):  # fmt: skip
        answer = await ann.post("/app/settings/tokens", fields)
        assert (answer.status_code, problem_of(answer)) == (422, said)


async def test_sessions_are_ended_one_by_one_or_all(visitor, ann):
    other = visitor(**{"User-Agent": "curl/8"})
    await other.get("/app/sign-in")
    await other.post("/app/sign-in", email="ann@example.org", password="correct horse")
    page = await ann.read("/app/settings")
    assert "curl" in plain(page)
    [path] = set(re.findall(r'action="(/app/settings/sessions/\d+/end)"', page))
    await ann.post(path, follow=True)
    assert (await other.get("/app/projects")).status_code == 303
    page = await ann.post("/app/settings/sessions/end-all", follow=True)
    assert "You are signed out in every browser and program." in page.text
    assert (await ann.get("/app/projects")).status_code == 303
