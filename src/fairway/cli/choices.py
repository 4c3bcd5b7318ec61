"""What chooses a release on the command line, of `deploy`, `plan` and `render` alike: services, --tag, --image, --set."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from fairway.errors import UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from fairway.deployment.release import Choices

_DURATION: Final = re.compile(r"(?P<number>\d+(?:\.\d+)?)(?P<unit>[smhd]?)")
_UNITS: Final = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
"""OCI distribution specification, Pulling manifests."""
_VARIABLE: Final = re.compile(r"[^=\s:/]+")


def add_release_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what chooses a release."""
    parser.add_argument("services", nargs="*", metavar="SERVICE", help="services of the project (default: all)")
    parser.add_argument(
        "--tag",
        action="append",
        default=[],
        metavar="[SERVICE=]T",
        help="put in for {{ tag }} in the images; of one service or one-off task, or of all",
    )
    parser.add_argument(
        "--changed-since",
        metavar="REV",
        help="only services of whose `paths` something has changed since a git revision",
    )
    parser.add_argument(
        "--image", action="append", default=[], metavar="[CONTAINER=]I", help="exactly this image for a container"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SERVICE[/CONTAINER]:KEY=VALUE",
        help="an environment variable of a container",
    )


def read_choices(arguments: argparse.Namespace) -> Choices:
    """What the command line says about a release.

    Raises:
        UsageError: an option has not its form.
    """
    from fairway.deployment.release import Choices  # noqa: PLC0415 - only what a verb needs is imported

    tag, tags = read_tags(arguments.tag)
    return Choices(
        services=tuple(arguments.services),
        tag=tag,
        tags=tags,
        images=tuple(read_image(text) for text in arguments.image),
        sets=tuple(read_set(text) for text in arguments.set),
    )


def read_duration(text: str, option: str) -> float:
    """Seconds: `90`, `90s`, `15m`, `2h`, `1d`.

    Raises:
        UsageError: it is no duration.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"{option} {text}: no duration", hint="such as 90s, 15m or 2h")
    return float(match["number"]) * _UNITS[match["unit"]]


def read_tags(texts: Sequence[str]) -> tuple[str | None, tuple[tuple[str, str], ...]]:
    """`T` and `SERVICE=T` -> (the tag for all or None, ((service or one-off task, its tag), …)).

    Raises:
        UsageError: two tags for the same, or none.
    """
    tags: dict[str, str] = {}
    for text in texts:
        key, separator, tag = text.partition("=")
        key, tag = (key, tag) if separator else ("", text)
        if not tag or (separator and not key):
            raise UsageError(f"--tag {text}: not [SERVICE=]T", hint="such as --tag v2 or --tag api=v2")
        if tags.get(key, tag) != tag:
            raise UsageError(
                f"--tag says both {tags[key]} and {tag}", hint="one tag for each: --tag api=v2 --tag worker=v3"
            )
        check_tag(tag)
        tags[key] = tag
    return tags.pop("", None), tuple(tags.items())


def check_tag(tag: str) -> None:
    """Make sure that an image can have a tag.

    Raises:
        UsageError: it cannot.
    """
    if not _TAG.fullmatch(tag):
        raise UsageError(f"{tag!r} cannot be a tag", hint="use letters, digits, `_`, `.` and `-`, at most 128")


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
        # the value may be a secret: it is not repeated
        said = f"{head}=…" if separator else head
        raise UsageError(f"--set {said}: not SERVICE[/container]:KEY=VALUE", hint="such as --set api:LOG_LEVEL=DEBUG")
    return service, container or None, key, value
