"""The project file and what it names: what its services lack, and what nobody puts in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from fairway.lint.entity import Kind
from fairway.lint.finding import Rule, Severity, find
from fairway.lint.rules.examples import task

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fairway.lint.document import Node
    from fairway.lint.entity import View
    from fairway.lint.finding import Finding

UNMONITORED: Final = Rule(
    "monitor-missing",
    Severity.INFO,
    "A service that is not monitored after its deployment",
    "A version that starts and then fails is a success for ECS: only who watches error rate and latency sees it.",
    "add monitor = { minutes = 15, error_rate = 0.001, p95_seconds = 0.2 } to the service, as far as there are such numbers",
    "strategy document, Best Practices",
    '[services.api]\ndefinition = "api.task.json"\nservice = "api.service.json"',
    '[services.api]\ndefinition = "api.task.json"\nservice = "api.service.json"\nmonitor = { minutes = 15 }',
    practice="DO 8",
)
LEFT: Final = Rule(
    "placeholder-left",
    Severity.WARNING,
    "A placeholder that nobody puts in",
    "Of `{{ … }}` a project's definitions know `{{ tag }}` alone: anything else is registered as it stands, braces and all.",
    "write {{ tag }}, or ${NAME} for a variable of the environment",
    "docs: the project file",
    task({"environment": [{"name": "RELEASE", "value": "{{ version }}"}]}),
    task({"environment": [{"name": "RELEASE", "value": "{{ tag }}"}]}),
)
RULES: Final = (UNMONITORED, LEFT)
_PLACEHOLDER: Final = re.compile(r"\{\{\s*(?P<name>[A-Za-z_][\w.-]*)\s*\}\}")


def check(view: View) -> Iterator[Finding]:
    if view.project is None:
        return
    for entity in view.of(Kind.TASK_DEFINITION, Kind.SERVICE, Kind.RUN_TASK):
        yield from _left(entity.node)
    for key, is_monitored in view.project.services.items():
        if not is_monitored:
            yield find(UNMONITORED, view.project.place[key], f"{key} has no monitor", field=f"services.{key}")


def _left(node: Node) -> Iterator[Finding]:
    for _, member in node.members():
        yield from _left(member)
    for item in node:
        yield from _left(item)
    for match in _PLACEHOLDER.finditer(node.text or ""):
        if match["name"] != "tag":
            yield node.find(LEFT, f"{match.group()} is put in by nobody")
