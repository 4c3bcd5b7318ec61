"""Whole deployments in virtual time, with faults from a seed: capacity is kept at every moment, and every deployment ends."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from fairway.engine.control import rollout, scheduler
from fairway.engine.control.bounds import Bounds, rolling_bounds
from fairway.engine.model.service import RolloutState
from fairway.engine.simulation.scenario import Behaviour, Deploy, FireAlarm, KillTasks, Scenario, draw
from fairway.engine.simulation.watch import Violation, play
from fairway.engine.simulation.world import World

KEPT = tomllib.loads((Path(__file__).parent / "seeds.toml").read_text())["seeds"]


@pytest.mark.parametrize("seed", [*range(12), *KEPT])
def test_a_deployment_keeps_capacity_and_ends(seed):
    play(World(draw(seed)))


@pytest.mark.slow
@pytest.mark.parametrize("first", range(100, 140, 10))
def test_deployments_keep_capacity_and_end(first):
    for seed in range(first, first + 10):
        play(World(draw(seed)))


@pytest.mark.campaign
@pytest.mark.timeout(3600)
def test_a_campaign_of_histories():
    count = 2000
    for seed in range(10_000, 10_000 + count):
        play(World(draw(seed)))
    print(f"\n{count} histories, no rule broken")  # noqa: T201 - the result of the campaign


def a_scenario(*happenings, **changes):
    plain = {
        "seed": 1,
        "desired": 4,
        "minimum_healthy_percent": 100,
        "maximum_percent": 200,
        "balanced": True,
        "checked": False,
        "grace_seconds": 0,
        "breaker": True,
        "rollback": True,
        "spot": False,
    }
    return Scenario(**(plain | changes), happenings=happenings)


def test_the_same_seed_gives_the_same_history():
    first, second = World(draw(5)), World(draw(5))
    play(first)
    play(second)
    assert first.history == second.history
    assert len(first.history) > 10


def test_a_good_deployment_is_completed_with_every_task_on_the_new_revision():
    world = World(a_scenario(Deploy(10, Behaviour())))
    play(world)
    assert world.service().primary.rollout is RolloutState.COMPLETED
    assert {task.task_definition_arn[-6:] for task in world.tasks()} == {"/api:2"}
    assert any("deployment completed" in line for line in world.history)


def test_a_broken_deployment_is_rolled_back_to_the_first():
    broken = Behaviour((("fairway.sim.exit_after", "0"), ("fairway.sim.exit_code", "1")))
    world = World(a_scenario(Deploy(10, broken)))
    play(world)
    assert {task.task_definition_arn[-6:] for task in world.tasks()} == {"/api:1"}
    assert any("rolling back to deployment" in line for line in world.history)


@pytest.mark.parametrize("after", [13, 40, 131])
def test_an_alarm_during_a_deployment_rolls_it_back(after):
    scenario = a_scenario(Deploy(10, Behaviour()), FireAlarm(after, 60), alarms=True, alarms_rollback=True)
    world = World(scenario)
    play(world)
    assert any("deployment failed: alarm detected." in line for line in world.history)
    assert {task.task_definition_arn[-6:] for task in world.tasks()} == {"/api:1"}


def test_an_alarm_that_fires_before_the_deployment_is_ignored():
    scenario = a_scenario(FireAlarm(5, 600), Deploy(10, Behaviour()), alarms=True, alarms_rollback=True)
    world = World(scenario)
    play(world)
    assert not any("alarm detected" in line for line in world.history)
    assert {task.task_definition_arn[-6:] for task in world.tasks()} == {"/api:2"}


def test_the_watch_sees_a_deployment_that_does_not_bake(monkeypatch):
    monkeypatch.setattr(rollout, "_is_baked", lambda _draft: True)
    with pytest.raises(Violation, match="before it can have baked"):
        play(World(a_scenario(Deploy(10, Behaviour()), alarms=True, balanced=False)))


def test_killed_tasks_are_replaced_from_their_own_revision():
    world = World(a_scenario(KillTasks(10, 3)))
    play(world)
    assert len(world.killed) == 3
    assert len(world.moment().serving) == 4


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        pytest.param(lambda b: Bounds(b.lower - 2, b.upper), "were taken away", id="a scheduler that stops too much"),
        pytest.param(lambda b: Bounds(b.lower, b.upper + 3), "were started", id="a scheduler that starts too much"),
    ],
)
def test_the_watch_sees(bounds, message, monkeypatch):
    monkeypatch.setattr(scheduler, "rolling_bounds", lambda *counts: bounds(rolling_bounds(*counts)))
    scenario = a_scenario(Deploy(10, Behaviour()), minimum_healthy_percent=100, maximum_percent=125)
    with pytest.raises(Violation, match=message) as caught:
        play(World(scenario))
    assert "python -m fairway.engine.simulation 1" in str(caught.value)
