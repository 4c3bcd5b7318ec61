"""Turns the text of a file into what the rules look at. Nothing is read from disk here."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

from fairway.lint.entity import EXPECTED, UNKNOWN, Entity, Prose, View, recognise
from fairway.lint.finding import Finding, Place, find
from fairway.lint.ignores import Ignore, read_comments
from fairway.lint.json_text import Malformed, read_json
from fairway.lint.markdown import read_blocks
from fairway.lint.program import Program, comments_of, read_program
from fairway.lint.rules.file_rules import BYTE_ORDER_MARK, NOT_RECOGNISED, TWICE, UNREADABLE
from fairway.lint.script import Script, read_script
from fairway.lint.yaml_text import Block, read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fairway.lint.document import Document

LARGEST: Final = 1024 * 1024
"""Bytes of a file; a task definition has at most 64 KiB."""
LARGEST_YAML: Final = 512 * 1024
LANGUAGES: Final = {
    ".json": "json",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".sh": "shell",
    ".bash": "shell",
    ".py": "python",
    ".md": "markdown",
    ".markdown": "markdown",
}
_STEPS: Final = {"run", "script", "before_script", "after_script", "commands", "command", "inlineScript"}
_COMMENT: Final = re.compile(r"(?:^|(?<=\s))#.*")
_OURS: Final = re.compile(
    r"containerDefinitions|serviceName|taskDefinition|clusterName|AWS::ECS|ScalingPolicy|TargetGroup"
)


@dataclass(slots=True)
class Reading:
    """What was read so far."""

    entities: list[Entity] = field(default_factory=list)
    scripts: list[Script] = field(default_factory=list)
    programs: list[Program] = field(default_factory=list)
    prose: list[Prose] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    """About the files themselves."""
    ignores: list[Ignore] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    """File (and line) -> why nothing in it was looked at."""
    files: list[str] = field(default_factory=list)

    def view(self) -> View:
        return View(tuple(self.entities), tuple(self.scripts), tuple(self.programs), tuple(self.prose))

    def add(self, data: bytes, name: str, *, is_named: bool = True) -> None:
        """Read a file. `is_named`: somebody named this one, rather than a folder in which it is."""
        text = self.decode(data, name)
        if text is None:
            return
        language = language_of(name, text)
        self.files.append(name)
        before = len(self.entities) + len(self.scripts) + len(self.programs) + len(self.prose)
        try:
            why = self._read(text, name, language)
        except Malformed as error:
            if is_named or _OURS.search(text):
                self.findings.append(find(UNREADABLE, Place(name, error.line), error.message, remedy=error.hint))
            else:
                self.skipped.append((f"{name}:{error.line}", error.message))
            return
        if len(self.entities) + len(self.scripts) + len(self.programs) + len(self.prose) > before:
            return
        if is_named:
            self.findings.append(find(NOT_RECOGNISED, Place(name, 1), why or UNKNOWN, remedy=EXPECTED))
        else:
            self.skipped.append((name, why or UNKNOWN))

    def decode(self, data: bytes, name: str) -> str | None:
        """The text of a file; None, and a finding, if it has none."""
        if len(data) > LARGEST:
            text = f"{len(data) // 1024} KiB: larger than what is read ({LARGEST // 1024} KiB)"
            self.findings.append(find(UNREADABLE, Place(name, 1), text, remedy="a task definition has at most 64 KiB"))
            return None
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            remedy = "save it with the encoding UTF-8"
            self.findings.append(find(UNREADABLE, Place(name, line), f"not UTF-8: {error.reason}", remedy=remedy))
            return None
        if text.startswith("\ufeff"):
            self.findings.append(find(BYTE_ORDER_MARK, Place(name, 1), "it begins with a byte order mark"))
            text = text[1:]
        return text

    def _read(self, text: str, name: str, language: str) -> str:
        match language:
            case "json":
                return self._json(text, name, 1)
            case "yaml":
                return self._yaml(text, name, 1)
            case "shell":
                self._shell(text, name, 1)
            case "python":
                return self._python(text, name, 1)
            case "markdown":
                self._markdown(text, name)
            case _:
                return UNKNOWN
        return ""

    def _json(self, text: str, name: str, first_line: int) -> str:
        document, twice = read_json(text, name, first_line)
        entities, why = recognise(document)
        if entities:
            for key, line in twice:
                self.findings.append(find(TWICE, Place(name, line), f"{key} is written twice", field=key))
        self.entities += entities
        return why

    def _yaml(self, text: str, name: str, first_line: int) -> str:
        if len(text) > LARGEST_YAML:
            raise Malformed(f"larger than what is read of YAML ({LARGEST_YAML // 1024} KiB)", first_line, "split it")
        why = UNKNOWN
        for document in read_yaml(text, name, first_line):
            entities, why = recognise(document)
            self.entities += entities
            if not entities:
                steps = steps_of(document, text.count("\n") + 1, first_line)
                if steps.strip():
                    self.scripts.append(read_script(steps, name, first_line))
        self._comments(text, name, first_line)
        return why

    def _shell(self, text: str, name: str, first_line: int) -> None:
        self.scripts.append(read_script(text, name, first_line))
        self._comments(text, name, first_line)

    def _python(self, text: str, name: str, first_line: int) -> str:
        program = read_program(text, name, first_line)
        if isinstance(program, str):
            return program
        self.programs.append(program)
        self._comments(comments_of(text), name, first_line)
        return ""

    def _comments(self, text: str, name: str, first_line: int) -> None:
        self.ignores += read_comments(text, name, first_line)
        said = "\n".join(match.group() if (match := _COMMENT.search(line)) else "" for line in text.split("\n"))
        if said.strip():
            self.prose.append(Prose(said, name, first_line))

    def _markdown(self, text: str, name: str) -> None:
        blocks, prose = read_blocks(text)
        self.prose.append(Prose(prose, name))
        readers: dict[str, Any] = {"json": self._json, "yaml": self._yaml, "shell": self._shell, "python": self._python}
        for block in blocks:
            try:
                why = readers[block.language](block.text, name, block.first_line)
            except Malformed as error:
                # documentation abbreviates: a block that is no whole document is named, not refused
                self.skipped.append((f"{name}:{error.line}", error.message))
                continue
            if why:
                self.skipped.append((f"{name}:{block.first_line}", f"{block.language} block: {why}"))


def language_of(name: str, text: str) -> str:
    """By the file's name; by its content where the name says nothing, as for standard input."""
    known = LANGUAGES.get(PurePath(name).suffix.lower())
    if known is not None:
        return known
    start = text.lstrip()
    if start.startswith("#!"):
        return "python" if "python" in start.partition("\n")[0] else "shell"
    if start.startswith(("{", "[")):
        return "json"
    if re.search(r"^(```|~~~|# )", text, re.MULTILINE) and "```" in text:
        return "markdown"
    if re.search(r"^(import|from|def) \w", text, re.MULTILINE):
        return "python"
    if re.search(r"^\s*aws\s+\w+\s+[a-z-]+|\$\(aws ", text, re.MULTILINE) and not re.search(
        r"^\w+:\s*$", text, re.MULTILINE
    ):
        return "shell"
    return "yaml" if re.search(r"^\"?[\w.-]+\"?:(\s|$)", text, re.MULTILINE) else "unknown"


def steps_of(document: Document, lines: int, first_line: int) -> str:
    """The shell of a CI file's steps, each on its own line of a text that is empty else."""
    found = [""] * (lines + 1)
    for node_line, text in _steps(document.root.value, document, (), is_step=False):
        for offset, line in enumerate(text.split("\n")):
            index = node_line - first_line + offset
            if index < len(found):
                found[index] = f"{found[index]}; {line}" if found[index] else line
    return "\n".join(found)


def _steps(value: Any, document: Document, path: tuple[str | int, ...], *, is_step: bool) -> Iterator[tuple[int, str]]:
    match value:
        case dict():
            for key, item in value.items():
                yield from _steps(item, document, (*path, key), is_step=key in _STEPS)
        case list():
            for index, item in enumerate(value):
                yield from _steps(item, document, (*path, index), is_step=is_step)
        case Block() if is_step:
            yield value.first_line, str(value)
        case str() if is_step:
            yield document.place(path).line, value
        case _:
            pass
