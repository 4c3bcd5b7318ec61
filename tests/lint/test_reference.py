"""The page of rules is what the rules say."""

from __future__ import annotations

from pathlib import Path

from fairway.lint import reference
from fairway.lint.registry import RULES

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "lint-rules.md"


def test_the_page_is_current():
    assert PAGE.read_text(encoding="utf-8") == reference.write(), "python -m fairway.lint.reference"


def test_every_practice_has_a_rule_or_says_who_checks_it():
    assert len(reference.PRACTICES) == 18
    for practice, (_, beyond) in reference.PRACTICES.items():
        assert reference.rules_of(practice) or beyond, practice


def test_rules_name_practices_that_there_are():
    named = {name for rule in RULES.values() if rule.practice for name in rule.practice.split(", ")}
    assert named <= set(reference.PRACTICES)
