"""Reads the values that live elsewhere (`fairway.project.references`), when a definition is about to be used.

Loading a project asks nobody.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from fairway.aws.calls import batches, calling, error_code
from fairway.aws.session import translate
from fairway.errors import UsageError
from fairway.project.load import FILE
from fairway.project.references import CFN, SSM, TFSTATE, references, replaced
from fairway.project.text import place
from fairway.project.tfstate import NotInState, look_up

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fairway.aws.session import Aws

_PARAMETERS_AT_ONCE: Final = 10
_S3: Final = "s3://"
_NO_STACK: Final = "ValidationError"
_NO_OBJECT: Final = frozenset({"NoSuchKey", "NoSuchBucket", "404"})


class _Missing(Exception):
    """A value is not there; says why, and what is to be done."""

    def __init__(self, why: str, remedy: str) -> None:
        super().__init__(why)
        self.why = why
        self.remedy = remedy


def resolve_values(aws: Aws, document: Mapping[str, Any], path: Path | None) -> dict[str, Any]:
    """The document, which stands in the file `path`, with each reference replaced by its value.

    Raises:
        UsageError: a value does not exist (names file, line, field and reference), or is a secret.
        AwsError: it may not be read, or AWS does not answer.
    """
    wanted = [(".".join(keys), text) for keys, text in references(document)]
    if not wanted:
        return dict(document)
    values: dict[str, Any] = {}
    parameters = _parameters(aws, sorted({text.removeprefix(SSM) for _, text in wanted if text.startswith(SSM)}))
    stacks: dict[str, dict[str, str]] = {}
    states: dict[str, Any] = {}
    for field, text in wanted:
        try:
            if text.startswith(SSM):
                values[text] = _parameter(aws, parameters, text.removeprefix(SSM))
            elif text.startswith(CFN):
                values[text] = _output(aws, stacks, text.removeprefix(CFN))
            else:
                values[text] = _of_state(aws, states, text.removeprefix(TFSTATE), path)
        except _Missing as missing:
            where = "definition" if path is None else place(path, text)
            raise UsageError(f"{where}: {field} is {text}, but {missing.why}", hint=missing.remedy) from None
    made: dict[str, Any] = replaced(document, values)
    return made


def has_references(document: Any) -> bool:
    """Some value of the document lives elsewhere."""
    return next(references(document), None) is not None


# -- parameters --------------------------------------------------------------------------------------------------------


def _parameters(aws: Aws, names: Sequence[str]) -> dict[str, str]:
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


def _parameter(aws: Aws, found: Mapping[str, str], name: str) -> str:
    if name not in found:
        raise _Missing(
            f"there is no parameter {name} in {aws.region}",
            f"aws ssm put-parameter --type String --name {name} --value …"
            + (" ; fairway up makes the local ones" if aws.is_local else ""),
        )
    return found[name]


# -- outputs of stacks -------------------------------------------------------------------------------------------------


def _output(aws: Aws, stacks: dict[str, dict[str, str]], named: str) -> str:
    stack, _, name = named.partition("/")
    if not stack or not name:
        raise _Missing("that names no output of a stack", "write cfn:STACK/OUTPUT")
    if stack not in stacks:
        stacks[stack] = _outputs(aws, stack)
    if name not in stacks[stack]:
        known = ", ".join(sorted(stacks[stack])) or "none"
        raise _Missing(f"the stack {stack} has no output {name}", f"there are: {known}")
    return stacks[stack][name]


def _outputs(aws: Aws, stack: str) -> dict[str, str]:
    try:
        (described,) = aws.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        if error_code(error) == _NO_STACK:
            raise _Missing(
                f"there is no stack {stack} in {aws.region}",
                "aws cloudformation list-stacks shows those that are there",
            ) from None
        raise translate(error, doing=f"reading the outputs of the stack {stack}") from error
    return {item["OutputKey"]: item["OutputValue"] for item in described.get("Outputs", ())}


# -- Terraform's state -------------------------------------------------------------------------------------------------


def _of_state(aws: Aws, states: dict[str, Any], named: str, path: Path | None) -> Any:
    where, _, address = named.partition("#")
    if not where or not address:
        raise _Missing("that names no value of a state", "write tfstate:FILE#output.NAME, or tfstate:s3://BUCKET/KEY#…")
    if where not in states:
        states[where] = _state(aws, where, path)
    try:
        value = look_up(states[where], address)
    except NotInState as missing:
        raise _Missing(str(missing), f"terraform state list and terraform output show what {where} has") from None
    if isinstance(value, str | int | float) or (isinstance(value, list) and all(isinstance(v, str) for v in value)):
        return value
    raise _Missing(f"its value is a {type(value).__name__}", "name a string, a number, or a list of strings")


def _state(aws: Aws, where: str, path: Path | None) -> Any:
    try:
        if where.startswith(_S3):
            bucket, _, key = where.removeprefix(_S3).partition("/")
            text = aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        else:
            text = (_root(path) / where).read_bytes()
        return json.loads(text)
    except ClientError as error:
        if error_code(error) in _NO_OBJECT:
            raise _Missing(f"there is no {where}", "correct bucket and key: as in the backend of Terraform") from None
        raise translate(error, doing=f"reading {where}") from error
    except OSError as error:
        raise _Missing(f"{where} cannot be read: {error.strerror}", f"a path from the folder of {FILE}") from None
    except ValueError:
        raise _Missing(f"{where} is not JSON", "terraform state pull writes a state as JSON") from None


def _root(path: Path | None) -> Path:
    """The folder of fairway.toml."""
    if path is not None:
        for folder in path.absolute().parents:
            if (folder / FILE).is_file():
                return folder
    return Path.cwd()
