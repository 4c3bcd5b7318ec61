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
_CODES: Final = {404: "not-found", 405: "method-not-allowed", 413: "body-too-large"}

log = structlog.stdlib.get_logger(__name__)


class ProblemResponse(JSONResponse):
    """JSON under the media type of problems."""

    media_type = "application/problem+json"


def problem_response(
    status: int, code: str, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any
) -> ProblemResponse:
    body = {"type": f"urn:taskmanager:problem:{code}", "title": HTTPStatus(status).phrase, "status": status}
    body |= {"code": code, "detail": detail, "request_id": request_id.get(), **more}
    return ProblemResponse(body, status_code=status, headers=dict(headers or {}))


def install_problem_handlers(app: FastAPI) -> None:
    """Turn every exception into a problem."""
    app.add_exception_handler(Problem, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(DBAPIError, _database)
    app.add_exception_handler(PoolTimeoutError, _database)


async def _refused(_: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, Problem)
    return problem_response(error.status, error.code, error.detail, headers=error.headers)


async def _invalid(_: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, RequestValidationError)
    # never the input: it may be a password
    errors = [{"field": ".".join(str(part) for part in item["loc"]), "message": item["msg"]} for item in error.errors()]
    return problem_response(422, "invalid-request", "the request does not have the form that is needed", errors=errors)


async def _http(_: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, HTTPException)
    code = _CODES.get(error.status_code, f"http-{error.status_code}")
    return problem_response(error.status_code, code, str(error.detail), headers=error.headers)


async def _database(_: Request, error: Exception) -> ProblemResponse:
    cause = getattr(error, "orig", None) or error
    log.error("the database does not answer", error=type(cause).__name__, reason=str(cause)[:300])
    return problem_response(
        503, "database-unavailable", "the database does not answer; try again", headers={"Retry-After": "1"}
    )
