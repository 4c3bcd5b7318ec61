"""Hides what may be a secret in a text that people and logs will see. Pure.

A plain value is hidden when its name says secret, or when it looks like one. `valueFrom` of a secret is an ARN, and is shown.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

HIDDEN: Final = "(hidden)"
_PARTS: Final = ("secret", "password", "passwd", "passphrase", "apikey", "accesskey", "credential", "token", "webhook")
"""Of a name, wherever they stand in it."""
_WORDS: Final = frozenset(
    {"pass", "pwd", "pw", "key", "keys", "auth", "dsn", "private", "signature", "salt", "cookie", "pin"}
)
"""Whole words of a name."""
_HARMLESS: Final = frozenset(
    {
        "file",
        "path",
        "dir",
        "ttl",
        "timeout",
        "seconds",
        "minutes",
        "hours",
        "days",
        "length",
        "size",
        "count",
        "arn",
        "name",
    }
    | {"prefix", "header", "type", "algorithm", "enabled", "expiry", "expires"}
)
"""Last words of names that speak of a secret without being one: where it lies, how long it lasts."""
_VERSIONS: Final = frozenset({"sha", "commit", "revision", "digest", "version", "hash", "etag", "ref"})
"""Last words of names whose hexadecimal values are no secrets."""
_REFERENCES: Final = frozenset({"secrets", "secretOptions", "valueFrom"})
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NO_WORD: Final = re.compile(r"[^a-z0-9]+")
_USER: Final = re.compile(r"(?P<before>[a-z][a-z0-9+.-]*://[^\s/:@]*:)(?P<secret>[^\s@]+)(?P<after>@)", re.IGNORECASE)
_ASSIGNED: Final = re.compile(r"(?P<name>[\w-]{2,})(?P<sign>[\"']?\s?[=:]\s?)(?P<quote>[\"']?)(?P<secret>[^\s\"'&;,]+)")
_BEARER: Final = re.compile(r"(?P<before>\b(?:bearer|basic)\s+)(?P<secret>[\w.~+/=-]{6,})", re.IGNORECASE)
_LOOKS: Final = re.compile(
    r"-----BEGIN[\s\S]*?(?:-----END[^-]*-----|$)"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
    r"|\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?"
    r"|\b(?:ghp|gho|ghs|ghu|github_pat|glpat|xox[abprs]|sk|pk|rk|whsec|shpat|npm|pypi)[_-][\w-]{12,}"
)
_RANDOM: Final = re.compile(r"(?<![\w/+.:-])[A-Za-z0-9+/_=-]{24,}(?![\w/+.:-])")
_FLAG: Final = re.compile(r"-{1,2}[\w-]+")
_KINDS: Final = 3


def _words(name: str) -> list[str]:
    return [word for word in _NO_WORD.split(_CAMEL.sub("_", name).lower()) if word]


def is_secret_name(name: str) -> bool:
    """The name of a variable or option says that its value is a secret.

    `DB_PASSWORD`, `apiKey`, `splunk-token`; not `MONKEY`, `KEYBOARD`, `PUBLIC_KEY`, `TOKEN_TTL`, `PASSWORD_FILE`.
    """
    words = _words(name)
    if not words or words[-1] in _HARMLESS or "public" in words:
        return False
    return bool(_WORDS & set(words)) or any(part in "".join(words) for part in _PARTS)


def masked_text(text: str, *, is_version: bool = False) -> str:
    """The text with each part hidden that looks like a secret; a version may be a long hexadecimal number.

    `mysql://app:hunter2@db/x` -> `mysql://app:(hidden)@db/x`; `--password=hunter2` -> `--password=(hidden)`
    """
    if text.startswith("arn:"):
        return text
    text = _USER.sub(lambda m: f"{m['before']}{HIDDEN}{m['after']}", text)
    text = _BEARER.sub(lambda m: f"{m['before']}{HIDDEN}", text)
    text = _ASSIGNED.sub(_assigned, text)
    text = _LOOKS.sub(HIDDEN, text)
    return text if is_version else _RANDOM.sub(lambda m: HIDDEN if _is_random(m.group()) else m.group(), text)


def _assigned(match: re.Match[str]) -> str:
    if match["secret"].startswith(("//", HIDDEN)) or not is_secret_name(match["name"]):
        return match.group()
    return f"{match['name']}{match['sign']}{match['quote']}{HIDDEN}"


def _is_random(text: str) -> bool:
    """Letters of both kinds and digits, mixed: no word, path, name or number. Hexadecimal of 32 characters and more too."""
    if re.fullmatch(r"[0-9a-fA-F]{32,}", text):
        return True
    kinds = [any(c.islower() for c in text), any(c.isupper() for c in text), any(c.isdigit() for c in text)]
    return sum(kinds) == _KINDS and len(set(text)) > len(text) // 3


def masked(value: Any, name: str = "") -> Any:
    """A value of a document, ready to be shown: by the name that it has there, and by its look, all the way down."""
    match value:
        case dict():
            # what `secrets` refer to is no secret
            return {str(k): item if k in _REFERENCES else masked(item, str(k)) for k, item in value.items()}
        case list() | tuple():
            return _masked_list(list(value))
        case str() if name and is_secret_name(name) and not value.startswith("arn:"):
            return HIDDEN
        case str():
            return masked_text(value, is_version=bool(name) and (_words(name) or [""])[-1] in _VERSIONS)
        case _:
            return HIDDEN if name and is_secret_name(name) and not isinstance(value, bool) else value


def _masked_list(items: list[Any]) -> list[Any]:
    """A list; of a command, the word after `--password` is hidden too."""
    shown: list[Any] = []
    for number, item in enumerate(items):
        before = items[number - 1] if number else None
        if isinstance(before, str) and _FLAG.fullmatch(before) and is_secret_name(before) and isinstance(item, str):
            shown.append(HIDDEN)
        elif isinstance(item, dict) and {"name", "value"} <= item.keys():
            shown.append({**masked(item), "value": masked(item["value"], str(item["name"]))})
        else:
            shown.append(masked(item))
    return shown


def shown(value: Any, name: str = "") -> str:
    """A value as one line of text, with what may be a secret hidden."""
    safe = masked(value, name)
    return safe if isinstance(safe, str) and safe == HIDDEN else json.dumps(safe, ensure_ascii=False, default=str)
