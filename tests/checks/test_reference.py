"""The page of checks is what the code says."""

from __future__ import annotations

from pathlib import Path

from fairway.checks.reference import DEFAULT, write
from fairway.checks.registry import CHECKS

ROOT = Path(__file__).parent.parent.parent


def test_the_page_is_up_to_date():
    assert (ROOT / DEFAULT).read_text() == write(), "python -m fairway.checks.reference"


def test_every_check_says_why_and_by_whom():
    for check in CHECKS.values():
        assert check.title
        assert check.why.endswith(".")
        assert check.source
