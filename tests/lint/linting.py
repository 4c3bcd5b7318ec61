"""Lints texts, as the tests of rules do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fairway.lint.ignores import sift
from fairway.lint.reading import Reading
from fairway.lint.registry import check
from fairway.lint.rules.examples import blocks, language

if TYPE_CHECKING:
    from fairway.lint.finding import Finding

SUFFIXES = {"json": ".json", "yaml": ".yaml", "python": ".py", "bash": ".sh", "markdown": ".md"}


def lint_text(text: str, name: str | None = None) -> tuple[Finding, ...]:
    """The findings in a text; by its content it is JSON, YAML, shell, Python or Markdown."""
    return lint_texts({name or f"example{SUFFIXES[language(text.lstrip(chr(0xFEFF)))]}": text})


def lint_texts(files: dict[str, str]) -> tuple[Finding, ...]:
    reading = Reading()
    for name, text in files.items():
        reading.add(text.encode(), name)
    findings = [*reading.findings, *check(reading.view())]
    return sift(findings, reading.ignores, relative={}).findings


def codes(*documents: Any) -> set[str]:
    """The codes that are found in documents (objects, or texts) which are linted together."""
    texts = [document if isinstance(document, str) else json.dumps(document) for document in documents]
    return {finding.code for finding in lint_text(texts[0] if len(texts) == 1 else blocks(*texts))}
