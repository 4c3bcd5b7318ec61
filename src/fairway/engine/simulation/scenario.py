"""What a seed stands for: a service, what is done to it, and what goes wrong meanwhile."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

HORIZON_SECONDS: Final = 1800.0
"""Faults and changes fall within this time; then the world is left in peace."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How the tasks of a task definition behave: the simulated runtime's labels."""

    labels: tuple[tuple[str, str], ...] = ()
    image: str = "shop:1"

    @property
    def good(self) -> bool:
        return not any(name in {"fairway.sim.exit_after", "fairway.sim.health"} for name, _ in self.labels)


@dataclass(frozen=True, slots=True)
class KillTasks:
    """So many containers that run are killed at once."""

    at: float
    count: int


@dataclass(frozen=True, slots=True)
class NoPulls:
    """No image can be pulled for a while."""

    at: float
    seconds: float


@dataclass(frozen=True, slots=True)
class CrashEngine:
    """The engine ends without a word, and another takes its place."""

    at: float


@dataclass(frozen=True, slots=True)
class Deploy:
    """A user updates the service to a new revision."""

    at: float
    behaviour: Behaviour


@dataclass(frozen=True, slots=True)
class Scale:
    """A user sets the desired count."""

    at: float
    desired: int


@dataclass(frozen=True, slots=True)
class StopDeployment:
    """A user asks for the rollback of the service deployment under way."""

    at: float


@dataclass(frozen=True, slots=True)
class FireAlarm:
    """The alarm that deployments name is in ALARM for a while."""

    at: float
    seconds: float


@dataclass(frozen=True, slots=True)
class QuietAlarm:
    """It is in OK again: follows each FireAlarm."""

    at: float


Happening = KillTasks | NoPulls | CrashEngine | Deploy | Scale | StopDeployment | FireAlarm | QuietAlarm


@dataclass(frozen=True, slots=True)
class Scenario:
    """A whole history's plan."""

    seed: int
    desired: int
    minimum_healthy_percent: int
    maximum_percent: int
    balanced: bool
    """Behind a load balancer."""
    checked: bool
    """With a container health check."""
    grace_seconds: int
    breaker: bool
    rollback: bool
    spot: bool
    """By a capacity provider strategy instead of a launch type."""
    happenings: tuple[Happening, ...]
    alarms: bool = False
    """Deployments are watched by an alarm."""
    alarms_rollback: bool = False


def draw(seed: int) -> Scenario:
    """The scenario of a seed. The first deployment is good; the first update comes before anything else."""
    chance = random.Random(seed)
    desired = chance.choice([1, 2, 3, 4, 5, 5, 7, 10])
    minimum = chance.choice([0, 50, 66, 100, 100, 100])
    maximum = chance.choice([110, 125, 140, 150, 200, 200, 200])
    if minimum == 100 and desired * maximum // 100 <= desired:  # noqa: PLR2004 - such a pair can never move
        maximum = 200
    happenings: list[Happening] = [Deploy(chance.uniform(0, 60), _behaviour(chance))]
    happenings.extend(_happening(chance) for _ in range(chance.choice([0, 1, 2, 3, 5, 8])))
    # drawn apart, so that what a seed stood for before there were alarms stays what it was
    alarming = random.Random(seed ^ 0xA1A2)
    alarms = alarming.choices([True, False], [4, 6])[0]
    if alarms:
        happenings.extend(_firing(alarming) for _ in range(alarming.choice([0, 1, 1, 2, 3])))
    return Scenario(
        seed=seed,
        desired=desired,
        minimum_healthy_percent=minimum,
        maximum_percent=maximum,
        balanced=chance.choices([True, False], [7, 3])[0],
        checked=chance.choice([True, False]),
        grace_seconds=chance.choice([0, 0, 30, 60, 120]),
        breaker=chance.choices([True, False], [7, 3])[0],
        rollback=chance.choices([True, False], [7, 3])[0],
        spot=chance.choices([True, False], [3, 7])[0],
        happenings=tuple(sorted(happenings, key=lambda happening: happening.at)),
        alarms=alarms,
        alarms_rollback=alarming.choices([True, False], [7, 3])[0],
    )


def _firing(chance: random.Random) -> FireAlarm:
    """Often within the first minutes, when a deployment is under way or bakes."""
    at = chance.choice([chance.uniform(0, 400), chance.uniform(0, HORIZON_SECONDS)])
    return FireAlarm(at, chance.choice([1, 30, 120, 600]))


def _happening(chance: random.Random) -> Happening:
    at = chance.uniform(0, HORIZON_SECONDS)
    kinds = ["kill", "kill", "kill", "pulls", "crash", "crash", "deploy", "deploy", "scale", "stop"]
    match chance.choice(kinds):
        case "kill":
            return KillTasks(at, chance.choice([1, 1, 2, 5]))
        case "pulls":
            return NoPulls(at, chance.uniform(10, 300))
        case "crash":
            return CrashEngine(at)
        case "deploy":
            return Deploy(at, _behaviour(chance))
        case "scale":
            return Scale(at, chance.choice([0, 1, 2, 4, 6, 9]))
        case _:
            return StopDeployment(at)


def _behaviour(chance: random.Random) -> Behaviour:
    start = ("fairway.sim.start", str(chance.choice([0, 1, 5, 30, 90])))
    match chance.choice(["good", "good", "good", "exits", "sick", "sickens", "dies"]):
        case "exits":
            return Behaviour((start, ("fairway.sim.exit_after", "0"), ("fairway.sim.exit_code", "1")))
        case "sick":
            return Behaviour((start, ("fairway.sim.health", "unhealthy")))
        case "sickens":
            seconds = chance.choice([5, 60, 200])
            return Behaviour((start, ("fairway.sim.health", f"unhealthy_after={seconds}")))
        case "dies":
            return Behaviour((start, ("fairway.sim.exit_after", str(chance.choice([60, 300])))))
        case _:
            return Behaviour((start,))
