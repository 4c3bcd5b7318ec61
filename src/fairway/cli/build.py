"""`fairway build`: builds the images of services and tasks for the local engine, and registers them with its ECR."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from fairway.aws.session import connect, translate
from fairway.cli.choices import check_tag
from fairway.cli.command import command
from fairway.cli.engine_health import engine_health
from fairway.cli.interrupted import say_interrupted, terminable
from fairway.engine.runtime.build import MANIFEST, Built, build_image
from fairway.engine.runtime.images import ImageStore
from fairway.errors import UsageError
from fairway.project.load import load_project
from fairway.project.model import LOCAL
from fairway.project.text import did_you_mean

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from fairway.aws.session import Aws
    from fairway.cli.output import Output
    from fairway.project.model import Project, ScheduledSpec, ServiceSpec, TaskSpec

EXAMPLES: Final = """
  fairway build --tag v2                  every image of the project, from the working tree
  fairway build api --tag v1 --from v1.0  one image, as the commit v1.0 has it
"""
_TIMEOUT_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One image, and whose it is: services and tasks may share one."""

    repository: str
    definition: Path
    keys: tuple[str, ...]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("keys", nargs="*", metavar="SERVICE", help="services and tasks of the project (default: all)")
    parser.add_argument("--tag", required=True, metavar="TAG", help="the tag of the images; a tag is never moved")
    parser.add_argument("--from", dest="commit", metavar="COMMIT", help="build from a commit, not the working tree")


def run(arguments: argparse.Namespace, out: Output) -> int:
    """Build and register; the exit code."""
    if arguments.env not in {None, LOCAL}:
        raise _local_only(arguments.env)
    project = load_project(Path.cwd(), arguments.env, is_needed=True)
    aws = connect(project.environment)
    built: list[str] = []
    with terminable():
        try:
            build_images(
                project, aws, out, tag=arguments.tag, keys=arguments.keys or None, commit=arguments.commit, built=built
            )
        except KeyboardInterrupt as error:
            again = command(" ".join(["build", *arguments.keys, "--tag", arguments.tag]), arguments.env)
            again += f" --from {arguments.commit}" if arguments.commit else ""
            done = [f"{name} is built and registered" for name in built] or ["no image was registered"]
            return say_interrupted(out, error, [], [*done, f"→ build the rest (nothing is half made): {again}"])
    return 0


def build_images(
    project: Project,
    aws: Aws,
    out: Output,
    *,
    tag: str,
    keys: Sequence[str] | None = None,
    commit: str | None = None,
    built: list[str] | None = None,
) -> dict[str, str]:
    """Build the images of `keys` (None: of all that have an image definition) and register them; key -> digest.

    Their names are added to `built`, one by one.

    What is there already is not built again. On the simulated runtime nothing is built: it runs any image.

    Raises:
        UsageError: not the local environment; no such service; no image definition; the tag is another image already.
        InstallFailed: an environment cannot be made.
        AwsError: the engine does not answer.
    """
    if not project.environment.is_local:
        raise _local_only(project.environment.name)
    check_tag(tag)
    wanted = _wanted(project, keys)
    health = _engine_health(project)
    if health.get("runtime") != "process":
        out.note("the engine simulates its tasks: no image is needed")
        return {}
    store = _store(Path(str(health["data"])))
    digests: dict[str, str] = {}
    for item in wanted:
        name = f"{item.repository}:{tag}"
        out.text(f"building {name} ({', '.join(item.keys)})" + (f" from {commit}" if commit else ""))
        made = build_image(store, item.definition, tag, commit=commit, progress=lambda line: out.text(f"  {line}"))
        is_registered = _register(aws, item.repository, tag, made)
        digest = made.image.digest
        if built is not None:
            built.append(name)
        state = "new" if is_registered else "there already"
        out.text(f"  {name} is {digest[:19]} ({state})")
        out.event("image", repository=item.repository, tag=tag, digest=digest, keys=list(item.keys), new=is_registered)
        digests |= dict.fromkeys(item.keys, digest)
    return digests


def _local_only(environment: str) -> UsageError:
    return UsageError(
        f"images are built for the local engine only, not for {environment}",
        hint="build the Dockerfile, and push it to ECR",
    )


def _wanted(project: Project, keys: Sequence[str] | None) -> list[_Wanted]:
    specs: Mapping[str, ServiceSpec | TaskSpec | ScheduledSpec] = {
        **project.services,
        **project.tasks,
        **project.scheduled,
    }
    for key in keys or ():
        if key not in specs:
            raise UsageError(f"the project has no service or task {key!r}", hint=did_you_mean(key, specs))
        image = specs[key].image
        if image is None or image.definition is None:
            raise UsageError(
                f"{key} has no image definition",
                hint='add image = { repository = "NAME", definition = "docker/NAME.image.toml" } to it in fairway.toml',
            )
    shared: dict[tuple[str, Path], list[str]] = {}
    for key, spec in specs.items():
        if spec.image is not None and spec.image.definition is not None and (keys is None or key in keys):
            shared.setdefault((spec.image.repository, spec.image.definition), []).append(key)
    if not shared:
        raise UsageError("the project has nothing to build: no image has a definition")
    return [_Wanted(repository, path, tuple(names)) for (repository, path), names in shared.items()]


def _engine_health(project: Project) -> Mapping[str, Any]:
    endpoint = str(project.environment.endpoint_url)
    health = engine_health(urlsplit(endpoint).port, seconds=_TIMEOUT_SECONDS)
    if health is None:
        raise UsageError(f"no engine answers at {endpoint}", hint="start one: fairway up (or fairway engine start)")
    return health


def _store(data: Path) -> ImageStore:
    """The engine's images.

    Raises:
        UsageError: they belong to another user.
    """
    folder = data / "images"
    if not os.access(folder, os.W_OK):
        raise UsageError(
            f"the engine's images in {folder} belong to another user",
            hint="build as the user that the engine runs as, or start an engine of your own with --port and --data",
        )
    return ImageStore(folder)


def _register(aws: Aws, repository: str, tag: str, built: Built) -> bool:
    """Tell ECR; False: it had the image under this tag already."""
    try:
        aws.ecr.create_repository(repositoryName=repository, imageTagMutability="IMMUTABLE")
    except (ClientError, BotoCoreError) as error:
        if _code(error) != "RepositoryAlreadyExistsException":
            raise translate(error, doing=f"making the repository {repository}") from error
    try:
        aws.ecr.put_image(
            repositoryName=repository, imageManifest=built.manifest, imageManifestMediaType=MANIFEST, imageTag=tag
        )
    except (ClientError, BotoCoreError) as error:
        match _code(error):
            case "ImageAlreadyExistsException":
                return False
            case "ImageTagAlreadyExistsException":
                raise UsageError(
                    f"{repository}:{tag} is another image already, and a tag is never moved "
                    f"(what was built now is {built.image.digest[:19]})",
                    hint="choose another --tag",
                ) from None
            case _:
                raise translate(error, doing=f"registering {repository}:{tag}") from error
    return True


def _code(error: ClientError | BotoCoreError) -> str:
    return str(error.response.get("Error", {}).get("Code")) if isinstance(error, ClientError) else ""
