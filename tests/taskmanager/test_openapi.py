"""The description of the API: what is committed is what the program gives, so that a change of it is seen in review."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.golden import assert_golden
from tests.taskmanager.calls import PROBLEM

FOLDER = Path(__file__).parents[2] / "docs" / "taskmanager"
OPEN = {("post", "/users"), ("post", "/login"), ("post", "/auth/refresh"), ("post", "/auth/logout")}
MAKES = re.compile(r"/(projects|members|labels|tasks|comments|reminders|export)$")


async def description(client):
    return (await client.get("/openapi.json")).json()


def operations_of(document):
    return {(method, path): one for path, methods in document["paths"].items() for method, one in methods.items()}


async def test_the_committed_description_is_that_of_the_program(client):
    text = json.dumps(await description(client), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    assert_golden("openapi.json", text, FOLDER)


async def test_every_operation_says_who_may_call_it_and_how_it_refuses(client):
    for name, operation in operations_of(await description(client)).items():
        assert bool(operation.get("security")) is (name not in OPEN), name
        for family in ("4XX", "5XX"):
            assert list(operation["responses"][family]["content"]) == [PROBLEM], name


async def test_what_is_made_can_be_asked_for_once(client):
    for (method, path), operation in operations_of(await description(client)).items():
        names = {parameter["name"] for parameter in operation.get("parameters", ())}
        assert ("idempotency-key" in names) is (method == "post" and bool(MAKES.search(path))), (method, path)


async def test_no_field_is_a_number_that_javascript_cannot_hold(client):
    schemas = (await description(client))["components"]["schemas"]
    for name, schema in schemas.items():
        for field, kind in schema.get("properties", {}).items():
            kinds = [kind, *kind.get("anyOf", ())]
            if field == "id" or field.endswith("_id"):
                assert all(one.get("type") in {"string", "null", None} for one in kinds), (name, field)


async def test_every_field_that_is_sent_has_a_limit(client):
    """A text has a longest form, a number bounds, a list a size: of whatever is stored, somebody knows how much it may be."""
    schemas = (await description(client))["components"]["schemas"]
    for name, schema in schemas.items():
        if schema.get("additionalProperties") is not False:
            continue
        for field, kind in schema["properties"].items():
            for one in [kind, *kind.get("anyOf", ())]:
                bounds = {
                    "string": {"maxLength", "pattern", "enum", "format"},
                    "integer": {"maximum"},
                    "array": {"maxItems"},
                }.get(one.get("type"), set())
                assert not bounds or bounds & one.keys(), (name, field)
