"""Finds the AWS CLI's commands in a shell script, or in the steps of a CI file.

It reads what is written, it does not run it: a command is `aws SERVICE OPERATION` outside of comments and of `echo`, up to the
end of its line (a backslash or an open quote continues it). Variables are known where a script assigns them plain text.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

from fairway.lint.finding import Place

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_COMMAND: Final = re.compile(
    r"(?<![\w./-])aws\s+(?:--[a-z-]+[ =]\S+\s+)*(?P<service>[a-z0-9-]+)\s+(?P<operation>[a-z][a-z0-9-]*)"
)
_ASSIGNED: Final = re.compile(
    r"^[ \t]*(?:export[ \t]+|local[ \t]+|readonly[ \t]+)?(?P<name>[A-Za-z_]\w*)=(?P<value>.*)$", re.MULTILINE
)
_PLAIN: Final = re.compile(r"\"(?P<double>[^\"$`\\]*)\"|'(?P<single>[^']*)'|(?P<bare>[^\s\"'$`;&|()]+)")
_VARIABLE: Final = re.compile(r"\$\{?(?P<name>[A-Za-z_]\w*)\}?")
_COMMENT: Final = re.compile(r"^[ \t]*#.*$", re.MULTILINE)
_SUBSTITUTED: Final = re.compile(r"(?:\$\(|`)\s?$")
_DEEPEST: Final = 4
_LONGEST: Final = 20_000
"""Characters of a command that are read."""
_SAID: Final = re.compile(r"\b(?:echo|printf)\b(?![^\n]*\$\()")


@dataclass(frozen=True, slots=True)
class Command:
    """A call of the AWS CLI."""

    service: str
    operation: str
    text: str
    start: int
    """Where it begins in the script's text."""
    end: int
    place: Place
    options: Mapping[str, str] = field(default_factory=dict)
    """`--name` -> the words behind it, joined; variables that are known are put in."""

    @property
    def name(self) -> str:
        return f"{self.service} {self.operation}"


@dataclass(frozen=True)
class Script:
    """A shell script, or the steps of one job."""

    text: str
    name: str
    first_line: int = 1
    commands: tuple[Command, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    """Those that are assigned plain text, and nothing else."""

    def called(self, *names: str) -> Iterator[Command]:
        """The commands of these names, such as `ecs run-task`."""
        return (command for command in self.commands if command.name in names)

    def place(self, position: int) -> Place:
        return Place(self.name, self.first_line + self.text.count("\n", 0, position))

    def last(self, pattern: re.Pattern[str]) -> int:
        """Where a pattern is found last outside of comments; -1: nowhere."""
        return max((match.start() for match in pattern.finditer(self.code)), default=-1)

    @cached_property
    def code(self) -> str:
        """The text with comments blanked out, so that positions stay."""
        return _COMMENT.sub(lambda match: " " * len(match.group()), self.text)


def read_script(text: str, name: str, first_line: int = 1) -> Script:
    variables = _variables(text)
    script = Script(text, name, first_line, variables=variables)
    commands = []
    within: list[int] = []
    for match in _COMMAND.finditer(text):
        while within and within[-1] <= match.start():
            within.pop()
        # inside of another command's words it is a command only in a substitution, and nobody nests many of those
        is_word = bool(within) and not _SUBSTITUTED.search(text, max(0, match.start() - 3), match.start())
        if is_word or len(within) >= _DEEPEST or _is_quiet(text, match.start()):
            continue
        end = _end(text, match.end())
        within.append(end)
        options = _options(text[match.end() : end], variables)
        place = script.place(match.start())
        commands.append(
            Command(match["service"], match["operation"], text[match.start() : end], match.start(), end, place, options)
        )
    return Script(text, name, first_line, tuple(commands), variables)


def _variables(text: str) -> dict[str, str]:
    """Assigned plain text in each of their assignments; a name with another assignment is not known."""
    found: dict[str, str] = {}
    unknown: set[str] = set()
    for match in _ASSIGNED.finditer(text):
        plain = _PLAIN.match(match["value"])
        if plain is None or match["value"][plain.end() :].strip()[:1] not in {"", "#", ";"}:
            unknown.add(match["name"])
            continue
        value = plain["double"] or plain["single"] or plain["bare"] or ""
        if found.setdefault(match["name"], value) != value:
            unknown.add(match["name"])
    return {name: value for name, value in found.items() if name not in unknown}


def _is_quiet(text: str, position: int) -> bool:
    """It stands in a comment, or is only said by `echo`."""
    before = text[max(text.rfind("\n", 0, position) + 1, position - _LONGEST) : position]
    return re.search(r"(?:^|\s)#", before) is not None or _SAID.search(before) is not None


def _end(text: str, position: int) -> int:
    """Where a command ends: at an unquoted end of line, `;`, `|`, `&`, or the `)` of its `$(`."""
    quote, depth, last = "", 0, min(len(text), position + _LONGEST)
    while position < last:
        character = text[position]
        if character == "\\" and quote != "'":
            position += 1
            if text[position : position + 2] == "\r\n":
                position += 1
        elif quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character == "(" and text[position - 1] == "$":
            depth += 1
        elif character == ")" and depth:
            depth -= 1
        elif character in "\n;|&)`" and not depth:
            return position
        position += 1
    return last


def _options(text: str, variables: Mapping[str, str]) -> dict[str, str]:
    plain = text.replace("\\\r\n", " ").replace("\\\n", " ")
    try:
        words = shlex.split(plain)
    except ValueError:
        words = plain.split()
    options: dict[str, str] = {}
    name = ""
    for word in words:
        if word.startswith("--"):
            name, _, value = word.partition("=")
            options[name] = value
        elif name:
            options[name] = f"{options[name]} {word}".strip()
    return {
        name: _VARIABLE.sub(lambda m: variables.get(m["name"], m.group()), value) for name, value in options.items()
    }
