"""Metric math: reads an expression. What it means is in `metric_functions`.

    parse("SUM(METRICS('5xx')) / m2 * 100") -> Node

Source: CloudWatch User Guide, "Math expressions with metrics".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<string>\"[^\"]*\"|'[^']*')"
    r"|(?P<sign>&&|\|\||==|!=|<=|>=|[-+*/^<>(),\[\]]))"
)
_BINDING: Final = {
    "OR": 1, "||": 1, "AND": 2, "&&": 2,
    "==": 3, "!=": 3, "<": 3, ">": 3, "<=": 3, ">=": 3,
    "+": 4, "-": 4, "*": 5, "/": 5, "^": 7,
}  # fmt: skip
_UNARY: Final = 6
_DEEPEST: Final = 60


class InvalidExpression(ValueError):
    """An expression cannot be read, or does not make sense; the text says where."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number that stands in the expression."""

    value: float


@dataclass(frozen=True, slots=True)
class Text:
    """A quoted string."""

    value: str


@dataclass(frozen=True, slots=True)
class Name:
    """The id of a metric or of another expression, or a keyword (REPEAT, DESC)."""

    name: str


@dataclass(frozen=True, slots=True)
class Array:
    """`[m1, m2]`."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Negated:
    """`-m1`."""

    operand: Node


@dataclass(frozen=True, slots=True)
class Operation:
    """Two operands and an operator; AND and OR stand for && and || too."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Call:
    """A function with its arguments."""

    function: str
    arguments: tuple[Node, ...]


Node = Number | Text | Name | Array | Negated | Operation | Call


def parse(text: str) -> Node:
    """The tree of an expression.

    Raises:
        InvalidExpression: it is none.
    """
    return _Parser(text).whole()


def names_in(node: Node) -> Iterator[str]:
    """Every name in an expression, keywords included."""
    match node:
        case Name(name):
            yield name
        case Array(items):
            for item in items:
                yield from names_in(item)
        case Negated(operand):
            yield from names_in(operand)
        case Operation(_, left, right):
            yield from names_in(left)
            yield from names_in(right)
        case Call(_, arguments):
            for argument in arguments:
                yield from names_in(argument)
        case Number() | Text():
            return


def functions_in(node: Node) -> Iterator[str]:
    """Every function that an expression calls."""
    match node:
        case Array(items):
            for item in items:
                yield from functions_in(item)
        case Negated(operand):
            yield from functions_in(operand)
        case Operation(_, left, right):
            yield from functions_in(left)
            yield from functions_in(right)
        case Call(function, arguments):
            yield function
            for argument in arguments:
                yield from functions_in(argument)
        case Number() | Text() | Name():
            return


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._at = 0
        self._depth = 0

    def whole(self) -> Node:
        node = self._expression(0)
        if self._at < len(self._tokens):
            raise InvalidExpression(f"'{self._tokens[self._at][1]}' is not expected there")
        return node

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "the end")

    def _take(self) -> tuple[str, str]:
        token = self._peek()
        self._at += 1
        return token

    def _expect(self, sign: str) -> None:
        kind, text = self._take()
        if kind == "string" or text != sign:
            raise InvalidExpression(f"'{sign}' is expected before {text}")

    def _expression(self, binding: int) -> Node:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise InvalidExpression("the expression is nested too deep")
        left = self._operand()
        while True:
            kind, text = self._peek()
            strength = 0 if kind == "string" else _BINDING.get(text, 0)
            if strength == 0 or strength <= binding:
                self._depth -= 1
                return left
            self._at += 1
            right = self._expression(strength)
            left = Operation({"&&": "AND", "||": "OR"}.get(text, text), left, right)

    def _operand(self) -> Node:
        kind, text = self._take()
        match kind, text:
            case "number", _:
                return Number(float(text))
            case "string", _:
                return Text(text[1:-1])
            case "sign", "-":
                return Negated(self._expression(_UNARY))
            case "sign", "(":
                node = self._expression(0)
                self._expect(")")
                return node
            case "sign", "[":
                return Array(self._items("]"))
            case "name", _ if text not in _BINDING:
                if self._peek() != ("sign", "("):
                    return Name(text)
                self._at += 1
                return Call(text, self._items(")"))
            case _:
                raise InvalidExpression(f"{text} is not expected there")

    def _items(self, end: str) -> tuple[Node, ...]:
        items: list[Node] = []
        if self._peek() == ("sign", end):
            self._at += 1
            return ()
        while True:
            items.append(self._expression(0))
            if self._peek() == ("sign", ","):
                self._at += 1
                continue
            self._expect(end)
            return tuple(items)


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            raise InvalidExpression(f"'{text[at : at + 20].strip()}' cannot be read")
        kind = match.lastgroup
        assert kind is not None
        yield kind, match[kind]
        at = match.end()
