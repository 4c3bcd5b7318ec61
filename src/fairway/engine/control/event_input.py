"""What a rule's target is given of an event: nothing, a constant, a part of it, or a text made from parts of it.

Source: EventBridge API Reference, PutTargets; EventBridge User Guide, "Amazon EventBridge input transformation".
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_PATH: Final = re.compile(r"\$(\.[^.\[\]$]+|\[\d+\])*")
_STEP: Final = re.compile(r"\.([^.\[\]$]+)|\[(\d+)\]")
_PLACE: Final = re.compile(r"<([A-Za-z0-9_.-]+)>")
_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


def is_path(text: str) -> bool:
    """JSONPath in dot notation: `$.detail.containers[0].name`."""
    return _PATH.fullmatch(text) is not None


def find(document: Any, path: str) -> Any:
    """What stands at a path; None: nothing."""
    for name, index in _STEP.findall(path):
        if name:
            document = document.get(name) if isinstance(document, dict) else None
        else:
            number = int(index)
            document = document[number] if isinstance(document, list) and number < len(document) else None
    return document


def target_input(target: Mapping[str, Any], document: Mapping[str, Any], rule: tuple[str, str]) -> str | None:
    """The input of an ECS target, which gets nothing of the event unless it asks for it. `rule`: its ARN and name."""
    if "Input" in target:
        return str(target["Input"])
    if "InputPath" in target:
        return json.dumps(find(document, target["InputPath"]))
    if "InputTransformer" not in target:
        return None
    transformer = target["InputTransformer"]
    values = {name: find(document, path) for name, path in transformer.get("InputPathsMap", {}).items()}
    values |= {
        "aws.events.rule-arn": rule[0],
        "aws.events.rule-name": rule[1],
        "aws.events.event.ingestion-time": document["time"],
        "aws.events.event": {name: value for name, value in document.items() if name != "detail"},
        "aws.events.event.json": document,
    }
    return fill(transformer["InputTemplate"], values)


def fill(template: str, values: Mapping[str, Any]) -> str:
    """Put values into `<name>`: inside quotes as text, elsewhere as JSON. What nobody named stays as it is."""
    quoted = [match.span() for match in _QUOTED.finditer(template)]

    def put(match: re.Match[str]) -> str:
        if match[1] not in values:
            return match[0]
        value = values[match[1]]
        if not any(start < match.start() < end for start, end in quoted):
            return json.dumps(value)
        text = value if isinstance(value, str) else "" if value is None else json.dumps(value)
        return json.dumps(text)[1:-1]

    return _PLACE.sub(put, template)
