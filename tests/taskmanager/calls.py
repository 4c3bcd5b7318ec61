"""Somebody who is signed in, as the tests of the API call in their name."""

from __future__ import annotations

PROBLEM = "application/problem+json"


def assert_problem(answer, status, code):
    """The answer is this refusal, in the form that all refusals have."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM), answer.text
    body = answer.json()
    assert (body["status"], body["code"]) == (status, code)
    assert body["request_id"] == answer.headers["x-request-id"]


class Person:
    """Calls the API; `id` is theirs."""

    def __init__(self, client, headers, id_, email):
        self.client, self.headers, self.id, self.email = client, headers, id_, email

    async def call(self, method, path, body=None, **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.request(method, path, json=body, headers=self.headers | named)

    async def get(self, path, **parameters):
        # without parameters the query of the path itself stays
        return await self.client.get(path, params=parameters or None, headers=self.headers)

    async def post(self, path, body, **headers):
        return await self.call("POST", path, body, **headers)

    async def patch(self, path, body, **headers):
        return await self.call("PATCH", path, body, **headers)

    async def delete(self, path, **headers):
        return await self.call("DELETE", path, **headers)

    async def read(self, path, **parameters):
        """What a GET that succeeds answers."""
        answer = await self.get(path, **parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def make(self, path, body, status=201, **headers):
        """What a POST that succeeds answers."""
        answer = await self.post(path, body, **headers)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def project(self, name="Garden", **fields):
        return await self.make("/projects", {"name": name, **fields})

    async def task(self, project, title="dig", **fields):
        return await self.make(f"/projects/{project['id']}/tasks", {"title": title, **fields})

    async def change(self, task, **fields):
        """The task after a change that succeeds."""
        answer = await self.patch(f"/tasks/{task['id']}", fields)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def let_in(self, project, other, role):
        await self.make(f"/projects/{project['id']}/members", {"email": other.email, "role": role})

    async def ids(self, path="/tasks", **parameters):
        return [row["id"] for row in (await self.read(path, **parameters))["results"]]
