"""Brings measurements to their file each real second: what `kill -9` costs is the last one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from fairway.engine.store.metrics import MetricStore

EVERY_SECONDS: Final = 1.0


async def keep(metrics: MetricStore) -> None:
    """Until cancelled."""
    while True:
        await asyncio.sleep(EVERY_SECONDS)
        metrics.flush()
