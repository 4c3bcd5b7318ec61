"""The project file: what its services lack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fairway.lint.finding import Rule, Severity, find

if TYPE_CHECKING:
    from collections.abc import Iterator

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
RULES: Final = (UNMONITORED,)


def check(view: View) -> Iterator[Finding]:
    if view.project is None:
        return
    for key, is_monitored in view.project.services.items():
        if not is_monitored:
            yield find(UNMONITORED, view.project.place[key], f"{key} has no monitor", field=f"services.{key}")
