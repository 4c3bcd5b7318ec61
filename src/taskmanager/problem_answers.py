"""Errors as clients see them: `application/problem+json` with a stable `code` and the `request_id` (RFC 9457)."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import structlog
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException

from taskmanager.logs import request_id
from taskmanager.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import FastAPI, Request

# not from the phrases: those change with the version of Python
_CODES: Final = {400: "body-malformed", 404: "not-found", 405: "method-not-allowed", 413: "body-too-large"}

_MEDIA_TYPE: Final = "application/problem+json"
_SCHEMA: Final = {
    "type": "object",
    "required": ["type", "title", "status", "code", "detail", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "Stable, for programs."},
        "detail": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "description": "Of a request that does not have the form that is needed: what is wrong with which field.",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
DESCRIBED: Final[dict[int | str, dict[str, Any]]] = {
    family: {"description": text, "content": {_MEDIA_TYPE: {"schema": _SCHEMA}}}
    for family, text in (("4XX", "The request is refused."), ("5XX", "It cannot be answered now."))
}
"""What every operation may answer instead, for the description of the API."""

log = structlog.stdlib.get_logger(__name__)


class ProblemResponse(JSONResponse):
    """JSON under the media type of problems."""

    media_type = _MEDIA_TYPE


def problem_response(
    status: int, code: str, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any
) -> ProblemResponse:
    body = {"type": f"urn:taskmanager:problem:{code}", "title": HTTPStatus(status).phrase, "status": status}
    body |= {"code": code, "detail": detail, "request_id": request_id.get(), **more}
    return ProblemResponse(body, status_code=status, headers=dict(headers or {}))


def install_problem_handlers(app: FastAPI) -> None:
    """Turn every exception into a problem."""
    for kind in (Problem, RequestValidationError, HTTPException, DBAPIError, PoolTimeoutError):
        app.add_exception_handler(kind, problem_of)
    # answered here, since Starlette would answer in plain text; raised again all the same, and logged by the edge
    app.add_exception_handler(Exception, problem_of)


async def problem_of(_: Request, error: Exception) -> ProblemResponse:
    """What an exception is for the one who asked."""
    match error:
        case Problem():
            return _refused(error)
        case RequestValidationError():
            return _invalid(error)
        case HTTPException():
            return _http(error)
        case DBAPIError() | PoolTimeoutError():
            return _database(error)
        case _:
            return internal_error()


def _refused(error: Problem) -> ProblemResponse:
    return problem_response(error.status, error.code, error.detail, headers=error.headers)


def _invalid(error: RequestValidationError) -> ProblemResponse:
    # never the input: it may be a password
    errors = [{"field": ".".join(str(part) for part in item["loc"]), "message": item["msg"]} for item in error.errors()]
    return problem_response(422, "invalid-request", "the request does not have the form that is needed", errors=errors)


def _http(error: HTTPException) -> ProblemResponse:
    code = _CODES.get(error.status_code, f"http-{error.status_code}")
    return problem_response(error.status_code, code, str(error.detail), headers=error.headers)


def internal_error() -> ProblemResponse:
    """Of an exception that nobody expected; the log says which."""
    return problem_response(500, "internal-error", "an error happened; it has been noted")


def is_full(cause: BaseException) -> bool:
    """The database has no room: SQLITE_FULL; of MySQL "disk full" (1021), "table is full" (1114), "no space" (3675)."""
    code = cause.args[0] if cause.args else None
    return getattr(cause, "sqlite_errorname", None) == "SQLITE_FULL" or code in {1021, 1114, 3675}


def _database(error: DBAPIError | PoolTimeoutError) -> ProblemResponse:
    cause = getattr(error, "orig", None) or error
    log.error("the database does not answer", error=type(cause).__name__, reason=str(cause)[:300])
    if is_full(cause):
        return problem_response(507, "storage-full", "the database's disk is full; nothing was changed")
    return problem_response(
        503, "database-unavailable", "the database does not answer; try again", headers={"Retry-After": "1"}
    )
