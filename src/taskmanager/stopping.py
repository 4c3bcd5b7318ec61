"""Ends the job that runs in this very thread, as a pool without processes has to at the deadline of a stop."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")
_local: Final = threading.local()


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in this thread's own event loop, which lives as long as the thread.

    Raises:
        CancelledError: `cancel_running` was called meanwhile.
    """
    runner: asyncio.Runner | None = getattr(_local, "runner", None)
    if runner is None:
        runner = _local.runner = asyncio.Runner()

    async def noted() -> T:
        _local.task = asyncio.current_task()
        try:
            return await work
        finally:
            _local.task = None

    return runner.run(noted())


def cancel_running() -> bool:
    """From a signal handler: cancel the coroutine that runs in this thread; False: none does.

    An exception that the handler raised would end up somewhere in the loop, which swallows it or is left in pieces.
    """
    task: asyncio.Task[Any] | None = getattr(_local, "task", None)
    if task is None:
        return False
    task.get_loop().call_soon_threadsafe(task.cancel)
    return True
