"""Keys of projects: the OPS of OPS-142."""

from __future__ import annotations

import re
import unicodedata
from itertools import count
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

LONGEST: Final = 10
_FROM_ONE_WORD: Final = 3
_FALLBACK: Final = "PRJ"


def key_of(name: str) -> str:
    """A key that reminds of the name: the initials of several words, the beginning of one.

    Customer Care Team -> CCT     Garden -> GAR     Ärger -> ARG     2nd floor -> PRJ     日本 -> PRJ
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().upper()
    words = re.findall(r"[A-Z0-9]+", plain)
    key = "".join(word[0] for word in words)[:LONGEST] if len(words) > 1 else "".join(words)[:_FROM_ONE_WORD]
    return key if len(key) > 1 and key[0].isalpha() else _FALLBACK


def free_key(wanted: str, taken: Collection[str]) -> str:
    """The key, or the key with the smallest number from 2 on that makes it free."""
    if wanted not in taken:
        return wanted
    return next(key for number in count(2) if (key := f"{wanted[: LONGEST - len(str(number))]}{number}") not in taken)
