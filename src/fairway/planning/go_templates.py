"""ecspresso's templates, in a project's own words: `{{ must_env `NAME` }}` becomes `${NAME}`. Pure.

A definition of ecspresso is a text with Go templates, which become JSON when they are rendered; a project's definition is JSON
whose strings have `${NAME}`, `{{ tag }}` and `ssm:NAME`. What has no counterpart becomes a variable, and is left to do by hand.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from fairway.errors import UsageError
from fairway.planning.plain_secrets import variable_name
from fairway.project.references import CFN, SSM

if TYPE_CHECKING:
    from pathlib import Path

_TEMPLATE: Final = re.compile(r"\{\{-?\s*(?P<body>.*?)\s*-?\}\}", re.DOTALL)
_WORD: Final = re.compile(r"`(?P<raw>[^`]*)`|\\?\"(?P<quoted>[^\"\\]*)\\?\"|(?P<plain>[^\s|()`\"]+)|(?P<sign>[|()])")
_CONTROL: Final = frozenset({"if", "else", "end", "range", "with", "define", "template", "block", "break", "continue"})
_ESCAPES: Final = frozenset({"json_escape"})
_ENVIRONMENT: Final = frozenset({"env", "must_env"})
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_STACK_AND_OUTPUT: Final = 2
_MOST_ARGUMENTS: Final = 2


@dataclass(slots=True)
class Converted:
    """A text without templates, and what came out of them."""

    text: str = ""
    defaults: dict[str, str] = field(default_factory=dict)
    """Variable -> the value that the template falls back to."""
    by_hand: dict[str, str] = field(default_factory=dict)
    """Variable -> the template that it stands for, which has no counterpart."""
    names: set[str] = field(default_factory=set)
    """Of variables that the environment has to have."""


def convert_templates(text: str, path: Path) -> Converted:
    """The text with a project's words for templates.

    Raises:
        UsageError: a template decides what the text is, or stands where a string cannot be; names file and line.
    """
    made = Converted()
    parts, end = [], 0
    for match in _TEMPLATE.finditer(text):
        before = text[end : match.start()]
        parts.append(before)
        inside = _in_string("".join(parts))
        line = text.count("\n", 0, match.start()) + 1
        is_whole = inside and parts[-1].endswith('"') and text[match.end() : match.end() + 1] == '"'
        word = _word(match["body"], made, f"{path}:{line}", is_whole=is_whole)
        if not inside and path.suffix == ".json":
            word = _outside(word, made, f"{path}:{line}", match.group())
        parts.append(word)
        end = match.end()
    parts.append(text[end:])
    made.text = "".join(parts)
    return made


def _in_string(text: str) -> bool:
    """The text ends inside of a string of JSON."""
    inside = escaped = False
    for character in text:
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = inside
        elif character == '"':
            inside = not inside
    return inside


def _word(body: str, made: Converted, place: str, *, is_whole: bool) -> str:
    function, arguments = _call(body, place)
    if function in _ENVIRONMENT and arguments and _NAME.fullmatch(arguments[0]):
        name = arguments[0]
        made.names.add(name)
        if function == "env" and len(arguments) > 1:
            # of several names the first; what is last is the value when none is set
            made.defaults[name] = arguments[-1]
        return f"${{{name}}}"
    if function == "ssm" and len(arguments) == 1 and is_whole:
        return f"{SSM}{arguments[0]}"
    if function == "cfn_output" and len(arguments) == _STACK_AND_OUTPUT and is_whole:
        return f"{CFN}{arguments[0]}/{arguments[1]}"
    name = variable_name(" ".join((function, *arguments)))
    made.by_hand[name] = " ".join(body.split())
    return f"${{{name}}}"


def _call(body: str, place: str) -> tuple[str, list[str]]:
    """(function, arguments); an escape at the end of a pipe is not needed here.

    Raises:
        UsageError: it is no call of one function.
    """
    words, literal = [], []
    for match in _WORD.finditer(body):
        literal.append(match["raw"] is not None or match["quoted"] is not None)
        words.append(match["raw"] or match["quoted"] or match["plain"] or match["sign"] or "")
    while len(words) > _MOST_ARGUMENTS and words[-2] == "|" and words[-1] in _ESCAPES:
        words, literal = words[:-2], literal[:-2]
    if words and words[0] in _ESCAPES:
        # json_escape (must_env `X`)
        words, literal = words[1:], literal[1:]
        if words[:1] == ["("] and words[-1:] == [")"]:
            words, literal = words[1:-1], literal[1:-1]
    signs = [word for word, quoted in zip(words, literal, strict=True) if not quoted and word in {"|", "(", ")"}]
    if not words or words[0] in _CONTROL or words[0].startswith(("/*", "$", ".")) or signs:
        raise UsageError(
            f"{place}: the template {{{{ {' '.join(body.split())} }}}} decides what the text is",
            hint="render it first (ecspresso render servicedef, taskdef), and name the rendered files in the configuration",
        )
    return words[0], words[1:]


def _outside(word: str, made: Converted, place: str, template: str) -> str:
    """What stands for a template outside of strings: its fall-back, when that is a value of JSON.

    Raises:
        UsageError: there is none.
    """
    name = word[2:-1]
    default = made.defaults.get(name)
    try:
        json.loads(default or "")
    except ValueError:
        raise UsageError(
            f"{place}: {' '.join(template.split())} stands outside of a string, where a project has no variables",
            hint="write the number there; what differs between environments goes to overrides in deploy/environments/NAME.toml",
        ) from None
    made.names.discard(name)
    del made.defaults[name]
    return str(default)
