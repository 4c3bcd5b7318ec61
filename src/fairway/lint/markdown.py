"""The fenced blocks of a Markdown file, each with the line on which its text begins."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

LANGUAGES: Final = {
    "json": "json",
    "jsonc": "json",
    "yaml": "yaml",
    "yml": "yaml",
    "bash": "shell",
    "sh": "shell",
    "shell": "shell",
    "zsh": "shell",
    "python": "python",
    "py": "python",
}
"""The word behind a fence -> how its text is read. TOML is left out: a project is linted where it stands."""
_FENCE: Final = re.compile(r"^(?P<indent> *)(?P<fence>`{3,}|~{3,})[ \t]*(?P<word>[A-Za-z0-9_+-]*)[^`]*$")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block."""

    language: str
    text: str
    first_line: int


def read_blocks(text: str) -> tuple[list[Block], str]:
    """The blocks in a language that is known, and the prose: the same lines, with those of such blocks left empty."""
    blocks: list[Block] = []
    prose: list[str] = []
    fence, language, first, body, indent = "", "", 0, [], 0  # type: str, str, int, list[str], int
    for number, line in enumerate(text.split("\n"), start=1):
        match = _FENCE.match(line.rstrip("\r"))
        if not fence and match is not None:
            fence, indent = match["fence"], len(match["indent"])
            language, first, body = LANGUAGES.get(match["word"].lower(), ""), number + 1, []
            prose.append("")
        elif fence and line.strip()[:1] == fence[0] and line.strip() == fence[0] * max(len(line.strip()), len(fence)):
            if language:
                blocks.append(Block(language, "\n".join(body), first))
            fence = ""
            prose.append("")
        elif fence:
            body.append(line[indent:] if not line[:indent].strip() else line)
            prose.append("" if language else line)
        else:
            prose.append(line)
    return blocks, "\n".join(prose)
