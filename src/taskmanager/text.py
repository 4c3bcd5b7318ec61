"""Texts that people write: of one line, or of many."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator, SecretStr, StringConstraints

_HALF: Final = re.compile(r"[\ud800-\udfff]")
"""JSON can spell half of a pair of surrogates; no database and no hash takes it."""
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_CONTROL_BUT_LINES: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def _one_line(text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError("control characters and line breaks are not allowed")
    return text


def _many_lines(text: str) -> str:
    if _CONTROL_BUT_LINES.search(text):
        raise ValueError("control characters are not allowed")
    return text


def _of_characters(secret: SecretStr) -> SecretStr:
    if _HALF.search(secret.get_secret_value()):
        raise ValueError("half a character is not allowed")
    return secret


Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1), AfterValidator(_one_line)]
Prose = Annotated[str, AfterValidator(_many_lines)]
Secret = Annotated[SecretStr, AfterValidator(_of_characters)]
