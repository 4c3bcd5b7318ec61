"""`fairway init --from-ecspresso`: reads ecspresso's files, and writes a project's."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import yaml

from fairway.cli.init import refuse_existing, tell, write_files
from fairway.errors import UsageError
from fairway.planning.adoption import Written, key_of, project_files
from fairway.planning.ecspresso import (
    accounts_in,
    converted_service,
    left_to_do,
    read_configuration,
    refuse_jsonnet,
)
from fairway.planning.go_templates import Converted, convert_templates
from fairway.planning.plain_secrets import PlainSecrets
from fairway.project.definition import check_task_definition
from fairway.project.model import LOCAL
from fairway.project.text import unreadable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from fairway.cli.output import Output


def convert(source: Path, folder: Path, environment: str | None, account: str | None, out: Output) -> int:
    """Write the project that an ecspresso configuration describes.

    Raises:
        UsageError: what is not there, is none, or has to be rendered first; nothing was written.
    """
    refuse_jsonnet(source, "config")
    head = _converted(source)
    defaults = {**head.defaults, **os.environ}
    configuration = read_configuration(_document(head.text, source), defaults, source)
    task, service = (
        None if name is None else source.parent / name
        for name in (configuration.task_definition, configuration.service_definition)
    )
    assert task is not None
    refuse_jsonnet(task, "taskdef")
    texts = [_converted(task)]
    definition = _document(texts[0].text, task)
    wanted = None
    if service is not None:
        refuse_jsonnet(service, "servicedef")
        texts.append(_converted(service))
        wanted = _document(texts[1].text, service)
    secrets = PlainSecrets()
    adopted = converted_service(configuration, definition, wanted, secrets, task)
    check_task_definition(dict(adopted.definition), task)
    region = configuration.region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if region is None:
        raise UsageError(f"{source}: no region is said", hint='add region: "…" there, or export AWS_REGION')
    name = environment or "production"
    variables = {key: value for one in texts for key, value in one.defaults.items()}
    where = Written(name, region, configuration.cluster, _account(name, account, [definition, wanted]), variables)
    files = project_files(folder.absolute().name or "project", where, [adopted], manage=None)
    refuse_existing(folder, list(files))
    write_files(folder, files, out)
    tell(out, [adopted], secrets.places)
    for line in left_to_do(texts):
        out.text(line)
        out.event("left", text=line)
    names = sorted({variable for one in texts for variable in one.names} - variables.keys() - _tags(texts, files))
    for variable in names:
        out.text(f"${{{variable}}} comes from the environment variable {variable}, as before")
        out.event("variable", name=variable, where="as before")
    out.event("adopted", services=[key_of(configuration.service)], tags={}, differs=None)
    out.text(f"  → cd {folder} && fairway lint && fairway plan --tag TAG" + ("" if name == LOCAL else f" --env {name}"))
    return 0


def _tags(texts: Sequence[Converted], files: dict[str, str]) -> set[str]:
    """Variables that `{{ tag }}` has taken the place of."""
    written = "".join(files.values())
    return {name for one in texts for name in one.names if f"${{{name}}}" not in written}


def _account(name: str, said: str | None, documents: list[Any]) -> str | None:
    found = accounts_in(documents)
    if said is not None or name == LOCAL:
        return said
    if len(found) != 1:
        what = f"several accounts are named: {', '.join(found)}" if found else "no account is named"
        raise UsageError(f"{what}, and an environment has one", hint="say which: --account 123456789012")
    return found[0]


def _converted(path: Path) -> Converted:
    try:
        return convert_templates(path.read_text(encoding="utf-8"), path)
    except FileNotFoundError:
        raise UsageError(f"{path} does not exist", hint="look at the configuration, and where it stands") from None
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(path, error) from None


def _document(text: str, path: Path) -> Any:
    """JSON by its name, else YAML."""
    try:
        return json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except json.JSONDecodeError as error:
        raise UsageError(
            f"{path}:{error.lineno}:{error.colno}: not JSON: {error.msg}", hint="correct it there"
        ) from None
    except yaml.MarkedYAMLError as error:
        line = 1 if error.problem_mark is None else error.problem_mark.line + 1
        raise UsageError(f"{path}:{line}: not YAML: {error.problem}", hint="correct it there") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        said = str(error).splitlines() or ["nested too deeply"]
        raise UsageError(f"{path}: it cannot be read: {said[0]}", hint="correct it there") from None
