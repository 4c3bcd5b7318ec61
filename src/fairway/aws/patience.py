"""How often a connection that cannot be made is tried again.

botocore's retries are made for a service that is busy: ten tries, up to 25 seconds, in silence. A port of this machine where
nobody listens is no busy service, and whoever looks again and again anyway wants to say at once that nothing answers.
"""

from __future__ import annotations

import contextlib
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LOCAL_TRIES: Final = 20
LOCAL_SECONDS: Final = 0.25
"""Between the tries: 20 of them outlast an engine that is restarted."""
_WATCHED_TRIES: Final = 3
_watched: ContextVar[bool] = ContextVar("watched", default=False)


@contextlib.contextmanager
def asking_again() -> Iterator[None]:
    """What is asked in here is asked again soon by whoever asks: a connection that cannot be made is told early."""
    token = _watched.set(True)
    try:
        yield
    finally:
        _watched.reset(token)


def tries(*, is_local: bool, is_first: bool, is_watched: bool) -> int | None:
    """How often a connection is tried; None: as often as botocore does. Pure.

    `is_first`: nothing has answered yet in this run, so most likely nothing is there.
    """
    if is_local:
        return 1 if is_first or is_watched else LOCAL_TRIES
    return _WATCHED_TRIES if is_watched else None


def give_up_early(*, is_local: bool, has_answered: Callable[[], bool]) -> Callable[..., float | bool | None]:
    """A handler of botocore's `needs-retry`, to stand before its own one: False ends the tries, a number waits (seconds)."""

    def needs_retry(attempts: int, caught_exception: Exception | None = None, **_: Any) -> float | bool | None:
        if not isinstance(caught_exception, EndpointConnectionError | ConnectTimeoutError):
            return None
        most = tries(is_local=is_local, is_first=not has_answered(), is_watched=_watched.get())
        if most is None:
            return None
        if attempts >= most:
            return False
        return LOCAL_SECONDS if is_local else None

    return needs_retry
