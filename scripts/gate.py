"""The gate that every change passes, the same here and in CI.

    ./test                everything but the campaigns
    ./test quick          format, lint, types, import contracts and the fast tests: under a minute
    ./test campaign       the long seeded runs, whose result stands in the README
    ./test --rewrite-golden   write the golden files anew from what the code prints now

Other words go to pytest: ./test quick tests/project -k overlay
"""

from __future__ import annotations

import os
import subprocess
import sys

from fairway.clock import monotonic

STATIC = (
    ("format", ["ruff", "format", "--check", "--quiet", "."]),
    ("lint", ["ruff", "check", "--quiet", "."]),
    ("types", ["mypy"]),
    ("imports", ["importlinter.cli", "lint-imports"]),
)
FAST = "not slow and not campaign"
SLOW = "slow and not campaign"
NO_TESTS = 5
"""pytest's exit code when nothing was selected."""


def main(words: list[str]) -> int:
    """Run the gate; the first failing step ends it."""
    if "-h" in words or "--help" in words:
        print(__doc__)
        return 0
    mode = words.pop(0) if words and words[0] in {"quick", "campaign"} else "all"
    if "--rewrite-golden" in words:
        words.remove("--rewrite-golden")
        os.environ["FAIRWAY_REWRITE_GOLDEN"] = "1"
    began = monotonic()
    if mode == "campaign":
        return pytest("campaign", ["-m", "campaign", "-s", *words])
    for name, command in STATIC:
        if code := step(name, [sys.executable, "-m", *command] if command[0] != "importlinter.cli" else LINT_IMPORTS):
            return code
    code = pytest("fast tests", ["-m", FAST, "-n", "2", *words])
    if mode == "all" and code in {0, NO_TESTS}:
        code = pytest("slow tests", ["-m", SLOW, "-n", "3", "--dist", "loadfile", *words])
    say(f"{mode}: {monotonic() - began:.0f} s")
    return code


LINT_IMPORTS = [os.path.join(os.path.dirname(sys.executable), "lint-imports"), "--no-logo"]  # noqa: PTH118, PTH120


def pytest(name: str, words: list[str]) -> int:
    return step(name, [sys.executable, "-m", "pytest", "-q", *words])


def step(name: str, command: list[str]) -> int:
    """Run one step; its output is shown as it comes."""
    began = monotonic()
    code = subprocess.run(command, check=False).returncode
    say(f"{name}: {'ok' if code == 0 else f'failed ({code})'}, {monotonic() - began:.1f} s")
    return code


def say(line: str) -> None:
    print(f"· {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
