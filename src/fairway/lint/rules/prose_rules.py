"""What Markdown (and the comments of scripts) say about deployments, against what ECS does."""

from __future__ import annotations

import bisect
import re
from typing import TYPE_CHECKING, Final

from fairway.lint.entity import Kind
from fairway.lint.finding import Place, Rule, Severity, find
from fairway.lint.rules.examples import blocks, deployment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fairway.lint.entity import Prose, View
    from fairway.lint.finding import Finding

BATCH: Final = Rule(
    "batch-size",
    Severity.WARNING,
    "A text that says another batch than the percentages make",
    "ECS starts as many tasks at once as maximumPercent leaves room for: with five tasks and 200 % all five. Looked for: 'N tasks, "
    "replace M at a time' in Markdown, against the deploymentConfiguration that stands nearest before it in the file (100/200 "
    "where there is none).",
    "correct the text, or set maximumPercent so that it is true",
    "Amazon ECS API Reference, DeploymentConfiguration (maximumPercent); strategy document, Rolling Deployment",
    blocks(deployment(minimumHealthyPercent=100, maximumPercent=200)) + "\n\nTimeline (5 tasks, replace 2 at a time):",
    blocks(deployment(minimumHealthyPercent=100, maximumPercent=140)) + "\n\nTimeline (5 tasks, replace 2 at a time):",
)
MINUTES: Final = Rule(
    "linear-minutes",
    Severity.WARNING,
    "A text that says another duration than a linear shift has",
    "The first step is taken at once, so ten steps of 10 % have nine pauses: Linear10PercentEvery3Minutes shifts in 27 minutes, not "
    "30. Looked for: such a name and 'N min total' in one line of Markdown or of a comment.",
    "correct the text: (number of steps - 1) times the minutes",
    "AWS CodeDeploy User Guide, Working with deployment configurations in CodeDeploy; strategy document, Traffic Shifting",
    "# Options\n\n- Linear10PercentEvery3Minutes: 10% every 3 min (30 min total)",
    "# Options\n\n- Linear10PercentEvery3Minutes: 10% every 3 min (27 min total)",
)
RULES: Final = (BATCH, MINUTES)
_LONGEST: Final = 2000
"""Characters of a line that is still read."""
_BATCH: Final = re.compile(
    r"(?P<tasks>\d{1,4}) tasks,? +(?:replace|replacing|replaces) +(?P<batch>\d{1,4}) at a time", re.IGNORECASE
)
_LINEAR: Final = re.compile(
    r"Linear(?P<percent>\d{1,3})PercentEvery(?P<minutes>\d{1,4})Minutes?\b.*?(?P<said>\d{1,5}) ?min(?:utes)? (?:total|in all|in total)"
)


def check(view: View) -> Iterator[Finding]:
    nearest = _Nearest(view)
    for prose in view.prose:
        for number, line in enumerate(prose.text.split("\n"), start=prose.first_line):
            if len(line) <= _LONGEST:
                yield from _batch(nearest, prose, number, line)
                yield from _minutes(prose, number, line)


class _Nearest:
    """The percentages that stand nearest before a line of a file."""

    def __init__(self, view: View) -> None:
        self._found: dict[str, list[tuple[int, int, int]]] = {}
        for entity in view.of(Kind.SERVICE, Kind.SERVICE_PART):
            configuration = entity.node["deploymentConfiguration"]
            least, most = configuration["minimumHealthyPercent"].integer, configuration["maximumPercent"].integer
            if most is not None:
                place = configuration.place
                self._found.setdefault(place.path, []).append((place.line, 100 if least is None else least, most))
        for lines in self._found.values():
            lines.sort()

    def before(self, path: str, line: int) -> tuple[int, int]:
        """(minimumHealthyPercent, maximumPercent); ECS's defaults where there is nothing before."""
        lines = self._found.get(path, [])
        index = bisect.bisect_left(lines, (line, 0, 0))
        return lines[index - 1][1:] if index else (100, 200)


def _batch(nearest: _Nearest, prose: Prose, number: int, line: str) -> Iterator[Finding]:
    for match in _BATCH.finditer(line):
        tasks, said = int(match["tasks"]), int(match["batch"])
        least, most = nearest.before(prose.name, number)
        # so many may be started beyond the desired ones, and so many stopped before their successors are healthy
        batch = min(tasks, tasks * most // 100 - tasks + (tasks - -(-tasks * least // 100)))
        if batch != said:
            remedy = f"with maximumPercent {100 + said * 100 // tasks} it would be {said} at a time" if tasks else None
            text = f"{tasks} tasks with {least} and {most} per cent: ECS replaces {batch} at a time, not {said}"
            yield find(BATCH, Place(prose.name, number), text, remedy=remedy)


def _minutes(prose: Prose, number: int, line: str) -> Iterator[Finding]:
    match = _LINEAR.search(line)
    if match is None or not 0 < int(match["percent"]) <= 100:  # noqa: PLR2004 - per cent
        return
    steps = -(-100 // int(match["percent"]))
    minutes, said = (steps - 1) * int(match["minutes"]), int(match["said"])
    if said != minutes:
        text = f"{steps} steps have {steps - 1} pauses: it shifts in {minutes} minutes, not {said}"
        yield find(MINUTES, Place(prose.name, number), text)
