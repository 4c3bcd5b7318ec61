"""The reference of the project's files names every key that they may have."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fairway.project import before, entries, load, peak_hours, tables
from fairway.project.read_checks import CHECK_KEYS

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "fairway-toml.md"
KEYS = {
    "project": load._PROJECT_KEYS | before.PROJECT_KEYS,
    "services": entries._SERVICE_KEYS | CHECK_KEYS,
    "tasks": entries._TASK_KEYS,
    "scheduled": entries._SCHEDULED_KEYS,
    "environment": load._ENVIRONMENT_KEYS | entries._OVERRIDES,
    "image": entries._IMAGE_KEYS,
    "lint": tables._IGNORE_KEYS,
    "peak hours": peak_hours._KEYS,
}


@pytest.mark.parametrize("table", KEYS)
def test_every_key_is_told(table):
    words = set(
        re.findall(r"[a-z]+(?:_[a-z]+)*", " ".join(re.findall(r"`[^`]+`|^    .*$", PAGE.read_text(), re.MULTILINE)))
    )
    assert KEYS[table] - words == set()
