"""Files themselves: what cannot be read, and ignores that are wrong. The readers find these, not a family."""

from __future__ import annotations

from typing import Final

from fairway.lint.finding import Rule, Severity

UNREADABLE: Final = Rule(
    "unreadable",
    Severity.ERROR,
    "A file that cannot be read",
    "It is not what its name says (JSON, YAML, TOML), not UTF-8, nested too deeply or too large; nothing in it was looked at.",
    "mend it at the place that is named",
    "RFC 8259; YAML 1.1; TOML 1.0",
    '{"family": "shop", "containerDefinitions": [{"name": "app", "image": "shop:1"},]}',
    '{"family": "shop", "containerDefinitions": [{"name": "app", "image": "shop:1"}]}',
)
NOT_RECOGNISED: Final = Rule(
    "not-recognised",
    Severity.ERROR,
    "A file that was named, and has nothing that is known",
    "It was named on the command line, so something was expected of it. A file that is only found in a folder is skipped. "
    "CloudFormation templates are not read.",
    "name another file",
    "fairway lint --help",
    '{"name": "shop", "version": "1.4.2"}',
    '{"family": "shop", "containerDefinitions": [{"name": "app", "image": "shop:1"}]}',
)
INVALID: Final = Rule(
    "project-invalid",
    Severity.ERROR,
    "A project that cannot be loaded",
    "What `fairway deploy` refuses: an unknown key, a variable that is not set, a file that is not there. The environment's "
    "definitions were not looked at.",
    "mend it at the place that is named",
    "docs: the project file",
    '[services.api]\ndefinitoin = "api.task.json"',
    '[services.api]\ndefinition = "api.task.json"',
)
BYTE_ORDER_MARK: Final = Rule(
    "byte-order-mark",
    Severity.ERROR,
    "A file that begins with a byte order mark",
    "The AWS CLI and most JSON readers refuse it, and a shell takes it for a part of the first command.",
    "save it as UTF-8 without a byte order mark",
    "RFC 8259, section 8.1",
    "\ufeff" + '{"family": "shop", "containerDefinitions": [{"name": "app", "image": "shop:1"}]}',
    '{"family": "shop", "containerDefinitions": [{"name": "app", "image": "shop:1"}]}',
)
TWICE: Final = Rule(
    "member-twice",
    Severity.WARNING,
    "A member that is written twice",
    "Of two members with one name every reader takes the last, and says nothing.",
    "remove one of them",
    "RFC 8259, section 4",
    '{"family": "shop", "family": "shop2", "containerDefinitions": [{"name": "app", "image": "shop:1"}]}',
    '{"family": "shop", "containerDefinitions": [{"name": "app", "image": "shop:1"}]}',
)
IGNORE_REASON: Final = Rule(
    "ignore-without-reason",
    Severity.WARNING,
    "An ignore without a reason",
    "Whoever reads it later cannot tell whether it still holds. It ignores nothing until it has a reason.",
    'write why: # fairway: ignore CODE because …, or reason = "…"',
    "docs: ignoring a finding",
    "```bash\n# fairway: ignore waiter-gives-up\naws ecs wait services-stable --services api\n```",
    "```bash\n# fairway: ignore waiter-gives-up the job has its own limit of 9 minutes\naws ecs wait services-stable --services api\n```",
)
IGNORE_CODE: Final = Rule(
    "ignore-unknown-code",
    Severity.WARNING,
    "An ignore of a rule that there is not",
    "It ignores nothing.",
    "correct the code: fairway lint --explain lists them",
    "docs: ignoring a finding",
    "```bash\n# fairway: ignore waiter-give-up enough for us\naws ecs wait services-stable --services api\n```",
    "```bash\n# fairway: ignore waiter-gives-up enough for us\naws ecs wait services-stable --services api\n```",
)
IGNORE_UNUSED: Final = Rule(
    "ignore-unused",
    Severity.WARNING,
    "An ignore that matches nothing",
    "What it was for is mended, or moved: left standing, it hides the next one.",
    "remove it",
    "docs: ignoring a finding",
    "```bash\n# fairway: ignore waiter-gives-up enough for us\naws ecs list-services\n```",
    "```bash\n# fairway: ignore waiter-gives-up enough for us\naws ecs wait services-stable --services api\n```",
)
RULES: Final = (UNREADABLE, NOT_RECOGNISED, INVALID, BYTE_ORDER_MARK, TWICE, IGNORE_REASON, IGNORE_CODE, IGNORE_UNUSED)
