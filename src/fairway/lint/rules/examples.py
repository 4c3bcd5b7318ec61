"""Writes the examples of rules: small documents, as JSON on one line, or several in fenced blocks."""

from __future__ import annotations

import json
from typing import Any

NAME = {"family": "shop"}
IMAGE = {"name": "app", "image": "shop:1.4.2"}


def task(container: dict[str, Any] | None = None, *others: dict[str, Any], **members: Any) -> str:
    """A task definition with one container, or more."""
    containers = [{**IMAGE, **(container or {})}, *others]
    return json.dumps({**NAME, **members, "containerDefinitions": containers}, ensure_ascii=False)


def fargate(container: dict[str, Any] | None = None, *others: dict[str, Any], **members: Any) -> str:
    """The same for Fargate."""
    return task(container, *others, **{"requiresCompatibilities": ["FARGATE"], **members})


def service(**members: Any) -> str:
    """A service."""
    return json.dumps({"serviceName": "shop", **members})


def deployment(**members: Any) -> str:
    """A service with a deploymentConfiguration."""
    return service(desiredCount=4, deploymentConfiguration=members)


def object_(**members: Any) -> str:
    """Any other object."""
    return json.dumps(members)


def blocks(*texts: str) -> str:
    """Documents in one Markdown file: `{` begins JSON, `import` or `def` Python, `version:` YAML, all else shell."""
    return "\n\n".join(f"```{language(text)}\n{text}\n```" for text in texts)


def language(text: str) -> str:
    """What an example is written in."""
    if text.startswith(("```", "# ")) or "\n```" in text:
        return "markdown"
    if text.startswith(("{", "[")):
        return "json"
    if text.startswith(("import ", "def ", "client", "ecs.")):
        return "python"
    return "yaml" if text.startswith(("version:", "jobs:")) else "bash"
