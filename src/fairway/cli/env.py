"""`fairway env`: what the AWS CLI and SDKs need to speak to the local engine, as lines for a shell."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, Final

from fairway.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from fairway.cli.output import Output

EXAMPLES: Final = """  eval "$(fairway env)"             the AWS CLI and SDKs speak to the engine from now on
  eval "$(fairway env --unset)"     and no longer
"""
_KEY: Final = "local"
_NAMES: Final = (
    "AWS_ENDPOINT_URL",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_EC2_METADATA_DISABLED",
    "FAIRWAY_ENDPOINT",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--unset", action="store_true", help="the lines that take it back")


def run(arguments: argparse.Namespace, out: Output) -> int:
    if arguments.unset:
        out.document({"unset": [*_NAMES, "AWS_PROFILE"]})
        out.text(f"unset {' '.join(_NAMES)}")
        return 0
    values = variables(arguments.env)
    out.document({"variables": values, "unset": ["AWS_PROFILE", "AWS_SESSION_TOKEN"]})
    # a profile would be read before the keys
    out.text("unset AWS_PROFILE AWS_SESSION_TOKEN")
    for name, value in values.items():
        out.text(f"export {name}={shlex.quote(value)}")
    return 0


def variables(environment_name: str | None) -> dict[str, str]:
    """The variables for the local environment.

    Raises:
        UsageError: another environment is on AWS itself, which needs none of them.
    """
    from fairway.cli.where import find_environment  # noqa: PLC0415 - only what a verb needs is imported
    from fairway.project.model import LOCAL  # noqa: PLC0415

    if environment_name not in {None, LOCAL}:
        raise UsageError(f"{environment_name} is on AWS itself", hint="env is for the engine on this machine")
    environment = find_environment(LOCAL)
    endpoint = environment.endpoint_url or ""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": os.environ.get("USER") or _KEY,
        "AWS_SECRET_ACCESS_KEY": _KEY,
        "AWS_REGION": environment.region,
        "AWS_DEFAULT_REGION": environment.region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "FAIRWAY_ENDPOINT": endpoint,
    }
