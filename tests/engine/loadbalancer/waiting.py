"""Waits for a condition, and says which one did not come true."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any

from fairway.clock import monotonic

if TYPE_CHECKING:
    from collections.abc import Callable


async def until(ask: Callable[[], Any], is_right: Callable[[Any], object] = bool, *, seconds: float = 30.0) -> Any:
    """What `ask` (a function or a coroutine function) answers, once `is_right` of it."""
    deadline = monotonic() + seconds
    while True:
        answer = ask()
        if inspect.isawaitable(answer):
            answer = await answer
        if is_right(answer):
            return answer
        assert monotonic() < deadline, f"not within {seconds} s; the last answer was {answer!r}"
        await asyncio.sleep(0.01)
