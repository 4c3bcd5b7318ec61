"""Findings that somebody has decided to live with: by code, with a reason, beside what they are about.

# fairway: ignore CODE reason          in YAML, TOML, shell, Python: its own line, or the next one that says something
[lint] ignore = [{ code = "CODE", path = "deploy/*.json", reason = "…" }]      in fairway.toml: for JSON, which has no comments
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from fairway.lint.finding import Place, find
from fairway.lint.registry import RULES
from fairway.lint.rules.file_rules import IGNORE_CODE, IGNORE_REASON, IGNORE_UNUSED
from fairway.project.text import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from fairway.lint.document import Document
    from fairway.lint.finding import Finding

_COMMENT: Final = re.compile(
    r"(?:^|(?<=\s))#[ \t]*fairway:[ \t]*ignore\b[ \t]*(?P<code>[\w-]*)[ \t]*(?P<reason>[^\r\n]*)"
)


@dataclass(frozen=True, slots=True)
class Ignore:
    """One of them."""

    code: str
    reason: str
    place: Place
    """Where it is written."""
    line: int | None = None
    """A comment's: the line of the same file that it is about."""
    path: str = "*"
    """A table's: files of the project, `*` and `?` match also across folders."""
    environment: str | None = None

    def matches(self, finding: Finding, relative: str | None) -> bool:
        """`relative`: the finding's file from the project's folder; None: outside of it."""
        if self.code != finding.code or not self.reason:
            return False
        if self.line is not None:
            return finding.place == Place(self.place.path, self.line)
        if self.environment is not None and finding.environments != (self.environment,):
            return False
        return relative is not None and (fnmatchcase(relative, self.path) or fnmatchcase(relative, f"{self.path}/*"))


def read_comments(text: str, name: str, first_line: int = 1) -> list[Ignore]:
    """The comments of a text in a language whose comments begin with `#`."""
    if "fairway:" not in text:
        return []
    lines = text.split("\n")
    found = []
    for index, line in enumerate(lines):
        match = _COMMENT.search(line)
        if match is None:
            continue
        about = index
        if not line[: match.start()].strip():
            about = next((i for i in range(index + 1, len(lines)) if _says_something(lines[i])), index)
        place = Place(name, first_line + index)
        found.append(Ignore(match["code"], match["reason"].strip(), place, line=first_line + about))
    return found


def _says_something(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def read_table(project_file: Document) -> list[Ignore]:
    """`[lint] ignore` of fairway.toml. The loader of the project refuses what is not of this shape."""
    return [
        Ignore(
            item["code"].text or "",
            (item["reason"].text or "").strip(),
            item.place,
            path=item["path"].text or "*",
            environment=item["environment"].text,
        )
        for item in project_file.root["lint"]["ignore"].objects()
    ]


@dataclass(frozen=True, slots=True)
class Sifted:
    """What is left of findings."""

    findings: tuple[Finding, ...]
    ignored: int


def sift(
    findings: Iterable[Finding],
    ignores: Iterable[Ignore],
    *,
    relative: Mapping[str, str],
    with_unused: bool = True,
) -> Sifted:
    """Take out what is ignored, and add what is wrong with the ignores.

    `relative`: file -> its path from the project's folder. `with_unused`: all that an ignore can be about was looked at.
    """
    findings, ignores = list(findings), list(ignores)
    used: set[int] = set()
    kept: list[Finding] = []
    for finding in findings:
        near = [index for index, item in enumerate(ignores) if item.matches(finding, relative.get(finding.place.path))]
        used.update(near)
        if not near:
            kept.append(finding)
    wrong = [
        found
        for index, item in enumerate(ignores)
        if (found := _wrong(item, is_unused=with_unused and index not in used)) is not None
    ]
    return Sifted(tuple(sorted([*kept, *wrong], key=lambda item: item.order)), len(findings) - len(kept))


def _wrong(item: Ignore, *, is_unused: bool) -> Finding | None:
    if item.code not in RULES:
        hint = did_you_mean(item.code, RULES) if item.code else "write the rule's code behind `ignore`"
        if not hint.startswith("did you mean"):
            hint = "fairway lint --explain lists the codes"
        return find(IGNORE_CODE, item.place, f"there is no rule {item.code!r}", remedy=hint)
    if not item.reason:
        return find(IGNORE_REASON, item.place, f"{item.code} is ignored without a reason")
    if is_unused:
        return find(IGNORE_UNUSED, item.place, f"nothing of {item.code} is found there")
    return None


def merge_environments(findings: Iterable[Finding]) -> Iterator[Finding]:
    """The same finding of several environments becomes one."""
    seen: dict[Finding, list[str]] = {}
    for finding in findings:
        seen.setdefault(replace(finding, environments=()), []).extend(finding.environments)
    for finding, environments in seen.items():
        yield replace(finding, environments=tuple(dict.fromkeys(environments)))
