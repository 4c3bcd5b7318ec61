"""Which service of which account is meant: by the project file, or as CLUSTER/SERVICE without one.

api               the service `api` of the project around the current folder, in --env (default: the project's own)
CLUSTER/SERVICE   any service. In a project folder: in its environment (--env, else the project's default).
                  Elsewhere: on AWS, by the usual credentials and region; on the local engine with --env local,
                  with --port, or when FAIRWAY_ENDPOINT is set (`eval "$(fairway env)"` sets it).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fairway.errors import UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from fairway.aws.observe import Observer
    from fairway.aws.pace import Pace
    from fairway.aws.session import Aws
    from fairway.project.model import Environment, Project

DEFAULT_REGION: Final = "us-east-1"
TARGET_HELP: Final = "a service of the project, or CLUSTER/SERVICE without a project file"


@dataclass(frozen=True, slots=True)
class Named:
    """A service, and how it is named on the command line."""

    address: str
    """`api` or `CLUSTER/SERVICE`: what a next command takes."""
    name: str
    """On ECS."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the services are, and which are meant."""

    aws: Aws
    observer: Observer
    pace: Pace
    services: tuple[Named, ...]
    project: Project | None = None

    @property
    def environment(self) -> Environment:
        return self.aws.environment


def find_place(arguments: argparse.Namespace, words: Sequence[str], *, all_by_default: bool = True) -> Place:
    """Connect to where the named services are; without names, those of the project.

    Raises:
        UsageError: unknown service, no project file, the wrong account.
        AwsError: nothing answers there.
    """
    clusters = {word.rpartition("/")[0] for word in words}
    if len(clusters) > 1:
        raise UsageError("the services are of several clusters", hint="name services of one cluster at a time")
    cluster = next(iter(clusters), "")
    if cluster:
        return _without_names(arguments, cluster, [word.rpartition("/")[2] for word in words])
    from fairway.project.load import load_project  # noqa: PLC0415 - only what a verb needs is imported

    project = load_project(Path.cwd(), arguments.env)
    if not words and not all_by_default:
        raise UsageError("which service?", hint=f"one of {', '.join(project.services)}")
    named = [_of_project(project, word) for word in words] or [
        Named(key, spec.service_name) for key, spec in project.services.items()
    ]
    return connect_to(project.environment, named, project=project)


def _of_project(project: Project, word: str) -> Named:
    for key, spec in project.services.items():
        if word in {key, spec.service_name}:
            return Named(key, spec.service_name)
    from fairway.project.text import did_you_mean  # noqa: PLC0415 - only for this error

    raise UsageError(f"there is no service {word!r} in fairway.toml", hint=did_you_mean(word, project.services))


def _without_names(arguments: argparse.Namespace, cluster: str, names: Sequence[str]) -> Place:
    if not all(names):
        raise UsageError("CLUSTER/SERVICE names no service", hint="such as taskmanager-prod/taskmanager-api")
    from dataclasses import replace  # noqa: PLC0415 - only what a verb needs is imported

    environment = replace(find_environment(arguments.env), cluster=cluster)
    return connect_to(environment, [Named(f"{cluster}/{name}", name) for name in names])


def find_environment(name: str | None, *, without_project: bool = False) -> Environment:
    """The environment that is meant: the project's, else the local engine, else AWS by the usual credentials.

    `without_project`: no project file is looked for.

    Raises:
        UsageError: it is not known, or no region is.
    """
    from fairway.project.load import DEFAULT_ENDPOINT, find_project_file, load_environment  # noqa: PLC0415
    from fairway.project.model import LOCAL, Environment  # noqa: PLC0415

    try:
        file = None if without_project else find_project_file(Path.cwd())
    except UsageError:
        if name not in {None, LOCAL}:
            raise
        file = None
    if file is not None:
        return load_environment(file, name)
    endpoint = os.environ.get("FAIRWAY_ENDPOINT")
    if name == LOCAL or endpoint:
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or DEFAULT_REGION
        return Environment(LOCAL, "default", region, endpoint_url=endpoint or DEFAULT_ENDPOINT)
    return Environment("aws", "default", _region())


def _region() -> str:
    import boto3  # noqa: PLC0415 - heavy: only where AWS is spoken to

    region = os.environ.get("AWS_REGION") or boto3.Session().region_name
    if region is None:
        raise UsageError(
            "no region is known, and there is no fairway.toml here",
            hint="set AWS_REGION or AWS_PROFILE; or --env local for the engine on this machine",
        )
    return str(region)


def connect_to(environment: Environment, services: Sequence[Named], *, project: Project | None = None) -> Place:
    """A place in an environment, after the account was checked."""
    from fairway.aws.observe import Observer  # noqa: PLC0415 - heavy: only where AWS is spoken to
    from fairway.aws.pace import Pace  # noqa: PLC0415
    from fairway.aws.session import connect  # noqa: PLC0415

    aws = connect(environment)
    observer = Observer(aws, environment.cluster)
    return Place(aws, observer, Pace(is_local=environment.is_local), tuple(services), project)


def addresses_by_name(place: Place) -> Mapping[str, str]:
    """ECS's name of each service -> how it is named on the command line."""
    return {named.name: named.address for named in place.services}
