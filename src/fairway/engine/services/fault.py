"""The errors that the engine answers with: AWS's codes and texts, one class for each exception of a service's model."""

from __future__ import annotations

from typing import Any, ClassVar


class AwsFault(Exception):
    """An error as AWS answers it. Subclasses name the code; the text is AWS's.

    `code` is what clients see (`__type` in JSON, `Code` in XML). `fields` are further members of the error's shape.
    `shape` is its name in the model, where that differs: services that once spoke the query protocol alone have codes of
    their own, which clients go on to see.
    """

    code: ClassVar[str] = "InternalFailure"
    shape: ClassVar[str | None] = None
    status: ClassVar[int] = 400

    def __init__(self, message: str, **fields: Any) -> None:
        super().__init__(message)
        self.message = message
        self.fields = fields


class UnsupportedOperation(AwsFault):
    """The engine does not have this operation or member; the text names it."""

    code, status = "UnsupportedOperationException", 400


class ServiceUnavailable(AwsFault):
    """The engine's state could not be written."""

    code, status = "ServiceUnavailableException", 503


def not_here(member: str) -> str:
    """What is said of something that AWS has and the engine has not."""
    return f"{member} is not supported by this engine; docs/reference/operations.md lists what is."
