"""Writes what the engine has of AWS into `docs/reference/operations.md`.

    python -m fairway.engine.reference [FILE]

Everything comes from the operation tables and from botocore's models, so that the page cannot promise what is not there.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from botocore.loaders import Loader

from fairway.engine.api.identify import PASSIVE
from fairway.engine.services.awsmodel import service_model
from fairway.engine.services.catalogue import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fairway.engine.services.operation import OperationTable

DEFAULT: Final = Path("docs/reference/operations.md")
NAMES: Final = {
    "ecs": "Amazon ECS",
    "elbv2": "Elastic Load Balancing v2",
    "logs": "CloudWatch Logs",
    "cloudwatch": "CloudWatch",
    "secretsmanager": "Secrets Manager",
    "ssm": "Systems Manager (Parameter Store)",
    "ecr": "Amazon ECR",
    "sts": "STS",
    "iam": "IAM",
    "ec2": "EC2 (network)",
    "sns": "SNS",
    "kms": "KMS",
    "events": "EventBridge",
    "scheduler": "EventBridge Scheduler",
}
_HEAD: Final = """# Operations

What the local engine has of AWS. This page is written by `python -m fairway.engine.reference`.

- **Supported**: the engine's own. A member that is refused is answered with an error that names it; `a.b` other than `X`
  means that only the value `X` is taken. A member without effect is checked, kept where AWS shows it, and does nothing.
- **By moto**: handed to moto in process, and kept across restarts.
- **Refused**: answered with `UnsupportedOperationException`, which names the operation. So is every other service.
"""


def write() -> str:
    """The whole page."""
    parts = [_HEAD, _overview()]
    parts += [_service(table) for table in TABLES.values()]
    parts.append(_passive())
    return "\n".join(parts)


def _overview() -> str:
    lines = ["| service | supported | refused |", "| --- | ---: | ---: |"]
    for name, table in TABLES.items():
        known = service_model(name).operation_names
        lines.append(f"| {NAMES[name]} (`{name}`) | {len(table.supported)} | {len(known) - len(table.supported)} |")
    lines += [f"| {NAMES[name]} (`{name}`) | by moto | |" for name in PASSIVE]
    return "\n".join(lines) + "\n"


def _service(table: OperationTable) -> str:
    known = sorted(service_model(table.service).operation_names)
    lines = [f"## {NAMES[table.service]}", "", "### Supported", ""]
    lines += ["| operation | refused members | members without effect |", "| --- | --- | --- |"]
    for name in known:
        if name in table.supported:
            refused, ignored = _refused(table.refused(name)), _listed(table.ignored(name))
            lines.append(f"| {name} | {refused} | {ignored} |")
    missing = [name for name in known if name not in table.supported]
    lines += ["", "### Refused", "", _wrapped(missing) if missing else "Nothing.", ""]
    return "\n".join(lines)


def _refused(rules: Iterable[str]) -> str:
    shown = []
    for rule in sorted(rules):
        member, _, allowed = rule.partition("=")
        shown.append(f"`{member}` other than `{allowed}`" if allowed else f"`{member}`")
    return ", ".join(shown)


def _listed(members: Iterable[str]) -> str:
    return ", ".join(f"`{member}`" for member in sorted(members))


def _wrapped(names: Iterable[str], width: int = 118) -> str:
    lines, line = [], ""
    for name in names:
        longer = f"{line}, {name}" if line else name
        if len(longer) > width:
            lines.append(f"{line},")
            line = name
        else:
            line = longer
    return "\n".join([*lines, line])


def _passive() -> str:
    lines = ["## By moto", ""]
    loader = Loader()
    for name in PASSIVE:
        count = len(loader.load_service_model(name, "service-2")["operations"])
        lines.append(f"- {NAMES[name]} (`{name}`): what moto has of its {count} operations; the others are refused.")
    lines += [
        "",
        "The default network of each region (a VPC, a subnet in each of three zones, a security group) is the engine's own;",
        "subnets that are created through EC2 take tasks and load balancers.",
        "",
    ]
    return "\n".join(lines)


def main() -> int:
    """Write the page."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(write())
    return 0


if __name__ == "__main__":
    sys.exit(main())
