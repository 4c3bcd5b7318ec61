"""The page at `/`: the release that answers, and one's tasks. Files are read once; the browser talks to the API itself."""

from __future__ import annotations

import functools
import html
from importlib import resources
from typing import Final

from fastapi import APIRouter, Request, Response

router = APIRouter(include_in_schema=False)
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # during a deployment two releases answer: a page is to ask for the files that belong to it
    "Cache-Control": "no-cache",
}
_TYPES: Final = {"app.js": "text/javascript", "app.css": "text/css"}


@functools.cache
def _read(name: str) -> str:
    return (resources.files("taskmanager.web") / name).read_text(encoding="utf-8")


@router.get("/")
async def index(request: Request) -> Response:
    version = html.escape(request.app.state.version)
    return Response(_read("index.html").replace("{{ version }}", version), media_type="text/html", headers=_HEADERS)


@router.get("/static/{name}")
async def static(name: str) -> Response:
    media_type = _TYPES.get(name)
    if media_type is None:
        return Response(status_code=404)
    return Response(_read(name), media_type=media_type, headers=_HEADERS)
