"""Writes the members and values that ECS takes into `fairway/lint/ecs_shapes.json`, from botocore's model of the API.

python -m fairway.aws.shapes [FILE]

`fairway lint` is pure and reads that file, not botocore: a test tells when botocore has a newer model.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import botocore.session

if TYPE_CHECKING:
    from botocore.model import Shape

DEFAULT: Final = Path(__file__).parents[1] / "lint" / "ecs_shapes.json"
OPERATIONS: Final = ("RegisterTaskDefinition", "CreateService", "UpdateService")


def write() -> str:
    """The file: structure -> member -> the structure or enumeration that it holds, by itself or as a list; "" for another."""
    model = botocore.session.get_session().get_service_model("ecs")
    structures: dict[str, dict[str, str]] = {}
    values: dict[str, list[str]] = {}
    for name in OPERATIONS:
        request = model.operation_model(name).input_shape
        assert request is not None
        _walk(request, name, structures, values)
    return json.dumps({"structures": structures, "values": values}, indent=1, sort_keys=True) + "\n"


def _walk(shape: Shape, name: str, structures: dict[str, dict[str, str]], values: dict[str, list[str]]) -> str:
    """The name under which a shape is kept; "" if nothing of it is."""
    if shape.type_name == "list":
        return _walk(shape.member, shape.member.name, structures, values)  # type: ignore[attr-defined]
    if shape.type_name == "structure":
        if name not in structures:
            members = structures[name] = {}
            for key, member in shape.members.items():  # type: ignore[attr-defined]
                members[key] = _walk(member, member.name, structures, values)
        return name
    allowed = getattr(shape, "enum", [])
    if not allowed:
        return ""
    values[name] = list(allowed)
    return name


if __name__ == "__main__":
    Path(sys.argv[1] if sys.argv[1:] else DEFAULT).write_text(write(), encoding="utf-8")
