"""`fairway init`: the files of a project, from services that live, or from another tool's files. Reads AWS, changes nothing there."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fairway.errors import UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from fairway.cli.output import Output
    from fairway.cli.where import Place
    from fairway.observed import Surroundings
    from fairway.planning.adoption import Adopted
    from fairway.planning.plain_secrets import PlainSecrets

EXAMPLES: Final = """  fairway init --from prod/api --from prod/worker shop       the folder shop: fairway.toml, deploy/*.json
  fairway init --from arn:aws:ecs:eu-west-1:123456789012:service/prod/api shop --env production
  fairway init --from-ecspresso ecspresso.yml shop

Nothing is written over, and nothing changes in AWS. Until `manage` is taken out of fairway.toml, deployments change revisions alone.
What looks like a secret in plain variables becomes ${NAME}, and is named: it is written into no file.
"""
_MODE: Final = 0o644


def add_arguments(parser: argparse.ArgumentParser) -> None:
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--from",
        dest="sources",
        action="append",
        metavar="CLUSTER/SERVICE",
        help="a service that lives; again for more of that cluster. An ARN is held against account and region",
    )
    source.add_argument(
        "--from-ecspresso", metavar="FILE", help="ecspresso.yml or .json, with the definitions that it names"
    )
    parser.add_argument("--account", metavar="ID", help="the account that is meant: it is held against the credentials")
    parser.add_argument("folder", nargs="?", default=".", metavar="DIR", help="where the project goes (default: here)")


def run(arguments: argparse.Namespace, out: Output) -> int:
    folder = Path(arguments.folder)
    if arguments.from_ecspresso is not None:
        from fairway.cli.ecspresso import convert  # noqa: PLC0415 - only for this option

        return convert(Path(arguments.from_ecspresso), folder, arguments.env, arguments.account, out)
    return _adopt(arguments.sources, folder, arguments, out)


@dataclass(frozen=True, slots=True)
class Source:
    """A service that is to be written down."""

    cluster: str
    name: str
    account: str | None = None
    region: str | None = None


def read_source(text: str) -> Source:
    """`CLUSTER/SERVICE`, or the service's ARN.

    Raises:
        UsageError: it is neither.
    """
    from fairway.arn import Arn, is_arn  # noqa: PLC0415 - only what a verb needs is imported

    account = region = None
    words = text
    if is_arn(text):
        arn = Arn.parse(text)
        account, region = arn.account, arn.region
        kind, _, words = arn.resource.partition("/")
        words = words if (arn.service, kind) == ("ecs", "service") else ""
    cluster, _, name = words.partition("/")
    if not cluster or not name or "/" in name:
        raise UsageError(
            f"--from {text}: not CLUSTER/SERVICE", hint="such as --from production/api, or a service's ARN"
        )
    return Source(cluster, name, account, region)


def _adopt(words: Sequence[str], folder: Path, arguments: argparse.Namespace, out: Output) -> int:
    from fairway.aws.survey import survey  # noqa: PLC0415 - only what a verb needs is imported
    from fairway.deployment.update import refuse_others  # noqa: PLC0415
    from fairway.planning.adoption import Written, adopt, key_of, project_files  # noqa: PLC0415
    from fairway.planning.plain_secrets import PlainSecrets  # noqa: PLC0415
    from fairway.project.manage import TASK_DEFINITION  # noqa: PLC0415

    sources = list(dict.fromkeys(read_source(text) for text in words))
    place = _connect(sources, arguments)
    keys = [key_of(source.name) for source in sources]
    refuse_existing(folder, _paths(keys, place.environment.name))
    surroundings = survey(place.observer, [source.name for source in sources], ())
    secrets, adopted = PlainSecrets(), []
    for source, key in zip(sources, keys, strict=True):
        living = surroundings.services[source.name]
        if living.service is None or living.serving is None:
            place.observer.service(source.name)  # says that there is none
            raise UsageError(f"{source.name} has no task definition", hint="a service with task sets is another tool's")
        refuse_others(living.service)
        adopted.append(adopt(key, living, surroundings.default_strategy, secrets))
    where = Written(place.environment.name, surroundings.region, surroundings.cluster, surroundings.account)
    name = folder.absolute().name or "project"
    write_files(folder, project_files(name, where, adopted, manage=TASK_DEFINITION), out)
    tell(out, adopted, secrets.places)
    return _check(folder, place, adopted, surroundings, secrets, out)


def _paths(keys: Sequence[str], environment: str) -> list[str]:
    files = [f"deploy/{key}.{kind}.json" for key in keys for kind in ("task", "service")]
    return ["fairway.toml", *files, f"deploy/environments/{environment}.toml"]


def _connect(sources: Sequence[Source], arguments: argparse.Namespace) -> Place:
    """Where the services live: the local engine, where it is asked for; else AWS, by the usual credentials.

    Raises:
        UsageError: several clusters; another account or region than an ARN says.
    """
    from fairway.cli.where import connect_to, find_environment  # noqa: PLC0415 - only what a verb needs is imported
    from fairway.project.model import LOCAL  # noqa: PLC0415

    clusters = sorted({source.cluster for source in sources})
    if len(clusters) > 1:
        raise UsageError(
            f"the services are of several clusters: {', '.join(clusters)}",
            hint="a project's environment has one cluster",
        )
    found = find_environment(LOCAL if arguments.env == LOCAL else None, without_project=True)
    name = found.name if found.is_local else arguments.env or "production"
    if found.is_local and arguments.env not in {None, LOCAL}:
        raise UsageError(
            f"FAIRWAY_ENDPOINT is set, but {arguments.env} is on AWS itself",
            hint="unset FAIRWAY_ENDPOINT, or leave --env out",
        )
    regions = {source.region for source in sources} - {None}
    region = next(iter(sorted(str(one) for one in regions)), found.region)
    place = connect_to(replace(found, cluster=clusters[0], name=name, region=region), ())
    account = place.aws.caller()["Account"]
    if arguments.account not in {None, account}:
        raise UsageError(
            f"these credentials belong to account {account}, not {arguments.account}",
            hint="choose the right profile: AWS_PROFILE",
        )
    for source in sources:
        if source.account not in {None, account} or source.region not in {None, region}:
            raise UsageError(
                f"{source.cluster}/{source.name} is of account {source.account}, {source.region}; these credentials are of "
                f"{account}, {region}",
                hint="choose the right profile: AWS_PROFILE",
            )
    return place


def refuse_existing(folder: Path, paths: Sequence[str]) -> None:
    """Nothing is written over.

    Raises:
        UsageError: names what is in the way.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is no folder", hint="name another one: fairway init … DIR")
    there = [path for path in paths if (folder / path).exists()]
    if there:
        raise UsageError(
            f"in the way in {folder}: {', '.join(there)}: nothing is written over",
            hint="name another folder, or move them",
        )


def write_files(folder: Path, files: Mapping[str, str], out: Output) -> None:
    """Write the files, each of which is new.

    Raises:
        UsageError: one cannot be written; those before it stay.
    """
    for path, text in files.items():
        target = folder / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            with os.fdopen(os.open(target, flags, _MODE), "w", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise UsageError(
                f"{target} cannot be written: {error.strerror or error}", hint="name another folder"
            ) from None
        out.text(str(target))
        out.event("written", path=str(target))


def tell(out: Output, adopted: Sequence[Adopted], secrets: Mapping[str, str]) -> None:
    """What somebody should know who reads the files; names of secrets, never their values."""
    for item in adopted:
        for note in item.notes:
            out.text(f"{item.key}: {note}")
            out.event("note", key=item.key, text=note)
    for name, where in secrets.items():
        out.text(
            f"${{{name}}} stands for what may be a secret ({where}): export {name}, or better take it from `secrets`"
        )
        out.event("variable", name=name, where=where)


def _check(
    folder: Path,
    place: Place,
    adopted: Sequence[Adopted],
    surroundings: Surroundings,
    secrets: PlainSecrets,
    out: Output,
) -> int:
    """The files, read as a plan reads them, against what lives: nothing may differ."""
    from fairway.deployment.pin import pin_images  # noqa: PLC0415 - only what a verb needs is imported
    from fairway.deployment.release import Choices, make_release  # noqa: PLC0415
    from fairway.planning.changes import definition_changes, service_changes  # noqa: PLC0415
    from fairway.project.load import load_project  # noqa: PLC0415

    project = load_project(folder, place.environment.name, variables=secrets.values)
    whole = replace(project, services={key: replace(spec, manage="service") for key, spec in project.services.items()})
    tags = tuple((item.key, item.tag) for item in adopted if item.tag is not None)
    differing = []
    release = pin_images(place.aws, make_release(whole, Choices(tuple(project.services), tags=tags)))
    for item in release.services:
        living = surroundings.services[item.name]
        found = definition_changes(item.definition, living.serving).found
        found += service_changes(item, living, surroundings.default_strategy).found
        differing += [f"{item.key}: {change.where}: {change.difference.name}" for change in found]
    for line in differing:
        out.text(f"differs from what lives: {line}")
    out.event("adopted", services=list(project.services), tags=dict(tags), differs=differing)
    words = " ".join(f"--tag {key}={tag}" for key, tag in tags)
    if not differing:
        out.text("checked: what lives and what is written differ in nothing")
    local = place.environment.is_local
    out.text(f"  → cd {folder} && fairway plan {words}" + ("" if local else f" --env {place.environment.name}"))
    return 0
