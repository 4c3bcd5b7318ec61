"""Around each call to AWS: errors in Fairway's words, long lists in pieces."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from fairway.aws.session import translate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

T = TypeVar("T")
DENIED: Final = frozenset(
    {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "Client.UnauthorizedOperation"}
    | {"AuthorizationError", "NotAuthorized", "UnauthorizedException"}
)
"""Codes by which AWS's services say that a permission is missing."""


@contextmanager
def calling(doing: str) -> Iterator[None]:
    """Translate what botocore raises; `doing` says what was being done.

    Raises:
        AwsError: AWS refused, or cannot be reached.
        CredentialsError: there are none, or they have ended.
    """
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise translate(error, doing=doing) from error


def error_code(error: ClientError) -> str:
    """AWS's code of an error."""
    return str(error.response.get("Error", {}).get("Code", ""))


def is_denied(code: str) -> bool:
    """A permission is missing."""
    return code in DENIED


def batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The items in pieces of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
