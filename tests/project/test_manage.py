"""Which part of a service is Fairway's."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairway.errors import UsageError
from fairway.project.manage import chosen_manage

FILE = Path("fairway.toml")


def chosen(environment=None, service=None, project=None, *, has_service=True):
    said = [
        ({} if choice is None else {"manage": choice}, FILE, keys)
        for choice, keys in ((environment, ()), (service, ("services", "api")), (project, ("project",)))
    ]
    return chosen_manage(said, has_service=has_service)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param({}, "service", id="a service definition is named"),
        pytest.param({"has_service": False}, "task-definition", id="none is named"),
        pytest.param({"project": "task-definition"}, "task-definition", id="the project says so"),
        pytest.param({"project": "task-definition", "service": "service"}, "service", id="the service wins"),
        pytest.param({"service": "task-definition", "environment": "service"}, "service", id="the environment wins"),
        pytest.param({"project": "service", "has_service": False}, "task-definition", id="without a definition only revisions can change"),
    ],
)  # fmt: skip
def test_who_says_it(said, expected):
    assert chosen(**said) == expected


@pytest.mark.parametrize(
    ("said", "message", "hint"),
    [
        pytest.param({"project": "services"}, "manage is 'services'", 'did you mean "service"?', id="unknown"),
        pytest.param({"service": True}, "manage is True", "known are: service, task-definition", id="no text"),
        pytest.param({"service": "service", "has_service": False}, "no service definition is named", "add service =", id="nothing to manage"),
    ],
)  # fmt: skip
def test_a_mistake_is_named(said, message, hint):
    with pytest.raises(UsageError) as error:
        chosen(**said)
    assert message in error.value.message
    assert hint in (error.value.hint or "")
