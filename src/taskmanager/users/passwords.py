"""Passwords as argon2id hashes. Hashing takes tens of milliseconds and 19 MiB: in a thread, one at a time."""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pwdlib import PasswordHash

# OWASP's smallest recommendation: each further MiB is multiplied by the sign-ins that go on at once
_MEMORY_KIB: Final = 19_456
_TIME_COST: Final = 2


@functools.cache
def _hasher() -> PasswordHash:
    from pwdlib import PasswordHash  # noqa: PLC0415  # needed at the first sign-in, not at start
    from pwdlib.hashers.argon2 import Argon2Hasher  # noqa: PLC0415

    return PasswordHash((Argon2Hasher(time_cost=_TIME_COST, memory_cost=_MEMORY_KIB, parallelism=1),))


@functools.cache
def _unknown_user_hash() -> str:
    return _hasher().hash("nobody has this password")


class PasswordBox:
    """Hashes and checks passwords beside the event loop."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(1)

    async def hash(self, password: str) -> str:
        async with self._turn:
            return await asyncio.to_thread(lambda: _hasher().hash(password))

    async def matches(self, password: str, known: str | None) -> bool:
        """The password is the hashed one. Without a user it takes as long, so that nobody learns who is registered."""
        async with self._turn:
            return await asyncio.to_thread(
                lambda: _hasher().verify(password, known or _unknown_user_hash()) and known is not None
            )
