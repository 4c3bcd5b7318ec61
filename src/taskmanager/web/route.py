"""Routes of pages: whatever happens, the answer is a page, with the headers that all of them have."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final

import orjson
import structlog
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from taskmanager.problem_answers import problem_of
from taskmanager.problems import not_found
from taskmanager.web.rendering import page, redirect
from taskmanager.web.viewer import SignInNeeded, browser_of, sign_in_path

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    # the path is needed to come back after signing in again; no other site learns of it
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "private, no-store",
    "Vary": "Cookie, HX-Request",
}
_KEPT: Final = ("retry-after", "allow")
_TITLES: Final = {
    403: "You may not do this",
    404: "There is no such page",
    405: "This cannot be done here",
    409: "This does not go together",
    410: "This is gone",
    412: "Somebody was faster",
    413: "That is too much at once",
    429: "Too many requests",
    503: "Not now, try again",
    507: "There is no room left",
}
log = structlog.stdlib.get_logger(__name__)
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class PageRoute(APIRoute):
    """A route of a page."""

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def handle_page(request: Request) -> Response:
            try:
                response = await handle(request)
            except SignInNeeded:
                response = _to_sign_in(request)
            except Exception as error:  # noqa: BLE001  # the outermost layer of the pages
                response = await problem_page(request, error)
            response.headers.update(_HEADERS)
            renewed = getattr(request.state, "renewed", None)
            browser = browser_of(request)
            # not where the handler has ended the session
            sent = response.headers.getlist("set-cookie")
            if renewed is not None and not any(cookie.startswith(browser.session_cookie) for cookie in sent):
                browser.set_cookie(response, browser.session_cookie, *renewed)
            return response

        return handle_page


async def problem_page(request: Request, error: Exception) -> Response:
    """The page of what was refused, or has failed."""
    if isinstance(error, RequestValidationError):
        error = not_found("page")  # of a page's path alone: its forms are read by itself
    answer = await problem_of(request, error)
    if answer.status_code == 500:  # noqa: PLR2004  # of the rest, the one who asked or the database is the cause
        log.error("the page failed", path=request.url.path, error=type(error).__name__, exc_info=error)
    problem = orjson.loads(answer.body)
    title = _TITLES.get(answer.status_code, "This did not work")
    response = page(request, "problem.html", status=answer.status_code, title=title, problem=problem)
    response.headers.update({name: value for name, value in answer.headers.items() if name in _KEPT})
    if "hx-request" in request.headers:
        # told on the page that is there: nothing that was typed into it is lost
        response.headers.update({"HX-Retarget": "#said", "HX-Reselect": "#problem", "HX-Reswap": "innerHTML"})
    return response


def _to_sign_in(request: Request) -> Response:
    path = sign_in_path(request)
    if "hx-request" in request.headers:
        return Response(status_code=401, headers={"HX-Redirect": path})
    return redirect(request, path)
