"""A Python file as its syntax tree: calls of boto3, the handler of a hook."""

from __future__ import annotations

import ast
import io
import tokenize
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fairway.lint.finding import Place

if TYPE_CHECKING:
    from collections.abc import Iterator


_BLANK: Final = {tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER, tokenize.ENCODING}


@dataclass(frozen=True, slots=True)
class Program:
    """A Python file or block."""

    tree: ast.Module
    text: str
    name: str
    first_line: int = 1

    def place(self, node: ast.AST) -> Place:
        return Place(self.name, self.first_line + getattr(node, "lineno", 1) - 1)

    def calls(self, *names: str) -> Iterator[ast.Call]:
        """Calls of a method or function of these names."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call) and called_name(node) in names:
                yield node


def called_name(call: ast.Call) -> str:
    """`client.run_task(…)` -> `run_task`."""
    match call.func:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case _:
            return ""


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    """The value of a keyword argument."""
    return next((item.value for item in call.keywords if item.arg == name), None)


def spreads(call: ast.Call) -> bool:
    """It has `**something`, whose members are not seen."""
    return any(item.arg is None for item in call.keywords)


def constant(node: ast.expr | None) -> str | None:
    """The text of a string constant."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def comments_of(text: str) -> str:
    """The comments of a program, each on its line, and a word where code stands before it."""
    lines = [""] * (text.count("\n") + 2)
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                before = "code " if token.line[: token.start[1]].strip() else ""
                lines[token.start[0] - 1] = f"{before}{token.string}"
            elif token.type not in _BLANK and not lines[token.start[0] - 1]:
                lines[token.start[0] - 1] = "code"
    except (tokenize.TokenError, SyntaxError):
        pass  # the rest is broken off: what was read counts
    return "\n".join(lines)


def read_program(text: str, name: str, first_line: int = 1) -> Program | str:
    """The program; a text: why it cannot be read, such as another version's syntax."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of somebody's backslashes
            return Program(ast.parse(text), text, name, first_line)
    except SyntaxError as error:
        return f"line {first_line + (error.lineno or 1) - 1}: not Python {error.msg}"
    except (ValueError, RecursionError, MemoryError):
        return "not Python: it has a null byte, or is nested too deeply"
