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


class Tokens:
    """Issues and checks the access tokens of one signing key."""

    def __init__(self, key: str) -> None:
        self._key = key

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
        try:
            claims = jwt.decode(
                token, self._key, algorithms=[_ALGORITHM], issuer=_ISSUER, options={"require": ["exp", "sub", "iss"]}
            )
            return int(claims["sub"])
        except jwt.ExpiredSignatureError:
            raise unauthorised("token-expired", "the access token has expired; sign in again") from None
        except (jwt.InvalidTokenError, ValueError):
            raise unauthorised("token-invalid", "the access token is not valid") from None


def unauthorised(code: str, detail: str) -> Problem:
    return Problem(401, code, detail, headers={"WWW-Authenticate": "Bearer"})
