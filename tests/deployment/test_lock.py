"""Locks in the account: one holder at each moment, and none for ever."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.deployment.builders import T0, at

from fairway.aws.session import Aws
from fairway.clock import wall_now
from fairway.deployment.lock import (
    EXPIRY,
    Entry,
    Holding,
    Locked,
    LockLost,
    Locks,
    names_held,
    newest,
    read_entry,
    refusal,
    write_holding,
)
from fairway.project.model import Environment

HELD = Holding("arn:aws:iam::123456789012:user/anna", "run-1", "laptop:7:abc", T0, T0 + EXPIRY)


@pytest.mark.parametrize(
    ("holding", "now", "dead", "holds"),
    [
        pytest.param(HELD, at(0), False, True, id="taken"),
        pytest.param(HELD, at(119), False, True, id="nearly expired"),
        pytest.param(HELD, at(120), False, False, id="expired: its holder did not renew it"),
        pytest.param(replace(HELD, released=True), at(1), False, False, id="released"),
        pytest.param(HELD, at(1), True, False, id="its process is known to be dead"),
    ],
)
def test_when_a_lock_keeps_others_out(holding, now, dead, holds):
    assert holding.holds(now, is_dead=lambda _: dead) is holds


def test_the_highest_number_counts():
    assert newest([Entry(2, HELD), Entry(10, replace(HELD, run="ten")), Entry(9, HELD)]) == Entry(
        10, replace(HELD, run="ten")
    )
    assert newest([]) is None


@pytest.mark.parametrize("text", ["", "{}", "null", "[]", '{"owner": "x"}', '{"since": 3}'])
def test_a_parameter_that_is_no_lock_is_passed_over(text):
    assert read_entry("/fairway/lock/shop/api/3", text) is None
    assert read_entry("/fairway/lock/shop/api/three", write_holding(HELD)) is None
    assert read_entry("/fairway/lock/shop/api/3", write_holding(HELD)) == Entry(3, HELD)


# -- on an engine ------------------------------------------------------------------------------------------------------


@pytest.fixture
def aws(engine):
    return Aws(Environment("local", "shop", "us-east-1", endpoint_url=engine.endpoint))


@pytest.fixture
def name(request):
    return f"{request.node.name[:40]}-{os.getpid()}".replace("[", "-").replace("]", "")


def entries(aws, name):
    found = aws.ssm.get_parameters_by_path(Path=f"/fairway/lock/shop/{name}")["Parameters"]
    return {item["Name"].rsplit("/", 1)[1]: read_entry(item["Name"], item["Value"]) for item in found}


@pytest.mark.slow
def test_a_second_run_is_refused_and_told_who_has_it(aws, name):
    with Locks(aws, "shop", [name], "run-1"):
        with pytest.raises(Locked) as error, Locks(aws, "shop", [name], "run-2"):
            pass
        assert f"{name} is being deployed by arn:aws:iam::123456789012" in error.value.message
        assert "run-1" in error.value.message
        assert "--take-over" in str(error.value.hint)
        assert error.value.exit_code == 7
    with Locks(aws, "shop", [name], "run-2"):
        assert list(entries(aws, name)) == ["2"], "numbers go on, and what is below is gone"
    assert entries(aws, name)["2"].holding.released


@pytest.mark.parametrize(
    ("name", "names", "message", "hint"),
    [
        pytest.param("api", ["api", "task.migrations", "worker"], "api is being deployed by anna since 12:00:00 UTC (run run-1, which deploys api, worker)", "fairway status shop/api shop/worker;", id="a service"),
        pytest.param("task.migrations", ["task.migrations", "worker"], "the one-off task migrations is being run by anna since 12:00:00 UTC (run run-1, which deploys worker)", "fairway status shop/worker;", id="a one-off task is no service: its run's services are named"),
        pytest.param("task.migrations", ["task.migrations"], "(run run-1);", "fairway status;", id="nothing else is held"),
    ],
)  # fmt: skip
def test_who_is_kept_out_is_told_by_whom_and_a_command_that_works(name, names, message, hint):
    holding = Holding("anna", "run-1", "host:1:a", T0, T0 + timedelta(minutes=2))
    told = refusal(name, holding, names, "shop", 61.4)
    assert message in told.message
    assert "61 s more" in told.message
    assert hint in str(told.hint)


def test_what_a_run_holds():
    def entry(number, run="run-1", **members):
        return Entry(number, replace(Holding("anna", run, "host:1:a", T0, T0 + timedelta(minutes=2)), **members))

    entries = {
        "worker": [entry(1, "run-0"), entry(2)],
        "api": [entry(1)],
        "web": [entry(1, released=True)],
        "mailer": [entry(1), entry(2, "run-2")],
    }
    assert names_held(entries, "run-1", T0) == ["api", "worker"]
    assert names_held(entries, "run-1", T0 + timedelta(minutes=3)) == []


@pytest.mark.slow
def test_all_locks_or_none(aws, name):
    with Locks(aws, "shop", [f"{name}-b"], "run-1"):
        with pytest.raises(Locked), Locks(aws, "shop", [f"{name}-b", f"{name}-a"], "run-2"):
            pass
        assert entries(aws, f"{name}-a")["1"].holding.released
        assert not entries(aws, f"{name}-b")["1"].holding.released


@pytest.mark.slow
def test_a_holder_that_was_overtaken_changes_nothing_more_and_releases_nothing(aws, name):
    with Locks(aws, "shop", [name], "run-1") as first:
        first.check()
        with Locks(aws, "shop", [name], "run-2", take_over=True) as second:
            first._renew()
            with pytest.raises(LockLost, match=r"taken over by arn:aws:.*run-2"):
                first.check()
            first._release()
            second._renew()
            second.check()
            assert not entries(aws, name)["2"].holding.released


@pytest.mark.slow
def test_an_expired_lock_is_taken(aws, name):
    old = replace(HELD, since=wall_now() - timedelta(hours=1), expires=wall_now() - timedelta(seconds=1))
    aws.ssm.put_parameter(Name=f"/fairway/lock/shop/{name}/7", Value=write_holding(old), Type="String")
    with Locks(aws, "shop", [name], "run-2"):
        assert list(entries(aws, name)) == ["8"]


@pytest.mark.slow
def test_a_resumed_run_waits_for_a_lock_that_nobody_renews(aws, name):
    waited = []
    held = replace(HELD, since=wall_now(), expires=wall_now() + timedelta(minutes=1))
    aws.ssm.put_parameter(Name=f"/fairway/lock/shop/{name}/1", Value=write_holding(held), Type="String")

    def wait(locked, holding, seconds):
        waited.append((locked, holding.run, 50 < seconds <= 60))
        gone = replace(held, expires=wall_now() - timedelta(seconds=1))
        aws.ssm.put_parameter(
            Name=f"/fairway/lock/shop/{name}/1", Value=write_holding(gone), Type="String", Overwrite=True
        )

    with Locks(aws, "shop", [name], "run-1", wait=wait):
        assert list(entries(aws, name)) == ["2"]
    assert waited == [(name, "run-1", True)]


HOLDER = """
import sys, time
from fairway.aws.session import Aws
from fairway.deployment.lock import Locks
from fairway.project.model import Environment
aws = Aws(Environment("local", "shop", "us-east-1", endpoint_url=sys.argv[1]))
with Locks(aws, "shop", [sys.argv[2]], "run-1") as locks:
    print("held", flush=True)
    for line in sys.stdin:
        locks._renew()
        try:
            locks.check()
            print("ours", flush=True)
        except Exception as error:
            print(type(error).__name__, flush=True)
"""


@pytest.fixture
def other(engine, name):
    """Another process that has the lock; a line to it makes it renew, and say whether the lock is still its own."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, engine.endpoint, name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


@pytest.mark.slow
def test_two_processes_one_takes_over(aws, name, other):
    with pytest.raises(Locked), Locks(aws, "shop", [name], "run-2"):
        pass
    with Locks(aws, "shop", [name], "run-2", take_over=True) as ours:
        other.stdin.write("\n")
        other.stdin.flush()
        assert other.stdout.readline() == "LockLost\n"
        ours._renew()
        ours.check()


@pytest.mark.slow
def test_the_lock_of_a_killed_process_of_this_machine_is_taken_at_once(aws, name, other):
    other.send_signal(signal.SIGKILL)
    other.wait()
    with Locks(aws, "shop", [name], "run-2"):
        assert list(entries(aws, name)) == ["2"]


@pytest.mark.slow
def test_of_many_that_take_a_lock_at_once_one_has_it(aws, name, engine):
    started, ended, holders = threading.Barrier(6), threading.Barrier(6), []

    def take(number):
        mine = Aws(Environment("local", "shop", "us-east-1", endpoint_url=engine.endpoint))
        mine.ssm.describe_parameters()
        started.wait(20)
        try:
            with Locks(mine, "shop", [name], f"run-{number}"):
                holders.append(number)
                ended.wait(20)
        except Locked:
            ended.wait(20)

    threads = [threading.Thread(target=take, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(holders) == 1
