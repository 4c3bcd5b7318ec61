"""Asks for what it would be good to know: what may not be read is not known, and no error."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, TypeVar

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

from fairway.aws.calls import error_code, is_denied
from fairway.aws.session import is_expired, translate
from fairway.preconditions import Unread

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")
_NOT_THERE: Final = frozenset({"UnsupportedOperationException", "UnsupportedOperation", "UnknownOperationException"})
_AT_ONCE: Final = 8


def ask(takes: str, call: Callable[[], T], *, missing: frozenset[str] = frozenset()) -> T | Unread | None:
    """What a call answers; None for one of the codes that say that there is none; else why it is not known.

    `takes`: the permission, such as `iam:GetRole`.

    Raises:
        CredentialsError: there are none, or they have ended.
    """
    try:
        return call()
    except ClientError as error:
        code = error_code(error)
        if code in missing:
            return None
        if is_denied(code):
            return Unread(f"not allowed: it takes {takes}")
        if code in _NOT_THERE:
            return Unread(f"this endpoint does not have {takes}")
        if is_expired(code):
            raise translate(error, doing=f"asking {takes}") from error
        return Unread(f"{takes}: {translate(error, doing=code).message}")
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise translate(error, doing=f"asking {takes}") from error
    except BotoCoreError as error:
        return Unread(f"{takes}: {error}")


def side_by_side(questions: Mapping[str, Callable[[], Any]]) -> dict[str, Any]:
    """The answers to several questions, asked at the same time.

    boto3's clients may be shared by threads; they are to be made before.
    """
    if not questions:
        return {}
    with ThreadPoolExecutor(max_workers=min(_AT_ONCE, len(questions))) as pool:
        waiting = {name: pool.submit(question) for name, question in questions.items()}
        return {name: answer.result() for name, answer in waiting.items()}
