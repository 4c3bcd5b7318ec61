"""Identifiers: drawn at random when live, counted when simulated; the only module that draws them."""

from __future__ import annotations

import random
import string
from typing import Final, Protocol

_URL_SAFE: Final = string.ascii_letters + string.digits + "-_"


class IdSource(Protocol):
    """Draws identifiers in the shapes that AWS gives them."""

    def hexadecimal(self, digits: int) -> str:
        """`digits` lower-case hexadecimal digits: a task id has 32."""

    def decimal(self, digits: int) -> str:
        """`digits` decimal digits, the first not 0: a deployment id (`ecs-svc/…`) has 19."""

    def url_safe(self, length: int) -> str:
        """`length` characters of `[A-Za-z0-9_-]`: a service deployment has 21."""


class RandomIds:
    """Ids of a living engine, from the system's source of randomness."""

    def __init__(self) -> None:
        self._random = random.SystemRandom()

    def hexadecimal(self, digits: int) -> str:
        return f"{self._random.getrandbits(4 * digits):0{digits}x}"

    def decimal(self, digits: int) -> str:
        return str(self._random.randrange(10 ** (digits - 1), 10**digits))

    def url_safe(self, length: int) -> str:
        return "".join(self._random.choices(_URL_SAFE, k=length))


class CountedIds:
    """Ids of a simulation: the same history gives the same ids, so that a shrunk failure stays the same failure."""

    def __init__(self) -> None:
        self._count = 0

    def _next(self) -> int:
        self._count += 1
        return self._count

    def hexadecimal(self, digits: int) -> str:
        return f"{self._next():0{digits}x}"

    def decimal(self, digits: int) -> str:
        return str(10 ** (digits - 1) + self._next())

    def url_safe(self, length: int) -> str:
        return f"{self._next():0{length}d}"


def uuid(ids: IdSource) -> str:
    """A version 4 UUID made of ids that `ids` draws."""
    digits = ids.hexadecimal(32)
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def chance(ids: IdSource) -> float:
    """A number in [0, 1) made of an id that `ids` draws."""
    return int(ids.hexadecimal(13), 16) / 16**13


def fraction() -> float:
    """A number in [0, 1), drawn at random: jitter."""
    return random.SystemRandom().random()
