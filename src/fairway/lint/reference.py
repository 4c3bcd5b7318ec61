"""Writes the rules into `docs/reference/lint-rules.md`.

python -m fairway.lint.reference [FILE]
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final

from fairway.lint.registry import FAMILIES, RULES

DEFAULT: Final = Path("docs/reference/lint-rules.md")
HEAD: Final = """# Lint rules

What `fairway lint` looks for. This page is written by `python -m fairway.lint.reference`. `fairway lint --explain CODE` shows
a rule with an example in which it is found and one in which it is not.

- **error**: AWS refuses it, it can never work as it stands, or a secret lies open. `fairway deploy` refuses to go on (exit code 2).
- **warning**: it works, but not as it reads, or not when something goes wrong. Counts with `--strict`.
- **info**: something to know; nothing need be wrong.

A code stays what it is. In YAML, TOML, shell and Python a finding is ignored by `# fairway: ignore CODE reason` on its line or the
one before; in JSON, which has no comments, by fairway.toml, whose `path` and `environment` may be left out:

    [lint]
    ignore = [{ code = "CODE", path = "deploy/*.json", environment = "local", reason = "why" }]

Files are known by their content. Scripts are read, never run: a rule about scripts says which pattern it looks for. Rules look at
what files show together, so a service finds its task definition, a policy its alarm, a script the services that it leaves behind,
when they are named in one run. CloudFormation and Terraform are not read.
"""
PRACTICES: Final = {
    "DO 1": ("Use Fargate", ""),
    "DO 2": ("Enable Circuit Breaker", ""),
    "DO 3": ("Set health check grace period", ""),
    "DO 4": ("Use Secrets Manager", "whether a secret exists is seen by `check`"),
    "DO 5": ("Enable Container Insights", ""),
    "DO 6": ("Run migrations before deploying", "in a project `deploy` runs `[tasks]` first, and stops if one fails"),
    "DO 7": ("Test in staging", "no file shows it: `check` asks whether staging has this image marked good"),
    "DO 8": ("Monitor during deployment", "`deploy` does, by `monitor`"),
    "DO 9": ("Use canary/blue-green for critical deployments", "which service is critical no file shows"),
    "DO 10": ("Tag task definitions with version and commit", "in a project `deploy` writes the tags"),
    "DON'T 1": ("Skip pre-deployment checks", "no file shows it: `deploy` runs `lint` and `check` itself"),
    "DON'T 2": ("Deploy during peak hours", "no file shows it: `check` knows the configured hours"),
    "DON'T 3": ("Ignore health check failures", "living ones are shown by `status`, and `deploy` fails on them"),
    "DON'T 4": ("Set minimumHealthyPercent < 100 for critical services", ""),
    "DON'T 5": ("Disable circuit breaker", ""),
    "DON'T 6": ("Use mutable image tags", "whether a repository lets tags move is seen by `check`"),
    "DON'T 7": (
        "Forget to update worker after API changes",
        "in a project `deploy` takes every service, in the order of `after`",
    ),
    "DON'T 8": ("Skip rollback testing", "no file shows it: `rehearse` plays the rollback"),
}
"""The strategy document's practices -> what is not seen in files, and who sees it."""


def write() -> str:
    """The page."""
    parts = [HEAD]
    for family, rules in FAMILIES.items():
        parts.append(f"## {family}\n")
        parts.append("| code | severity | finds | why | remedy | source |\n| --- | --- | --- | --- | --- | --- |")
        parts.append(
            "\n".join(
                f"| `{rule.code}` | {rule.severity} | {_cell(rule.title)} | {_cell(rule.why)} | {_cell(rule.remedy)} | {_cell(rule.source)} |"
                for rule in rules
            )
            + "\n"
        )
    parts.append("## The strategy document's practices\n")
    parts.append("| practice | | rules | beyond files |\n| --- | --- | --- | --- |")
    parts.append("\n".join(_practice(name, *told) for name, told in PRACTICES.items()) + "\n")
    return "\n".join(parts)


def rules_of(practice: str) -> list[str]:
    """The codes of the rules about a DO or DON'T."""
    return [code for code, rule in RULES.items() if practice in rule.practice.split(", ")]


def _practice(name: str, title: str, beyond: str) -> str:
    codes = ", ".join(f"`{code}`" for code in rules_of(name)) or "none"
    return f"| {name} | {title} | {codes} | {beyond} |"


def _cell(text: str) -> str:
    """Text in a table: its bars and angle brackets are meant as such."""
    text = re.sub(r"([|<>*_$])", r"\\\1", text)
    return text.replace("\r", "\\r").replace("\n", " ")


def main() -> int:
    """Write the page."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT
    path.write_text(write(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
