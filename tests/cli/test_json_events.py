"""The events that are documented are the events that there are."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
TOLD = re.compile(r"(?:\.tell\(\s*|Change\(\s*|\.event\(\s*)\"(?P<kind>[a-z_]+)\"")
KIND = re.compile(r"(?:Likely\(\s*|Cause\(\s*|kind=)\"(?P<kind>[a-z-]+)\"")


def test_every_event_is_documented():
    page = (ROOT / "docs" / "reference" / "json-events.md").read_text()
    verbs = [
        "deploy",
        "watch",
        "rollback",
        "why",
        "failure",
        "logs",
        "progress",
        "deployed",
        "plan",
        "render",
        "lint",
        "check",
        "checked",
        "rehearsal",
        "rehearse",
    ]
    files = [*(ROOT / "src" / "fairway" / "deployment").glob("*.py"), *(ROOT / "src" / "fairway" / "cli" / f"{v}.py" for v in verbs)]  # fmt: skip
    told = {match["kind"] for file in files for match in TOLD.finditer(file.read_text())}
    assert len(told) > 20
    assert {kind for kind in told if f"`{kind}`" not in page} == set()


def test_every_cause_is_documented():
    page = (ROOT / "docs" / "reference" / "json-events.md").read_text()
    files = [ROOT / "src" / "fairway" / "deployment" / f"{name}.py" for name in ("causes", "diagnosis")]
    kinds = {match["kind"] for file in files for match in KIND.finditer(file.read_text())}
    assert len(kinds) > 20
    assert {kind for kind in kinds if f"`{kind}`" not in page} == set()
