"""Links by which an export is read without signing in, as a browser's download is: signed, and good for an hour."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import struct
from datetime import datetime, timedelta
from typing import Final

from taskmanager.problems import Problem, not_found

LIFETIME: Final = timedelta(hours=1)
_SIGNATURE_BYTES: Final = 16
_LONGEST: Final = 8 + _SIGNATURE_BYTES


class Links:
    """Signs and checks the links of one signing key."""

    def __init__(self, key: str) -> None:
        # a key of its own: what signs access tokens signs nothing else
        self._key = hmac.digest(key.encode(), b"taskmanager export links", hashlib.sha256)

    def token(self, export_id: int, expires_at: datetime) -> str:
        seconds = struct.pack(">q", int(expires_at.timestamp()))
        return base64.urlsafe_b64encode(seconds + self._signature(export_id, seconds)).decode().rstrip("=")

    def check(self, export_id: int, token: str, moment: datetime) -> None:
        """Return if the token opens this export at this moment.

        Raises:
            Problem: it is forged or of another export, or it has expired.
        """
        try:
            content = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            content = b""
        seconds, signature = content[:8], content[8:]
        if len(content) != _LONGEST or not hmac.compare_digest(signature, self._signature(export_id, seconds)):
            raise not_found("export")
        if struct.unpack(">q", seconds)[0] <= moment.timestamp():
            raise Problem(410, "export-link-expired", "this link has expired; read the export for a new one")

    def _signature(self, export_id: int, seconds: bytes) -> bytes:
        text = b"%d:%s" % (export_id, seconds)
        return hmac.digest(self._key, text, hashlib.sha256)[:_SIGNATURE_BYTES]
