"""`fairway render`: the definitions as the AWS CLI takes them. Asks AWS only for values that live there (`ssm:`)."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fairway.cli.choices import add_release_arguments, read_choices
from fairway.errors import UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from fairway.cli.output import Output
    from fairway.planning.release import Release
    from fairway.project.model import Project

_MODE: Final = 0o600
EXAMPLES: Final = """  fairway render api --tag v2                        one JSON object: service, command of `aws ecs`, what it takes
  fairway render --tag v2 --env production --out rendered
  aws ecs register-task-definition --cli-input-json file://rendered/api.register-task-definition.json
  aws ecs update-service --cli-input-json file://rendered/api.update-service.json

The documents are whole, plain values of variables too: files of --out can be read by their owner alone.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_release_arguments(parser)
    parser.add_argument("--out", metavar="DIR", help="write a file for each command, instead of printing them")


def run(arguments: argparse.Namespace, out: Output) -> int:
    from fairway.cli.changed import narrow  # noqa: PLC0415 - only what a verb needs is imported
    from fairway.deployment.release import make_release  # noqa: PLC0415
    from fairway.deployment.render import rendered  # noqa: PLC0415
    from fairway.project.load import load_project  # noqa: PLC0415

    project = load_project(Path.cwd(), arguments.env, is_needed=True)
    choices = narrow(read_choices(arguments), arguments.changed_since, project)
    if choices is None:
        out.text(f"nothing that a service is made of has changed since {arguments.changed_since}")
        return 0
    release = _resolved(project, make_release(project, choices))
    made = rendered(release, project.environment.cluster)
    if arguments.out is None:
        out.text(json.dumps(made, indent=2, ensure_ascii=False))
        for key, commands in made.items():
            for command, document in commands.items():
                out.event("rendered", key=key, command=command, document=document)
        return 0
    for path in _write(Path(arguments.out), made):
        out.text(str(path))
        out.event("rendered_file", path=str(path))
    return 0


def _resolved(project: Project, release: Release) -> Release:
    """With values of the account put in, when there are any: else nobody is asked, and no credentials are needed."""
    from fairway.aws.values import has_references  # noqa: PLC0415 - only what a verb needs is imported

    documents: list[Any] = [item.definition for item in release.services] + [item.service for item in release.services]
    documents += [task.definition for task in release.before] + [task.run for task in release.before]
    if not any(has_references(document) for document in documents):
        return release
    from fairway.aws.session import connect  # noqa: PLC0415 - only where AWS is spoken to
    from fairway.deployment.release import resolve_release  # noqa: PLC0415

    return resolve_release(connect(project.environment), release)


def _write(folder: Path, made: Mapping[str, Mapping[str, Any]]) -> list[Path]:
    """A file for each document: `api.update-service.json`.

    Raises:
        UsageError: one cannot be written.
    """
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for key, commands in made.items():
            for command, document in commands.items():
                path = folder / f"{key}.{command}.json"
                flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
                with os.fdopen(os.open(path, flags, _MODE), "w", encoding="utf-8") as file:
                    file.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
                written.append(path)
    except OSError as error:
        raise UsageError(
            f"{error.filename or folder} cannot be written: {error.strerror or error}", hint="choose another: --out DIR"
        ) from None
    return written
