"""Every operation of the API, asked what its description allows and what it does not; the answers are compared with it.

The examples are the same each time: `derandomize` draws them from the operation itself. Ids are mostly such as exist.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.taskmanager.operations import GOOD, SIGN_IN
from tests.taskmanager.processes import KEY

from taskmanager.main import create_app
from taskmanager.settings import load_settings
from taskmanager.users.tokens import Tokens

pytestmark = pytest.mark.slow
DESCRIPTION = json.loads((Path(__file__).parents[2] / "docs" / "taskmanager" / "openapi.json").read_text())
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)
OPERATIONS = [(method.upper(), path) for path, methods in DESCRIPTION["paths"].items() for method in methods]
SECURED = [(method, path) for method, path in OPERATIONS if DESCRIPTION["paths"][path][method.lower()].get("security")]
FEW = settings(
    max_examples=10,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


class World:
    """The API in this process, with one of everything, of Ann; requests come one after the other."""

    def __init__(self, database, api=None):
        values = {"environment": "test", "database_url": f"sqlite:///{database}", "jwt_secret_key": KEY}
        self._runner = asyncio.Runner()
        app = create_app(load_settings(values=values), api=api)
        self._database = app._app.state.services.database  # type: ignore[attr-defined]
        self._client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://api")
        self.headers = {"Authorization": f"Bearer {Tokens(KEY).issue(1)}"}

    def fill(self):
        for body in ({**SIGN_IN, "name": "Ann"}, {**SIGN_IN, "email": "eve@example.org", "name": "Eve"}):
            self.call("POST", "/users", json=body)
        for path in (
            "/projects",
            "/projects/{project_id}/members",
            "/projects/{project_id}/labels",
            "/projects/{project_id}/tasks",
            "/tasks/{task_id}/comments",
            "/tasks/{task_id}/reminders",
            "/projects/{project_id}/export",
            "/tokens",
        ):
            answer = self.call("POST", named(path), json=GOOD.get(("POST", path)), headers=self.headers)
            assert answer.status_code in {201, 202}, answer.text

    def call(self, method, path, **options):
        return self._runner.run(self._client.request(method, path, **options))

    def answer(self, case, headers):
        """The answer to a case that was drawn."""
        wanted = case.as_transport_kwargs(base_url="http://api")
        sent = {**wanted.get("headers", {}), **headers}
        options = {name: wanted[name] for name in ("json", "data", "params", "cookies") if wanted.get(name) is not None}
        if isinstance(options.get("data"), str | bytes):
            options["content"] = options.pop("data")
        cookies = options.pop("cookies", None)
        if cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
        return self.call(wanted["method"], wanted["url"], headers=sent, **options)

    def close(self):
        self._runner.run(self._client.aclose())
        self._runner.run(self._database.close())
        self._runner.close()


@pytest.fixture(scope="module")
def filled(empty_database, tmp_path_factory):
    path = tmp_path_factory.mktemp("fuzz") / "filled.db"
    shutil.copy(empty_database, path)
    made = World(path)
    made.fill()
    made.close()
    return path


@pytest.fixture
def world(filled, apis, tmp_path):
    shutil.copy(filled, tmp_path / "fuzz.db")
    made = World(tmp_path / "fuzz.db", apis(0))
    yield made
    made.close()


def operation(method, path):
    """The operation as its description has it; that one has to sign in for it is another test's."""
    one = {name: part for name, part in DESCRIPTION["paths"][path][method.lower()].items() if name != "security"}
    return schemathesis.openapi.from_dict({**DESCRIPTION, "paths": {path: {method.lower(): one}}})[path][method]


def existing(path):
    """Ids of what there is; the description does not know."""
    return {name.strip("{}"): "1" for name in path.split("/") if name.startswith("{")}


def named(path):
    for name, value in existing(path).items():
        path = path.replace(f"{{{name}}}", value)
    return path


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_what_the_description_allows_is_answered_as_it_says(world, method, path):
    @FEW
    @given(case=operation(method, path).as_strategy(path_parameters=existing(path)))
    def ask(case):
        case.validate_response(world.answer(case, world.headers), checks=list(CHECKS))

    ask()


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_what_it_does_not_allow_is_refused_as_it_says(world, method, path):
    wrong = operation(method, path)
    if not (wrong.body or wrong.query or wrong.path_parameters):
        pytest.skip("takes nothing")

    @FEW
    @given(case=wrong.as_strategy(generation_mode=GenerationMode.NEGATIVE))
    def ask(case):
        case.validate_response(world.answer(case, world.headers), checks=[*CHECKS, negative_data_rejection])

    ask()


@pytest.mark.parametrize("token", ["", "Bearer x", "Bearer tmk_x", "Basic YTpi"])
def test_nobody_is_answered_who_is_not_signed_in(world, token):
    headers = {"Authorization": token} if token else {}
    for method, path in SECURED:
        answer = world.call(method, named(path), json=GOOD.get((method, path)), headers=headers)
        assert answer.status_code == 401, (method, path, answer.text)
        assert answer.json()["code"] in {"token-missing", "token-invalid", "api-token-invalid"}
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(("method", "path"), list(GOOD))
def test_a_field_that_nobody_knows_is_refused(world, method, path):
    body = {**GOOD[method, path], "nobody": 1}
    answer = world.call(method, named(path), json=body, headers=world.headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request")
    assert "body.nobody" in {error["field"] for error in answer.json()["errors"]}
