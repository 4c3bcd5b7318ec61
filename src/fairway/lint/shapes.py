"""The members that ECS takes in a task definition and a service, and the words that some of them are.

`python -m fairway.aws.shapes` writes `ecs_shapes.json` from botocore's model of the API.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE: Final = Path(__file__).with_name("ecs_shapes.json")


@dataclass(frozen=True, slots=True)
class Shapes:
    """ECS's model."""

    structures: Mapping[str, Mapping[str, str]]
    """Structure -> member -> what it holds, by itself or as a list: a structure, an enumeration, or "" for anything else."""
    values: Mapping[str, tuple[str, ...]]
    """Enumeration -> its words."""


@cache
def shapes() -> Shapes:
    document = json.loads(FILE.read_text(encoding="utf-8"))
    return Shapes(document["structures"], {name: tuple(words) for name, words in document["values"].items()})


def service_members() -> Mapping[str, str]:
    """The members of a service: a file may be the input of create-service or of update-service."""
    structures = shapes().structures
    return {**structures["UpdateService"], **structures["CreateService"]}
