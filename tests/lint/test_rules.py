"""Each rule finds something in its example, and nothing in the near miss beside it. More cases stand in tests/lint/test_*_cases.py."""

from __future__ import annotations

import re

import pytest
from tests.lint.linting import lint_text

from fairway.lint.registry import FAMILIES, RULES
from fairway.lint.rules.file_rules import INVALID
from fairway.lint.rules.project_rules import LEFT, UNMONITORED

OF_PROJECTS = {UNMONITORED.code, LEFT.code, INVALID.code}
"""Their examples are project files: see test_project.py."""
HERE = [rule for rule in RULES.values() if rule.code not in OF_PROJECTS]


@pytest.mark.parametrize("rule", HERE, ids=lambda rule: rule.code)
def test_the_example_is_found(rule):
    found = [finding for finding in lint_text(rule.example) if finding.code == rule.code]
    assert found
    for finding in found:
        assert finding.severity is rule.severity
        assert finding.message
        assert finding.remedy
        assert finding.place.line >= 1


@pytest.mark.parametrize("rule", HERE, ids=lambda rule: rule.code)
def test_the_near_miss_is_not_found(rule):
    assert rule.code not in {finding.code for finding in lint_text(rule.better)}


def test_codes_are_unique_words():
    listed = [rule.code for rules in FAMILIES.values() for rule in rules]
    assert len(listed) == len(set(listed))
    assert all(re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)+|unreadable", code) for code in listed)


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.code)
def test_a_rule_says_all_of_it(rule):
    for text in (rule.title, rule.why, rule.remedy, rule.source, rule.example, rule.better):
        assert text.strip()
    assert rule.example != rule.better
