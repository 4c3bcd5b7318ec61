"""The strategy document as it stands: each of its traps is found, by code.

The document is its team's, not this project's: `FAIRWAY_STRATEGY_DOCUMENT` names the file.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.lint.linting import lint_text

DOCUMENT = os.environ.get("FAIRWAY_STRATEGY_DOCUMENT")
pytestmark = pytest.mark.skipif(not DOCUMENT, reason="FAIRWAY_STRATEGY_DOCUMENT names no document")
TRAPS = [
    ("launchType FARGATE hides the cluster's default strategy", {"launch-type-hides-strategy": 2}),
    ("step bounds are offsets from the threshold", {"step-bounds-are-offsets": 1}),
    ("the worker only grows", {"scales-out-only": 1}),
    (
        "the script's run-task has no network, and no task definition",
        {"run-task-network": 1, "task-definition-not-found": 2},
    ),
    ("read-only members are registered again", {"register-copied": 1}),
    ("services-stable succeeds after a rollback", {"stable-is-not-deployed": 3}),
    ("the rollback takes the second newest revision", {"rollback-to-previous": 1}),
    (
        "deploy.sh: latest, no worker, no monitoring",
        {"deploys-latest": 1, "services-forgotten": 1, "release-unwatched": 1},
    ),
    ("the AppSpec has a name for an ARN", {"appspec-arn": 1}),
    ("health checks that need curl, and the worker's name", {"health-check-tool": 1, "health-check-celery": 1}),
    ("three policies must agree", {"tracking-all-agree": 1}),
    ("nobody publishes celery_queue_length", {"metric-unpublished": 1}),
    ("two at a time is not what 100/200 does", {"batch-size": 1}),
    ("jwt-secret and celery-broker are misread as full ARNs", {"secret-arn-misread": 2}),
    ("waiters give up at 600 s", {"waiter-gives-up": 5}),
    ("the hook's answer, and what it calls", {"hook-answer": 1, "hook-undefined-name": 1}),
    ("request count without a label, and with CodeDeploy", {"request-count-label": 1, "request-count-codedeploy": 1}),
    ("the worker's minimum of 50", {"minimum-below-100": 1}),
    ("linear shifts last nine pauses", {"linear-minutes": 2}),
]
BESIDE = {
    "deployment-config-name": 1,
    "no-version-tag": 2,
    "rolling-behind-balancer": 1,
    "secret-arn-partial": 3,
    "writable-root": 2,
}
"""What else is found in it."""


@pytest.fixture(scope="module")
def found():
    counts: dict[str, int] = {}
    for finding in lint_text(Path(str(DOCUMENT)).read_text(encoding="utf-8"), "strategy.md"):
        counts[finding.code] = counts.get(finding.code, 0) + 1
    return counts


@pytest.mark.parametrize(("trap", "codes"), TRAPS, ids=[trap for trap, _ in TRAPS])
def test_a_trap_is_found(trap, codes, found):
    assert {code: found.get(code) for code in codes} == codes


def test_nothing_else_is_found(found):
    expected = BESIDE.copy()
    for _, codes in TRAPS:
        expected |= codes
    assert found == expected
    assert len(TRAPS) == 19
