"""Values that live in the account: strings of a definition that begin with `ssm:` are parameters' names.

`"targetGroupArn": "ssm:/taskmanager/local/target-group-arn"` takes the parameter's value. They are resolved when a
definition is about to be used; loading a project asks nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fairway.aws.calls import batches, calling
from fairway.errors import UsageError
from fairway.project.text import place

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from fairway.aws.session import Aws

PREFIX: Final = "ssm:"
_PARAMETERS_AT_ONCE: Final = 10


def resolve_values(aws: Aws, document: Mapping[str, Any], path: Path | None) -> dict[str, Any]:
    """The document with each `ssm:NAME` replaced by that parameter's value.

    Raises:
        UsageError: a parameter does not exist (names file, line, field and parameter), or is a secret.
    """
    wanted = dict(_references(document, ()))
    if not wanted:
        return dict(document)
    values = _read(aws, sorted(set(wanted.values())))
    for keys, name in wanted.items():
        if name not in values:
            where = "definition" if path is None else place(path, f"{PREFIX}{name}")
            raise UsageError(
                f"{where}: {'.'.join(keys)} is {PREFIX}{name}, but there is no parameter {name} in {aws.region}",
                hint=f"aws ssm put-parameter --type String --name {name} --value …"
                + (" ; fairway up makes the local ones" if aws.is_local else ""),
            )
    replaced = _replace(document, values)
    assert isinstance(replaced, dict)
    return replaced


def has_references(document: Any) -> bool:
    """Some value of the document lives in the account."""
    return next(_references(document, ()), None) is not None


def _references(document: Any, keys: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    match document:
        case str() if document.startswith(PREFIX):
            yield keys, document.removeprefix(PREFIX)
        case list() | tuple():
            for number, item in enumerate(document):
                yield from _references(item, (*keys, str(number)))
        case dict():
            for key, item in document.items():
                yield from _references(item, (*keys, key))
        case _:
            return


def _replace(document: Any, values: Mapping[str, str]) -> Any:
    match document:
        case str() if document.startswith(PREFIX):
            return values[document.removeprefix(PREFIX)]
        case list() | tuple():
            return [_replace(item, values) for item in document]
        case dict():
            return {key: _replace(item, values) for key, item in document.items()}
        case _:
            return document


def _read(aws: Aws, names: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for some in batches(names, _PARAMETERS_AT_ONCE):
        with calling("reading parameters of Systems Manager"):
            answer = aws.ssm.get_parameters(Names=list(some))
        for item in answer["Parameters"]:
            if item["Type"] == "SecureString":
                raise UsageError(
                    f"the parameter {item['Name']} is a SecureString, which a definition would show to every reader",
                    hint='name it under "secrets" of the container, with its ARN as valueFrom',
                )
            found[item["Name"]] = item["Value"]
    return found
