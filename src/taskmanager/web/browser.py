"""What this program and a browser agree on: names of cookies, the tokens of forms, the way back after signing in."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

from taskmanager.problems import Problem

if TYPE_CHECKING:
    from fastapi import Request, Response

HOME: Final = "/app/projects"
SIGN_IN: Final = "/app/sign-in"
FORM_TOKEN: Final = "form_token"  # noqa: S105  # the name of a field
HEADER: Final = "X-Form-Token"
FLASH: Final = "tm_flash"
_LONGEST_PATH: Final = 1_000
_PATH: Final = re.compile(r"/app/[\x21-\x5b\x5d-\x7e]*")
"""Of a page of ours: no backslash, which browsers take for a slash, nor anything that they drop."""
_CROSS_SITE: Final = "cross-site"


class Browser:
    """The cookies and forms of one signing key."""

    def __init__(self, key: str, *, is_secure: bool) -> None:
        # a key of its own: what signs access tokens signs nothing else
        self._key = hmac.digest(key.encode(), b"taskmanager forms", hashlib.sha256)
        self._is_secure = is_secure
        # with the prefix no other host can set it; a browser takes it over HTTPS alone
        prefix = "__Host-" if is_secure else ""
        self.session_cookie, self.visit_cookie = f"{prefix}tm_session", f"{prefix}tm_visit"

    def set_cookie(self, response: Response, name: str, value: str, seconds: int | None) -> None:
        """Set a cookie that no script reads and no other site's form sends; without seconds it ends with the browser."""
        same_site: Literal["lax"] = "lax"
        response.set_cookie(
            name, value, max_age=seconds, path="/", secure=self._is_secure, httponly=True, samesite=same_site
        )

    def drop_cookie(self, response: Response, name: str) -> None:
        response.delete_cookie(name, path="/", secure=self._is_secure, httponly=True, samesite="lax")

    def form_token(self, subject: str) -> str:
        """What a form carries; `subject` is the session, or the visit of somebody who has none."""
        return hmac.new(self._key, subject.encode(errors="replace"), hashlib.sha256).hexdigest()

    def check_form(self, request: Request, subject: str, given: str) -> None:
        """Go on only if the form was given to this session by us.

        Raises:
            Problem: another site sent it, or it belongs to another session.
        """
        if request.headers.get("sec-fetch-site") == _CROSS_SITE:
            raise Problem(403, "form-foreign", "another site sent this form; nothing was changed")
        known = self.form_token(subject)
        if not hmac.compare_digest(known.encode(), given.encode(errors="replace")):
            raise Problem(
                403,
                "form-token-wrong",
                "this page is of an earlier sign-in, so that nothing was changed; load it again and send the form once more",
            )


def new_visit() -> str:
    return secrets.token_urlsafe(32)


def safe_path(wanted: str | None, otherwise: str = HOME) -> str:
    """The path of a page of ours, as somebody asked for it; anything else is replaced: nobody is led to another site.

    /app/tasks/5?x=1 -> itself     //evil.example -> /app/projects     /app/../evil -> /app/projects
    """
    if wanted is None or len(wanted) > _LONGEST_PATH or not _PATH.fullmatch(wanted):
        return otherwise
    path = urlsplit(wanted).path
    return otherwise if "//" in path or ".." in path else wanted
