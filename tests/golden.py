"""Texts that are compared with files of `tests/golden/`; `./test --rewrite-golden` writes them anew."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(__file__).parent / "golden"


def assert_golden(name: str, text: str, folder: Path = FOLDER) -> None:
    """The text is what stands in the file."""
    path = folder / name
    if os.environ.get("FAIRWAY_REWRITE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.is_file(), f"{path} is missing: ./test --rewrite-golden writes it"
    assert text == path.read_text(encoding="utf-8")
