"""Files of the pages. Their names carry a hash of the content, so that a browser keeps them for good.

During a deployment a page of one release asks a task of the other. What it gets for a hash that this release does not know is
the file as this release has it, and not for keeping: a page works with the files of its neighbours.
"""

from __future__ import annotations

import functools
import hashlib
import re
from dataclasses import dataclass
from importlib import resources
from typing import Final

from fastapi import APIRouter, Response

router = APIRouter(include_in_schema=False)
_TYPES: Final = {
    "pages.css": "text/css",
    "pages.js": "text/javascript",
    "htmx.js": "text/javascript",
    "icon.svg": "image/svg+xml",
    # what an open page of the release before this one asks for
    "app.css": "text/css",
    "app.js": "text/javascript",
}
_FOLDERS: Final = {"htmx.js": "vendor/"}
_HASHED: Final = re.compile(r"([a-z]+)\.([0-9a-f]{12})(\.[a-z]+)")
_FOR_GOOD: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class File:
    """A file as it is sent."""

    content: bytes
    media_type: str
    digest: str


@functools.cache
def _file(name: str) -> File:
    path = resources.files("taskmanager.web") / f"static/{_FOLDERS.get(name, '')}{name}"
    content = path.read_bytes()
    return File(content, _TYPES[name], hashlib.sha256(content).hexdigest()[:12])


@functools.cache
def static_path(name: str) -> str:
    """Where a page finds the file, such as /static/pages.0123456789ab.css."""
    stem, _, suffix = name.partition(".")
    return f"/static/{stem}.{_file(name).digest}.{suffix}"


@router.get("/static/{name}")
async def static(name: str) -> Response:
    hashed = _HASHED.fullmatch(name)
    plain, digest = (f"{hashed[1]}{hashed[3]}", hashed[2]) if hashed else (name, "")
    if plain not in _TYPES:
        return Response(status_code=404, headers={"Cache-Control": "no-store"})
    file = _file(plain)
    headers = {
        "Cache-Control": _FOR_GOOD if digest == file.digest else "no-cache",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(file.content, media_type=file.media_type, headers=headers)
