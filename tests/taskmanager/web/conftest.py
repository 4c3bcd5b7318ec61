from __future__ import annotations

import html
import re

import httpx
import pytest

TOKEN = re.compile(r'name="form_token" value="([0-9a-f]{64})"')


class Visitor:
    """A browser without JavaScript: it keeps cookies, and sends forms with what they hide."""

    def __init__(self, app, **headers):
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://api", headers=headers)
        self.token = ""

    async def get(self, path, **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await self.client.get(path, headers=named)
        if token := TOKEN.search(answer.text):
            self.token = token[1]
        return answer

    async def post(self, path, fields=None, *, follow=False, headers=None, **more):
        """Send a form; `follow` goes where the answer leads."""
        values = {"form_token": self.token, **(fields or {}), **more}
        answer = await self.client.post(path, data=values, headers=headers)
        if follow:
            assert answer.status_code == 303, (answer.status_code, problem_of(answer))
            answer = await self.get(answer.headers["location"])
            assert answer.status_code == 200, answer.text
        return answer

    async def read(self, path):
        answer = await self.get(path)
        assert answer.status_code == 200, (answer.status_code, problem_of(answer))
        return answer.text

    async def register(self, name="ann", **fields):
        await self.get("/app/register")
        known = {"email": f"{name}@example.org", "name": name, "password": "correct horse"} | fields
        answer = await self.post("/app/register", known)
        assert answer.status_code == 303, problem_of(answer)
        await self.get("/app/projects")
        return self

    async def project(self, name="Garden", **fields):
        """The path of a new one."""
        answer = await self.post("/app/projects", name=name, **fields)
        assert answer.status_code == 303, problem_of(answer)
        return answer.headers["location"]

    async def task(self, project, title="dig"):
        """The path of a new one."""
        page = await self.post(f"{project}/tasks", title=title, follow=True)
        return re.findall(r'href="(/app/tasks/\d+)"', page.text)[0]


def problem_of(answer):
    """What a page says was wrong, in one text without markup."""
    said = re.findall(
        r'(?:class="error"|id="problem"|class="notice bad"[^>]*)[^>]*>(.*?)</(?:p|div)>', answer.text, re.DOTALL
    )
    return " | ".join(plain(text) for text in said)


def plain(markup):
    """The text of a piece of a page."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", markup)).split())


def found(pattern, page, group=1):
    """What the pattern has found in the page: it is there."""
    match = re.search(pattern, page, re.DOTALL)
    assert match is not None, pattern
    return match[group]


def value_of(page, name):
    """What a field of a page holds."""
    return html.unescape(found(rf'name="{name}"[^>]* value="([^"]*)"', page))


@pytest.fixture
async def visitor(client):
    """Makes browsers; all ask one application."""
    made = []

    def make(**headers):
        made.append(Visitor(client._transport.app, **headers))
        return made[-1]

    yield make
    for one in made:
        await one.client.aclose()


@pytest.fixture
async def ann(visitor):
    return await visitor().register("ann")


@pytest.fixture
async def eve(visitor):
    """Somebody who is in nobody's project."""
    return await visitor().register("eve")
