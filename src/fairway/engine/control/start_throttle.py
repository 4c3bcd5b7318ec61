"""How long the scheduler waits before it starts tasks again that keep failing.

Source: ECS Developer Guide, "Amazon ECS service throttle logic": tasks that go from PENDING to STOPPED again and again are
restarted after growing times, at most 27 minutes; tasks that reached RUNNING do not count. The steps between are not
documented: ours double. Ten seconds is the pace that ECS's scheduler was seen to keep between two rounds of starts.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

PACE: Final = timedelta(seconds=10)
LONGEST: Final = timedelta(minutes=27)
_FREE_ROUNDS: Final = 2


def start_delay(launch_failures: int, desired: int) -> timedelta:
    """The wait after a failure, by the failed launches in a row: 10 s for two rounds of the desired count, then doubling."""
    rounds = -(-launch_failures // max(1, desired))
    doublings: int = min(16, max(0, rounds - _FREE_ROUNDS))
    return min(LONGEST, PACE * (1 << doublings))


def is_impaired(launch_failures: int, desired: int) -> bool:
    """The restarts are being delayed: time for the event "is unable to consistently start tasks successfully"."""
    return -(-launch_failures // max(1, desired)) > _FREE_ROUNDS
