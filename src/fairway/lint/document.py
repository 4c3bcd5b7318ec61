"""A value from a file that knows where each of its parts stands, and a cursor that walks it without ever failing.

A definition of any origin may have any shape, so a rule asks a `Node` for what it needs and gets None where the shape is
another: `service["deploymentConfiguration"]["maximumPercent"].integer`. Where a member is missing, its node stands at the
nearest member above that is there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from fairway.lint.finding import Place, find

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fairway.lint.finding import Finding, Rule

Path = tuple[str | int, ...]
_PLACEHOLDER: Final = re.compile(r"\$\{[^}]*\}|\{\{[^}]*\}\}|^<[^>]*>$|^ssm:|^cfn:|^tfstate:")
_WHOLE: Final = re.compile(r"-?\d{1,18}")
_NUMBER: Final = re.compile(r"-?\d{1,18}(\.\d{1,18})?")


@dataclass(frozen=True, slots=True)
class Document:
    """A decoded value and the lines of its members."""

    value: Any
    places: Mapping[Path, Place]
    """Member -> where it stands; `()` is the whole."""
    name: str = ""
    """What a message calls it, such as the file or the block."""

    @property
    def root(self) -> Node:
        return Node(self, (), self.value)

    def place(self, path: Path) -> Place:
        """Where a member stands, or the nearest one above it that is there."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.places:
                return self.places[path[:length]]
        return Place(self.name, 1)


@dataclass(frozen=True, slots=True)
class Node:
    """A member of a document, or what is missing in its place."""

    document: Document = field(repr=False)
    path: Path
    value: Any
    """None: missing, or null."""

    def __getitem__(self, key: str | int) -> Node:
        value = None
        if isinstance(key, str):
            if isinstance(self.value, dict):
                value = self.value.get(key)
        elif isinstance(self.value, list) and -len(self.value) <= key < len(self.value):
            value = self.value[key]
        return Node(self.document, (*self.path, key), value)

    def __contains__(self, key: str) -> bool:
        return isinstance(self.value, dict) and self.value.get(key) is not None

    def __iter__(self) -> Iterator[Node]:
        """The items of a list; nothing for anything else."""
        if isinstance(self.value, list):
            for index, item in enumerate(self.value):
                yield Node(self.document, (*self.path, index), item)

    def members(self) -> Iterator[tuple[str, Node]]:
        """The members of an object; nothing for anything else."""
        if isinstance(self.value, dict):
            for key, value in self.value.items():
                yield key, Node(self.document, (*self.path, key), value)

    def objects(self) -> Iterator[Node]:
        """The items of a list that are objects."""
        return (item for item in self if item.is_object)

    @property
    def exists(self) -> bool:
        return self.value is not None

    @property
    def is_object(self) -> bool:
        return isinstance(self.value, dict)

    @property
    def is_list(self) -> bool:
        return isinstance(self.value, list)

    @property
    def text(self) -> str | None:
        """The string; None for another type."""
        return self.value if isinstance(self.value, str) else None

    @property
    def literal(self) -> str | None:
        """The string, if no placeholder such as `${NAME}` stands in it."""
        return None if self.text is None or is_placeholder(self.text) else self.text

    @property
    def integer(self) -> int | None:
        """A whole number, or a string that is one, as AWS has both."""
        match self.value:
            case bool():
                return None
            case int():
                return self.value
            case float():
                return int(self.value) if self.value.is_integer() and abs(self.value) < 1e15 else None  # noqa: PLR2004
            case str() if _WHOLE.fullmatch(self.value):
                return int(self.value)
            case _:
                return None

    @property
    def number(self) -> float | None:
        """A number, or a string that is one."""
        match self.value:
            case bool():
                return None
            case int() | float():
                number = float(self.value) if abs(self.value) < 1e15 else None  # noqa: PLR2004
                return None if number is None or number != number else number  # noqa: PLR0124 - not a number
            case str() if _NUMBER.fullmatch(self.value):
                return float(self.value)
            case _:
                return None

    @property
    def flag(self) -> bool | None:
        """A boolean, or the string of one."""
        match self.value:
            case bool():
                return self.value
            case "true" | "True":
                return True
            case "false" | "False":
                return False
            case _:
                return None

    @property
    def field(self) -> str:
        """Such as `containerDefinitions[0].image`."""
        text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in self.path)
        return text.removeprefix(".")

    @property
    def place(self) -> Place:
        return self.document.place(self.path)

    def find(self, rule: Rule, message: str, *, remedy: str | None = None) -> Finding:
        """A finding of a rule at this place."""
        return find(rule, self.place, message, field=self.field, remedy=remedy)


def is_placeholder(text: str) -> bool:
    """Something else is put in before AWS sees the text: `${NAME}`, `{{ tag }}`, `<ACCOUNT>`, `ssm:/name`."""
    return _PLACEHOLDER.search(text) is not None


def lowered(document: Document) -> Document:
    """The same with members that begin with a small letter: AWS's scaling and balancing APIs write them large."""
    return Document(
        _lowered_value(document.value),
        {tuple(_lower(key) for key in path): place for path, place in document.places.items()},
        document.name,
    )


def items_of(document: Document) -> list[Document]:
    """The objects of a list, each as a document of its own."""
    places: dict[int, dict[Path, Place]] = {}
    for path, place in document.places.items():
        if path and isinstance(path[0], int):
            places.setdefault(path[0], {})[path[1:]] = place
    return [
        Document(item, places[index], document.name)
        for index, item in enumerate(document.value)
        if isinstance(item, dict)
    ]


def part(document: Document, path: Path, value: Any) -> Document:
    """A member of a document as a document of its own."""
    length = len(path)
    places = {key[length:]: place for key, place in document.places.items() if key[:length] == path}
    return Document(value, {(): document.place(path), **places}, document.name)


def _lower(key: str | int) -> str | int:
    return key[:1].lower() + key[1:] if isinstance(key, str) else key


def _lowered_value(value: Any) -> Any:
    match value:
        case dict():
            return {_lower(key): _lowered_value(item) for key, item in value.items()}
        case list():
            return [_lowered_value(item) for item in value]
        case _:
            return value
