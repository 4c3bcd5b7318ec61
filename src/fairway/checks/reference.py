"""Writes the checks into `docs/reference/checks.md`.

python -m fairway.checks.reference [FILE]
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final

from fairway.checks.registry import CHECKS

DEFAULT: Final = Path("docs/reference/checks.md")
HEAD: Final = """# Checks

What `fairway check` looks at before a deployment; the step `check` of `fairway deploy` does the same, and refuses (exit code 2, nothing
changed) when one fails. This page is written by `python -m fairway.checks.reference`.

- **failed**: the deployment would fail, hang or do harm.
- **warning**: it would work, but not as it should. Counts with `--strict`.
- **not checked**: it is not known. A permission is missing, the endpoint does not have the operation, or nobody can tell from here. It is never
  a failure.
- **ok**.

Everything is read, nothing written, and the value of no secret or parameter is asked for. `fairway deploy --skip check` goes without, and the
revisions say so in their tags; peak hours count even then.

## What a project asks for

In fairway.toml or in an environment's file, which says the last word:

    [checklist]
    reviewed = "Code reviewed and approved"                                    # a person says so
    scanned = { title = "Image scanned", checks = ["image", "image-scan"] }    # these checks say so
    on-call-told = false                                                       # in an environment: not asked there

    [check]
    scan = { critical = 0, high = 5 }    # findings that an image may have; without `high` any number is a warning

In an environment's file alone:

    requires = "staging"    # the same images, by digest, were marked good there

    [[peak_hours]]
    days = ["mon-fri"]
    from = "09:00"
    to = "18:00"              # at or before `from`: on the next day
    zone = "Europe/Berlin"    # wall time there
    why = "customers work"

A point of the checklist with `checks` is answered by them: one that fails cannot be confirmed away. Where they could not look, and for every
other point, a person confirms: asked on a terminal, by `--confirm NAME[=TEXT]`, or in CI by the variable `FAIRWAY_CONFIRM_NAME` (upper case, `_`
for `-`; empty, `0`, `no` and `false` confirm nothing). `--yes` confirms no point. Who, when and how stands in the deployment's report, as does the reason of
`--urgent WHY`, with which a deployment begins in peak hours, or although an alarm is red.
"""


def write() -> str:
    """The page."""
    rows = [
        f"| `{check.code}` | {_cell(check.title)} | {_cell(check.why)} | {_asks(check.asks)} | {_cell(check.source)} |"
        for check in CHECKS.values()
    ]
    head = "| code | looks whether | why | takes | source |\n| --- | --- | --- | --- | --- |"
    laptop = [f"| `{check.code}` | {_cell(check.laptop)} |" for check in CHECKS.values() if check.laptop]
    practices = [f"| {_cell(check.practice)} | `{check.code}` |" for check in CHECKS.values() if check.practice]
    return "\n".join(
        [
            HEAD,
            "## The checks\n",
            head,
            *rows,
            "\n## Left out on `local`\n",
            "| code | because |\n| --- | --- |",
            *laptop,
            "\n## The strategy document's practices and points\n",
            "| practice | check |\n| --- | --- |",
            *practices,
            "",
        ]
    )


def _asks(permissions: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in permissions) or "nothing"


def _cell(text: str) -> str:
    """Text in a table: its bars and angle brackets are meant as such."""
    return re.sub(r"([|<>*_$])", r"\\\1", text)


def main() -> int:
    """Write the page."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT
    path.write_text(write(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
