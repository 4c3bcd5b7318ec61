"""What came out of the queue and nobody can read, as it is parked: however often it is delivered, once."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import orjson

from taskmanager.outbox import attempts

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

_LONGEST: Final = 10_000
"""Characters that are kept: a column holds 65,535 bytes, and JSON may write six for one."""


async def park_unreadable(session: AsyncSession, name: str, body: bytes | str, reason: str) -> None:
    text = body.decode("utf-8", "backslashreplace") if isinstance(body, bytes) else str(body)
    digest = hashlib.sha256(repr((name, text)).encode()).hexdigest()
    # a list, which is no payload: it can be looked at, but not tried again
    payload = orjson.dumps([text[:_LONGEST].encode("utf-8", "replace").decode()]).decode()
    await attempts.park(session, name, f"unreadable:{digest}", payload, reason)
