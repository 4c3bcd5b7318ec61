"""Pages of lists, with tokens that say nothing to clients."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fairway.engine.services.fault import AwsFault

T = TypeVar("T")
_PREFIX = "page:"


def page_of(
    items: Sequence[T], token: str | None, size: int, invalid: Callable[[str], AwsFault]
) -> tuple[Sequence[T], str | None]:
    """One page of `items`, and the token of the next one.

    Raises:
        AwsFault: what `invalid` makes of a text, when the token is not one of ours.
    """
    start = 0 if not token else _start(token, invalid)
    end = start + size
    more = base64.urlsafe_b64encode(f"{_PREFIX}{end}".encode()).decode() if end < len(items) else None
    return items[start:end], more


def _start(token: str, invalid: Callable[[str], AwsFault]) -> int:
    try:
        text = base64.urlsafe_b64decode(token.encode()).decode()
        if text.startswith(_PREFIX):
            return max(0, int(text.removeprefix(_PREFIX)))
    except (binascii.Error, UnicodeError, ValueError):
        pass
    raise invalid("The specified token is not valid.")
