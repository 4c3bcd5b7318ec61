"""How often AWS is asked while a deployment is waited for: counted in virtual time."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from tests.deployment.builders import a_definition, a_picture, a_record, a_rollout, a_service, at
from tests.deployment.test_outage import Kept

from fairway.aws import pace as module
from fairway.aws.pace import Pace
from fairway.deployment.follow import Followed, Watcher, has_news
from fairway.deployment.lock import Locks

MINUTES = 10


class Counting:
    """An observer that counts the calls that each question costs, as aws/observe.py batches them."""

    def __init__(self):
        self.calls = []
        self.seen = set()
        self.second = 0.0
        self.aws = self

    def credentials_left(self):
        return None

    def now(self):
        return at(self.second)

    def ask(self, count):
        self.calls += [self.second] * count

    def describe_deployments(self, arns):
        self.ask(-(-len(arns) // 20))
        return {arn: replace(a_record(), arn=arn) for arn in arns}

    def services(self, names):
        self.ask(-(-len(names) // 10))
        return {name: replace(a_service(a_rollout(running=1), groups=["group"]), name=name) for name in names}

    def task_definition(self, reference):
        if reference not in self.seen:
            self.seen.add(reference)
            self.ask(1)
        return a_definition()

    def tasks(self, name, *, stopped=False):
        self.seen.add(name)
        self.ask(2)
        return []

    def targets(self, groups):
        self.ask(len(groups))
        return []


class Parameters:
    """Parameters of Systems Manager, whose calls are counted: ten of a path come at once."""

    def __init__(self):
        self.kept, self.calls = {}, 0

    def put_parameter(self, **asked):
        self.calls += 1
        self.kept[asked["Name"]] = asked["Value"]

    def get_paginator(self, _name):
        return self

    def paginate(self, **asked):
        path = f"{asked['Path']}/"
        items = [{"Name": name, "Value": value} for name, value in self.kept.items() if name.startswith(path)]
        for start in range(0, max(1, len(items)), 10):
            self.calls += 1
            yield {"Parameters": items[start : start + 10]}


def calls_for_locks(names):
    """A minute, of a release of these services with a migration."""
    ssm = Parameters()
    aws: Any = SimpleNamespace(ssm=ssm, is_local=False, caller_arn=lambda: "arn:aws:iam::1:user/a", now=lambda: at(0))
    with Locks(aws, "shop", [*names, "task.migrations"], "run") as locks:
        before = ssm.calls
        locks._renew()
        locks.check()
        return (ssm.calls - before) * 60 / locks.renew_seconds


@pytest.mark.parametrize(("count", "most"), [(1, 30), (40, 120)])
def test_calls_a_minute_while_waiting(monkeypatch, count, most):
    observer, pace = Counting(), Pace(is_local=False)
    monkeypatch.setattr(module, "monotonic", lambda: observer.second)
    names = [f"service-{number}" for number in range(count)]
    followed = [Followed(name, f"deployment-{name}", a_definition()) for name in names]
    watcher = Watcher(observer, pace, Kept())  # type: ignore[arg-type]
    while observer.second < 60 * MINUTES:
        assert watcher.look(followed) == []
        observer.second += pace.seconds(lambda: 0.5)
    minutes = [sum(60 * m <= second < 60 * (m + 1) for second in observer.calls) for m in range(MINUTES)]
    assert max(minutes[1:]) + calls_for_locks(names) <= most, minutes
    assert observer.seen >= set(names), "each service was looked at in detail"


@pytest.mark.parametrize(
    ("old", "new", "news"),
    [
        pytest.param(a_record(), a_record(), False, id="nothing has changed"),
        pytest.param(a_record(), replace(a_record(), failures=1), True, id="a task has failed"),
        pytest.param(a_record(), replace(a_record(), breaker_status="TRIGGERED"), True, id="the breaker has tripped"),
        pytest.param(a_record(), a_record("ROLLBACK_IN_PROGRESS"), True, id="it goes back"),
        pytest.param(None, a_record(), False, id="the first look"),
        pytest.param(None, a_record("SUCCESSFUL"), True, id="it has ended"),
        pytest.param(a_record(), None, True, id="it is gone"),
    ],
)
def test_what_is_looked_at_at_once(old, new, news):
    assert has_news(None if old is None else a_picture(deployment=old), new) is news
