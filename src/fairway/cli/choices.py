"""Reads what `deploy` takes: --image, --set, --timeout."""

from __future__ import annotations

import re
from typing import Final

from fairway.errors import UsageError

_DURATION: Final = re.compile(r"(?P<number>\d+(?:\.\d+)?)(?P<unit>[smhd]?)")
_UNITS: Final = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_VARIABLE: Final = re.compile(r"[^=\s:/]+")


def read_duration(text: str, option: str) -> float:
    """Seconds: `90`, `90s`, `15m`, `2h`, `1d`.

    Raises:
        UsageError: it is no duration.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"{option} {text}: no duration", hint="such as 90s, 15m or 2h")
    return float(match["number"]) * _UNITS[match["unit"]]


def read_image(text: str) -> tuple[str, str]:
    """`[container=]IMAGE` -> (container or empty, image)."""
    container, separator, image = text.partition("=")
    if not separator or "/" in container or ":" in container:
        return "", text
    if not image:
        raise UsageError(f"--image {text}: the image is missing", hint="--image container=IMAGE")
    return container, image


def read_set(text: str) -> tuple[str, str | None, str, str]:
    """`SERVICE[/container]:KEY=VALUE` -> (service, container, key, value).

    Raises:
        UsageError: it does not have that form.
    """
    head, separator, value = text.partition("=")
    target, colon, key = head.partition(":")
    service, slash, container = target.partition("/")
    if not separator or not colon or not service or not _VARIABLE.fullmatch(key) or (slash and not container):
        raise UsageError(f"--set {text}: not SERVICE[/container]:KEY=VALUE", hint="such as --set api:LOG_LEVEL=DEBUG")
    return service, container or None, key, value
