"""Between how many tasks a rolling deployment may move."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """Task counts of a whole service, all its deployments together."""

    lower: int
    """Never fewer RUNNING and healthy tasks by the scheduler's own doing."""
    upper: int
    """Never more tasks in PENDING, RUNNING or STOPPING (and the states between them)."""


def rolling_bounds(desired: int, minimum_healthy_percent: int, maximum_percent: int) -> Bounds:
    """The lower bound rounds up, the upper down.

    desired=4, 50 %, 200 % -> (2, 8)     desired=3, 50 %, 125 % -> (2, 3)     desired=1, 50 %, 200 % -> (1, 2)
    Source: ECS API Reference, DeploymentConfiguration.
    """
    return Bounds(lower=-(-desired * minimum_healthy_percent // 100), upper=desired * maximum_percent // 100)
