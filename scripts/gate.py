"""The gate that every change passes, the same here and in CI.

    ./test                everything but the campaigns
    ./test quick          format, lint, types, import contracts and the fast tests: under a minute
    ./test campaign       the long seeded runs, whose result stands in the README
    ./test --rewrite-golden   write the golden files anew from what the code prints now

Other words go to pytest: ./test quick tests/project -k overlay
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from fairway.clock import monotonic

STATIC = (
    ("format", ["ruff", "format", "--check", "--quiet", "."]),
    ("lint", ["ruff", "check", "--quiet", "."]),
    ("types", ["mypy"]),
    ("imports", ["importlinter.cli", "lint-imports"]),
)
CACHE = Path(".pytest_cache/v/cache/lastfailed")
FAST = "not slow and not campaign"
SLOW = "slow and not campaign"
WORKERS = "4"
"""Of the slow tests: they wait more than they compute."""
NO_TESTS = 5
"""pytest's exit code when nothing was selected."""
SOME_FAILED = 1
FEW = 3
"""As many failures of slow tests may come of the machine: they are told, and run again by themselves."""


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
        CACHE.unlink(missing_ok=True)
        code = pytest(
            "slow tests",
            [
                "-m",
                SLOW,
                "-n",
                WORKERS,
                "--dist",
                "loadfile",
                "--no-loadscope-reorder",
                "--maxfail",
                str(FEW + 1),
                *words,
            ],
        )
        if code == SOME_FAILED:
            code = alone(words)
    say(f"{mode}: {monotonic() - began:.0f} s")
    return code


def alone(words: list[str]) -> int:
    """Run the slow tests that failed once more, with nothing beside them: it tells a defect from a machine too busy.

    The slow tests start hundreds of real processes, three files at once on two cores. One that fails alone, too, fails the
    gate; one that passes alone is named in the last lines, because it waits for too little, or races.
    """
    failed = sorted(json.loads(CACHE.read_text())) if CACHE.exists() else []
    if not 0 < len(failed) <= FEW:
        return SOME_FAILED
    code = pytest("the failed ones alone", ["-m", SLOW, "--last-failed", "--last-failed-no-failures", "none", *words])
    for test in failed if code == 0 else []:
        say(f"UNSTEADY: {test} failed beside others and passed alone")
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
