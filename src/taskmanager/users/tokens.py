"""Access tokens: signed, of short life, checked without a look into the database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import jwt

from taskmanager.problems import Problem

LIFETIME: Final = timedelta(minutes=15)
"""How long somebody whose rights were taken away may still use a token: nothing looks it up."""
_ALGORITHM: Final = "HS256"
_ISSUER: Final = "taskmanager"
_MOST_KNOWN: Final = 10_000
"""Tokens whose signature is not computed again, 300 bytes each."""


class Tokens:
    """Issues and checks the access tokens of one signing key."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._known: dict[str, tuple[int, int]] = {}
        """Of tokens that were checked: the user, and the second in which they expire. A client sends the same for minutes."""

    def issue(self, user_id: int) -> str:
        moment = datetime.now(UTC)
        claims = {"sub": str(user_id), "iss": _ISSUER, "iat": moment, "exp": moment + LIFETIME}
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM)

    def answer(self, user_id: int, refresh_token: str) -> dict[str, str | int]:
        """What a client gets that signs in or refreshes."""
        seconds = int(LIFETIME.total_seconds())
        return {"access_token": self.issue(user_id), "expires_in": seconds, "refresh_token": refresh_token}

    def user_id(self, token: str) -> int:
        """The user for whom the token was issued.

        Raises:
            Problem: forged, expired, or no token.
        """
        known = self._known.get(token)
        if known is not None and datetime.now(UTC).timestamp() < known[1]:
            return known[0]
        try:
            claims = jwt.decode(
                token, self._key, algorithms=[_ALGORITHM], issuer=_ISSUER, options={"require": ["exp", "sub", "iss"]}
            )
            known = int(claims["sub"]), int(claims["exp"])
        except jwt.ExpiredSignatureError:
            raise unauthorised("token-expired", "the access token has expired; sign in again") from None
        except (jwt.InvalidTokenError, ValueError):
            raise unauthorised("token-invalid", "the access token is not valid") from None
        if len(self._known) >= _MOST_KNOWN:
            # the oldest tenth goes, as most of them have expired
            for old in list(self._known)[: _MOST_KNOWN // 10]:
                del self._known[old]
        self._known[token] = known
        return known[0]


def unauthorised(code: str, detail: str) -> Problem:
    return Problem(401, code, detail, headers={"WWW-Authenticate": "Bearer"})
