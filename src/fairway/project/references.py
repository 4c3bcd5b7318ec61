"""Values that live elsewhere: strings of a definition that name a parameter, an output of a stack, or a value of Terraform's state.

    ssm:/shop/target-group-arn                    a parameter of Systems Manager
    cfn:STACK/OUTPUT                              an output of a CloudFormation stack
    tfstate:infra/terraform.tfstate#output.vpc    an output, or an attribute of a resource, in a state of Terraform;
    tfstate:s3://bucket/key#aws_vpc.main.id       a file (from the folder of fairway.toml) or an object in S3

The whole string is one reference. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SSM: Final = "ssm:"
CFN: Final = "cfn:"
TFSTATE: Final = "tfstate:"
PREFIXES: Final = (SSM, CFN, TFSTATE)


def is_reference(text: str) -> bool:
    """The string stands for a value that lives elsewhere."""
    return text.startswith(PREFIXES)


def references(document: Any, keys: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """(where it stands, the reference) of each in a document."""
    match document:
        case str() if is_reference(document):
            yield keys, document
        case list() | tuple():
            for number, item in enumerate(document):
                yield from references(item, (*keys, str(number)))
        case dict():
            for key, item in document.items():
                yield from references(item, (*keys, key))
        case _:
            return


def named(document: Any, prefix: str) -> Iterator[str]:
    """What the references of one kind name, without the prefix."""
    for _, text in references(document):
        if text.startswith(prefix):
            yield text.removeprefix(prefix)


def replaced(document: Any, values: Mapping[str, Any]) -> Any:
    """The document with each reference replaced by its value."""
    match document:
        case str() if is_reference(document):
            return values[document]
        case list() | tuple():
            return [replaced(item, values) for item in document]
        case dict():
            return {key: replaced(item, values) for key, item in document.items()}
        case _:
            return document
