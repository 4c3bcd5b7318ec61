"""Counts requests: in this process, and in Redis for all processes together.

Without Redis, or while it does not answer, the limits are those of the process: requests go on.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import structlog

from taskmanager.problems import Problem
from taskmanager.ratelimits.window import Limit, seconds_to_wait, window_at

if TYPE_CHECKING:
    from redis.asyncio import Redis

_TIMEOUT_SECONDS: Final = 0.25
_PAUSE_SECONDS: Final = 5.0
"""For which a Redis that did not answer is not asked: each request would wait for it."""
_OWN_SHARE: Final = 10
"""Up to as many processes, nobody who is below this part of a limit in each can be above it in all."""
_MOST_SUBJECTS: Final = 50_000

log = structlog.stdlib.get_logger(__name__)


@dataclass(slots=True)
class _Count:
    """What one subject did, as this process saw it."""

    window: int
    previous: int = 0
    current: int = 0
    told: int = 0
    """Of `current`, in Redis."""


class RateLimiter:
    """The limits of one process."""

    def __init__(self, redis_url: str | None = None, clock: Callable[[], float] = time.time) -> None:
        self._url, self._clock = redis_url, clock
        self._redis: Redis | None = None
        self._asked_again_at = 0.0
        self._counts: dict[tuple[str, str], _Count] = {}

    async def hit(self, limit: Limit, subject: str) -> None:
        """Count a request.

        Raises:
            Problem: it is one too many; it is not counted.
        """
        await self._add(limit, subject, 1)

    async def check(self, limit: Limit, subject: str) -> None:
        """Count nothing.

        Raises:
            Problem: one more would be too many.
        """
        await self._add(limit, subject, 0)

    async def close(self) -> None:
        if self._redis is not None:
            await self._redis.aclose()

    async def _add(self, limit: Limit, subject: str, amount: int) -> None:
        if limit.count == 0:
            return
        moment = self._clock()
        window, passed = window_at(limit, moment)
        count = self._count(limit, subject, window)
        count.current += amount
        previous, current = count.previous, count.current
        if self._url is not None and (limit.is_shared or count.current * _OWN_SHARE > limit.count):
            untold = count.current - count.told
            shared = await self._ask_redis(limit, subject, window, untold, moment)
            if shared is not None:
                count.told = count.current
                previous, current = max(previous, shared[0]), max(current, shared[1])
        wait = seconds_to_wait(limit, previous=previous, current=current - amount, passed=passed)
        if wait:
            # what is refused is not counted: its share goes when the next request tells of this one
            count.current -= amount
            raise Problem(
                429, "rate-limited", f"too many requests; try again in {wait} s", headers={"Retry-After": str(wait)}
            )

    def _count(self, limit: Limit, subject: str, window: int) -> _Count:
        key = (limit.name, subject)
        count = self._counts.get(key)
        if count is None:
            if len(self._counts) >= _MOST_SUBJECTS:
                # the oldest tenth goes: memory has a bound, whatever addresses somebody invents
                for old in list(self._counts)[: _MOST_SUBJECTS // 10]:
                    del self._counts[old]
            count = self._counts[key] = _Count(window)
        if count.window != window:
            previous = count.current if count.window == window - 1 else 0
            count.window, count.previous, count.current, count.told = window, previous, 0, 0
        return count

    async def _ask_redis(
        self, limit: Limit, subject: str, window: int, amount: int, moment: float
    ) -> tuple[int, int] | None:
        """The counts of the two windows in all processes, after this one's was added; None when Redis does not answer."""
        from redis.exceptions import RedisError  # noqa: PLC0415  # needed with the first request, not at start

        if moment < self._asked_again_at:
            return None
        # hashed: addresses of people are nobody's business in Redis
        name = hashlib.sha256(subject.encode()).hexdigest()[:32]
        keys = [f"taskmanager:limit:{limit.name}:{name}:{number}" for number in (window - 1, window)]
        try:
            async with self._connection().pipeline(transaction=False) as pipeline:
                pipeline.get(keys[0])
                pipeline.incrby(keys[1], amount)
                pipeline.expire(keys[1], 2 * limit.seconds)
                previous, current, _ = await pipeline.execute()
        except (RedisError, OSError, TimeoutError) as error:
            self._asked_again_at = moment + _PAUSE_SECONDS
            log.warning("limits are counted in this process alone", reason=type(error).__name__)
            return None
        return int(previous or 0), int(current)

    def _connection(self) -> Redis:
        from redis.asyncio import Redis  # noqa: PLC0415

        if self._redis is None:
            options: dict[str, Any] = {"socket_timeout": _TIMEOUT_SECONDS, "socket_connect_timeout": _TIMEOUT_SECONDS}
            assert self._url is not None
            self._redis = Redis.from_url(self._url, **options)
        return self._redis
