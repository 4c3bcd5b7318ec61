"""All operations of the API, as its own description tells them, each with a body that succeeds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

SIGN_IN = {"email": "ann@example.org", "password": "correct horse"}
GOOD: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/users"): {"email": "new@example.org", "name": "New", "password": "correct horse"},
    ("POST", "/login"): SIGN_IN,
    ("POST", "/auth/refresh"): {"refresh_token": "tmr_none"},
    ("POST", "/auth/logout"): {"refresh_token": "tmr_none"},
    ("PATCH", "/users/me"): {"name": "Ann"},
    ("POST", "/users/me/password"): {"old_password": "correct horse", "new_password": "correct horse"},
    ("POST", "/tokens"): {"name": "CI"},
    ("POST", "/projects"): {"name": "Garden"},
    ("PATCH", "/projects/{project_id}"): {"name": "Garden"},
    ("POST", "/projects/{project_id}/members"): {"email": "eve@example.org"},
    ("PATCH", "/projects/{project_id}/members/{member_id}"): {"role": "viewer"},
    ("POST", "/projects/{project_id}/labels"): {"name": "one more"},
    ("PATCH", "/projects/{project_id}/labels/{label_id}"): {"name": "bug"},
    ("POST", "/projects/{project_id}/tasks"): {"title": "dig"},
    ("PATCH", "/tasks/{task_id}"): {"title": "dig"},
    ("POST", "/tasks/{task_id}/comments"): {"body": "why?"},
    ("PATCH", "/tasks/{task_id}/comments/{comment_id}"): {"body": "why?"},
    ("POST", "/tasks/{task_id}/reminders"): {"remind_at": (datetime.now(UTC) + timedelta(days=9)).isoformat()},
}


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation that takes JSON."""

    method: str
    path: str
    fields: dict[str, dict[str, Any]]
    """The schema of each field of its body."""

    def nullable(self, name):
        return any(kind.get("type") == "null" for kind in self.fields[name].get("anyOf", ()))

    def types(self, name):
        """The types of JSON that the field may have."""
        schema = self.fields[name]
        kinds = [schema, *schema.get("anyOf", ())]
        return {kind["type"] for kind in kinds if "type" in kind} or {"string"}


def operations(description):
    """Those whose body is JSON."""
    schemas = description["components"]["schemas"]
    found = []
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {})
            if "application/json" in content:
                name = content["application/json"]["schema"]["$ref"].rsplit("/", 1)[-1]
                assert schemas[name]["additionalProperties"] is False, f"{name} takes unknown fields"
                found.append(Operation(method.upper(), path, schemas[name]["properties"]))
    return found
