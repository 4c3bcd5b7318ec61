"""Reads YAML with the line of each member."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Self

import yaml

from fairway.lint.document import Document
from fairway.lint.finding import Place
from fairway.lint.json_text import DEEPEST, Malformed

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST: Final = 100_000
"""Members in a document, aliases counted each time: so few bytes of aliases cannot fill the memory."""
_INDENT: Final = "indent with spaces, the same for members of one object; put text with ':' or '#' in quotes"


def read_yaml(text: str, name: str, first_line: int = 1) -> list[Document]:
    """The documents, one for each `---`.

    Raises:
        Malformed: it is no YAML, nested too deeply, or too large.
    """
    try:
        return [_Reader(name, first_line).document(node) for node in _compose(text) if node is not None]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = first_line + (mark.line if mark is not None else 0)
        raise Malformed(f"not YAML: {error.problem or error.context}", line, _INDENT) from None
    except (yaml.YAMLError, ValueError) as error:
        if isinstance(error, Malformed):
            raise
        raise Malformed(f"not YAML: {str(error).splitlines()[0]}", first_line, _INDENT) from None
    except RecursionError:
        raise Malformed(
            f"nested deeper than {DEEPEST} levels", first_line, "no document of AWS is: mend what wrote it"
        ) from None


def _compose(text: str) -> Iterator[yaml.Node | None]:
    nodes: Iterator[yaml.Node | None] = yaml.compose_all(text, Loader=yaml.SafeLoader)
    return nodes


class _Reader:
    def __init__(self, name: str, first_line: int) -> None:
        self._name, self._first_line = name, first_line
        self._left = MOST
        self._scalars = yaml.constructor.SafeConstructor()
        self._places: dict[tuple[str | int, ...], Place] = {}

    def document(self, node: yaml.Node) -> Document:
        return Document(self._value(node, ()), self._places, self._name)

    def _line(self, node: yaml.Node) -> int:
        """Of the value itself: the text of a block begins on the line after its `|`."""
        return self._first_line + int(node.start_mark.line)

    def _value(self, node: yaml.Node, path: tuple[str | int, ...]) -> Any:
        self._left -= 1
        if self._left < 0 or len(path) > DEEPEST:
            what = f"more than {MOST} members" if self._left < 0 else f"nested deeper than {DEEPEST} levels"
            raise Malformed(what, self._line(node), "no document of AWS is: mend what wrote it")
        self._places.setdefault(path, Place(self._name, self._line(node)))
        match node:
            case yaml.MappingNode():
                members: dict[str, Any] = {}
                for key, value in node.value:
                    # as it is written: `on` is a key, not true
                    word = key.value if isinstance(key, yaml.ScalarNode) else str(key.start_mark.index)
                    self._places[*path, word] = Place(self._name, self._line(key))
                    members[word] = self._value(value, (*path, word))
                return members
            case yaml.SequenceNode():
                return [self._value(item, (*path, index)) for index, item in enumerate(node.value)]
            case yaml.ScalarNode():
                return self._scalar(node)
            case _:  # pragma: no cover - there are three kinds of nodes
                return None

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        if node.style in {"|", ">"}:
            return Block(node.value, self._line(node) + 1)
        try:
            value = self._scalars.construct_object(node)
        except (yaml.YAMLError, ValueError, OverflowError, LookupError):
            return node.value  # a tag of somebody else, such as !Ref, or an impossible date
        return value if value is None or isinstance(value, bool | int | float | str) else node.value


class Block(str):
    """The text of a `|` or `>` block, which knows on which line it begins."""

    __slots__ = ("first_line",)
    first_line: int

    def __new__(cls, text: str, first_line: int) -> Self:
        made = super().__new__(cls, text)
        made.first_line = first_line
        return made
