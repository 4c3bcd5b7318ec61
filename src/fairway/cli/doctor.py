"""`fairway doctor`: what is missing on this machine, and how to mend it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import argparse

    from fairway.cli.output import Output

EXAMPLES: Final = """  fairway doctor
  fairway doctor --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", metavar="DIR", help="the engine's data directory (default: the engine's own default)")


def run(arguments: argparse.Namespace, out: Output) -> int:
    from fairway.cli.checkup import State, checkup  # noqa: PLC0415 - only what a verb needs is imported

    marks = {
        State.FINE: out.paint("✓", "green"),
        State.WARNING: out.paint("!", "yellow"),
        State.BROKEN: out.paint("✗", "red"),
    }
    findings = checkup(data=arguments.data)
    for finding in findings:
        out.document({"check": finding.check, "state": str(finding.state), "text": finding.text, "mend": finding.mend})
        out.text(f"{marks[finding.state]} {finding.check:<12} {finding.text}")
        if finding.mend and finding.state is not State.FINE:
            out.text(f"  → {finding.mend}")
    broken = [finding.check for finding in findings if finding.state is State.BROKEN]
    out.text()
    out.text(f"to be mended: {', '.join(broken)}" if broken else "all that is needed is here")
    return 1 if broken else 0
