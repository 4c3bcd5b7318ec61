"""Every command of the README, in its order, as somebody would type them who reads it."""

from __future__ import annotations

import re
import subprocess

import pytest
from tests.end_to_end.stack import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

EXIT_CODES = {"--set api:TASKMANAGER_FAULTS=crash_at_start": 4}
"""Commands that are meant to fail, by what stands in them."""
ELSEWHERE = {"./test quick": "it runs this test", "./fairway down --purge --yes": "the fixture ends with it"}


def commands():
    """The commands in the README's blocks: with a prompt, or alone."""
    found = []
    for block in re.findall(r"(?:^    .*\n?)+", (ROOT / "README.md").read_text(), re.MULTILINE):
        lines = [line[4:] for line in block.splitlines()]
        if any(line.startswith("$ ") for line in lines):
            found += [line[2:] for line in lines if line.startswith("$ ")]
        else:
            found += [line for line in lines if line.startswith(("./", "eval "))]
    return found


def test_the_readme_has_the_commands_of_the_first_minute():
    assert commands()[0] == "./fairway up --detach"
    assert sum("deploy api" in command for command in commands()) == 2
    assert set(ELSEWHERE) <= set(commands())


def test_every_command_of_the_readme_works(stack):
    environment = stack.environment
    for command in commands():
        if command in ELSEWHERE:
            continue
        wanted = next((code for part, code in EXIT_CODES.items() if part in command), 0)
        ended = subprocess.run(
            ["sh", "-c", command],
            cwd=ROOT,
            env={
                name: value
                for name, value in environment.items()
                if not (name in {"FAIRWAY_DATA", "FAIRWAY_PORT"} and "--data" in command)
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == wanted, f"{command} ended with {ended.returncode}:\n{ended.stdout}{ended.stderr}"


@pytest.mark.parametrize("word", ["", "quick", "campaign"])
def test_the_gate_explains_itself(word):
    ended = subprocess.run(
        ["./test", *word.split(), "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    assert "./test quick" in ended.stdout
