"""Secrets: where they must not stand, and how they are named. A value is never shown."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from fairway.lint.document import is_placeholder
from fairway.lint.entity import Kind
from fairway.lint.finding import Rule, Severity
from fairway.lint.rules.examples import fargate, task
from fairway.lint.rules.task_rules import containers_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fairway.lint.document import Node
    from fairway.lint.entity import View
    from fairway.lint.finding import Finding

_SOURCE: Final = "Amazon ECS Developer Guide, Pass sensitive data to an Amazon ECS container"
_MANAGER: Final = "Amazon ECS Developer Guide, Pass Secrets Manager secrets through Amazon ECS environment variables"
_ARN: Final = "arn:aws:secretsmanager:us-east-1:123456789012:secret:"
_ROLE: Final = "arn:aws:iam::123456789012:role/ecsTaskExecutionRole"

VALUE: Final = Rule(
    "secret-in-the-open",
    Severity.ERROR,
    "A secret in a plain environment variable or in a command",
    "An option such as --password=…, an address with a password, a key, in environment, command, entryPoint or a health check: the value is in the repository, in every revision of the task definition, in the console and in the answers of describe "
    "calls. Whoever reads one of them has it.",
    "store it in Secrets Manager, name it under secrets, and change it: it has been seen",
    _SOURCE + "; strategy document, Best Practices",
    task({"environment": [{"name": "DATABASE", "value": "mysql://shop:hunter22@db/shop"}]}),
    task({"environment": [{"name": "DATABASE", "value": "mysql://db/shop"}]}),
    practice="DO 4",
)
NAME: Final = Rule(
    "secret-by-name",
    Severity.WARNING,
    "A plain variable whose name says that it is secret",
    "What is called a password, token or key mostly is one, and plain variables are shown by every describe call.",
    "name it under secrets; ignore this if it is no secret",
    _SOURCE + "; strategy document, Best Practices",
    task({"environment": [{"name": "SMTP_PASSWORD", "value": "winter"}]}),
    task({"environment": [{"name": "PASSWORD_MIN_LENGTH", "value": "12"}]}),
    practice="DO 4",
)
TWICE: Final = Rule(
    "variable-twice",
    Severity.ERROR,
    "A variable that is set twice",
    "The name of a secret must differ from every plain variable and every other secret of the container: registration is refused.",
    "remove one of them",
    "Amazon ECS API Reference, ContainerDefinition (environment, secrets)",
    fargate(
        {"environment": [{"name": "PORT", "value": "1"}], "secrets": [{"name": "PORT", "valueFrom": "/shop/port"}]},
        executionRoleArn=_ROLE,
    ),
    fargate(
        {"environment": [{"name": "HOST", "value": "h"}], "secrets": [{"name": "PORT", "valueFrom": "/shop/port"}]},
        executionRoleArn=_ROLE,
    ),
)
MISREAD: Final = Rule(
    "secret-arn-misread",
    Severity.WARNING,
    "A secret's name that ends like the end of a full ARN",
    "Secrets Manager ends each ARN with a hyphen and six characters. A partial ARN whose name ends in a hyphen and six letters "
    "is taken for a full one, and the secret is not found.",
    "write the full ARN, with the six characters of Secrets Manager, or give the secret another name",
    "AWS Secrets Manager API Reference, GetSecretValue (SecretId)",
    task({"secrets": [{"name": "JWT_KEY", "valueFrom": f"{_ARN}shop/jwt-secret"}]}),
    task({"secrets": [{"name": "JWT_KEY", "valueFrom": f"{_ARN}shop/jwt-secret-a1B2c3"}]}),
)
PARTIAL: Final = Rule(
    "secret-arn-partial",
    Severity.INFO,
    "A secret's ARN without its last six characters",
    "ECS asks for the full ARN. A partial one works as long as its name does not look like a full one, and it follows a secret "
    "that was deleted and made again, which a full one does not.",
    "write the full ARN, or decide for the partial one and ignore this with that reason",
    _MANAGER,
    task({"secrets": [{"name": "DATABASE_URL", "valueFrom": f"{_ARN}shop/database-url"}]}),
    task({"secrets": [{"name": "DATABASE_URL", "valueFrom": f"{_ARN}shop/database-url-Ab12Cd"}]}),
)
REFERENCE: Final = Rule(
    "secret-reference",
    Severity.ERROR,
    "A secret that names neither a secret nor a parameter",
    "valueFrom is the ARN of a secret of Secrets Manager, optionally with :json-key:version-stage:version-id (all three colons), "
    "or the ARN or name of a parameter of Systems Manager. A task with anything else does not start.",
    "write arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-XXXXXX, or such an ARN with :key:: behind it",
    _MANAGER,
    task({"secrets": [{"name": "URL", "valueFrom": f"{_ARN}shop/database-Ab12Cd:url"}]}),
    task({"secrets": [{"name": "URL", "valueFrom": f"{_ARN}shop/database-Ab12Cd:url::"}]}),
)
RULES: Final = (VALUE, NAME, TWICE, MISREAD, PARTIAL, REFERENCE)
_SECRET_NAME: Final = re.compile(
    r"(^|_)(PASSWORD|PASSWD|REQUIREPASS|PASSPHRASE|SECRET|TOKEN|CREDENTIALS?|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|SIGNING_?KEY|ENCRYPTION_?KEY)(_KEY)?$",
    re.IGNORECASE,
)
_GIVEN: Final = re.compile(r"(?P<dashes>--?)?(?P<name>[A-Za-z][\w-]*)(?:=(?P<value>.*))?")
_LOOKS: Final = (
    (re.compile(r"[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s:@]+@", re.IGNORECASE), "an address with a password"),
    (re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b"), "an access key of AWS"),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY"), "a private key"),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"), "a signed token"),
    (
        re.compile(
            r"\b(gh[pousr]_\w{30,}|github_pat_\w{20,}|glpat-[\w-]{20}|xox[abprs]-[\w-]{10,}|[sr]k_live_\w{16,})"
        ),
        "a token",
    ),
)
_RANDOM: Final = re.compile(r"[A-Za-z0-9+/_-]{32,}={0,2}")
_HARMLESS: Final = re.compile(r"^$|^(true|false|none|null|changeme)$|^(arn:|/|https?://[^@]*$)", re.IGNORECASE)
_PART: Final = re.compile(r"arn:aws[\w-]*:secretsmanager:[\w-]*:\d*:secret:(?P<name>[^:]+)(?P<rest>.*)")


def check(view: View) -> Iterator[Finding]:
    for entity in view.of(Kind.TASK_DEFINITION):
        for container in containers_of(entity.node):
            yield from _plain(container)
            yield from _commands(container)
            yield from _secrets(container)
    for entity in view.of(Kind.RUN_TASK):
        for container in entity.node["overrides"]["containerOverrides"].objects():
            yield from _plain(container)
            yield from _commands(container)


def looks_secret(name: str, value: str) -> str | None:
    """What a value looks like that must not stand in the open; None: it does not."""
    if is_placeholder(value):
        value = re.sub(r"\$\{[^}]*\}|\{\{[^}]*\}\}", "", value)
    for pattern, what in _LOOKS:
        if pattern.search(value):
            return what
    if _SECRET_NAME.search(name) and _RANDOM.fullmatch(value) and len(set(value)) > 10:  # noqa: PLR2004 - not ----
        return "a long random text"
    return None


def _plain(container: Node) -> Iterator[Finding]:
    owner = container["name"].text
    for variable in container["environment"].objects():
        name, value = variable["name"].text or "", variable["value"].text or ""
        what = looks_secret(name, value)
        if what is not None:
            yield variable["value"].find(VALUE, f"container {owner}: the value of {name} looks like {what}")
        elif _SECRET_NAME.search(name) and not is_placeholder(value) and not _HARMLESS.search(value):
            yield variable["name"].find(NAME, f"container {owner}: {name} is a plain variable")


def _commands(container: Node) -> Iterator[Finding]:
    """Secrets among the words of a command; each item of it is told once."""
    owner, told = container["name"].text, set()
    for command in (container["entryPoint"], container["command"], container["healthCheck"]["command"]):
        for item in command:
            what = looks_secret("", item.text or "")
            if what is not None:
                told.add(item.path)
                yield item.find(VALUE, f"container {owner}: {what} stands in {command.field.rpartition('].')[2]}")
        for name, value, item in _given(command):
            if is_secret_word(name, value) and item.path not in told:
                told.add(item.path)
                yield item.find(
                    VALUE, f"container {owner}: the value of {name} stands in {command.field.rpartition('].')[2]}"
                )


def _given(command: Node) -> Iterator[tuple[str, str, Node]]:
    """The options and variables that a command gives values: `--name=value`, `--name value`, `NAME=value`."""
    words = [(word, item) for item in command for word in (item.text or "").split()]
    for (word, item), (following, next_item) in pairwise([*words, ("-", command)]):
        match = _GIVEN.fullmatch(word.strip("\"'"))
        if match is None:
            continue
        if match["value"] is not None:
            yield match["name"], match["value"], item
        elif match["dashes"] and not following.startswith("-"):
            yield match["name"], following, next_item


def is_secret_word(name: str, value: str) -> bool:
    """A word of a command that is the value of something secret, and not where to look for it: no variable, path or ARN."""
    value = value.strip("\"';,")
    is_elsewhere = value.startswith(("$", "`", "/", "<", "@")) or is_placeholder(value)
    return bool(_SECRET_NAME.search(name.replace("-", "_"))) and not is_elsewhere and not _HARMLESS.search(value)


def _secrets(container: Node) -> Iterator[Finding]:
    owner, seen = container["name"].text, set()
    for variable in container["environment"].objects():
        seen.add(variable["name"].text)
    for secret in container["secrets"].objects():
        name = secret["name"].text
        if name is not None and name in seen:
            yield secret["name"].find(TWICE, f"container {owner}: {name} is set twice")
        seen.add(name)
        yield from _reference(secret["valueFrom"], f"container {owner}: {name}")


def _reference(node: Node, who: str) -> Iterator[Finding]:
    reference = node.literal
    if reference is None or not reference.startswith("arn:"):
        return
    match = _PART.fullmatch(reference)
    if match is None:
        if ":ssm:" not in reference:
            yield node.find(REFERENCE, f"{who}: it is the ARN of neither a secret nor a parameter")
        return
    if match["rest"] and match["rest"].count(":") != 3:  # noqa: PLR2004 - :key:stage:id
        yield node.find(REFERENCE, f"{who}: behind the secret stand {match['rest'].count(':')} colons instead of three")
    ending = re.search(r"-(?P<six>[A-Za-z0-9]{6})$", match["name"])
    if ending is None:
        yield node.find(PARTIAL, f"{who}: the ARN ends with the name, {match['name']}")
    elif ending["six"].isalpha() and ending["six"].islower():
        # of the random ones, one in two hundred has small letters only
        text = f"{who}: {match['name']} ends in a hyphen and six letters, as a full ARN does"
        yield node.find(MISREAD, text)
