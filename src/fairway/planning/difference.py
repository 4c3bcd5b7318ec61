"""The quiet, semantic difference of two canonical definitions. Pure.

What ECS fills in by itself is no difference, on whichever side it stands; what both sides name is compared, default or not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fairway.masking import HIDDEN, masked, shown
from fairway.planning.equality import same

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fairway.planning.defaults import Default

_KEYED: Final = frozenset(
    {
        "containerDefinitions",
        "portMappings",
        "mountPoints",
        "volumesFrom",
        "volumes",
        "volumeConfigurations",
        "dependsOn",
    }
    | {"ulimits", "resourceRequirements", "tmpfs", "devices", "loadBalancers", "capacityProviderStrategy"}
    | {"serviceRegistries", "vpcLatticeConfigurations", "services", "lifecycleHooks", "environment", "secrets", "tags"}
    | {
        "secretOptions",
        "systemControls",
        "extraHosts",
        "options",
        "dockerLabels",
        "driverOpts",
        "labels",
        "hookDetails",
    }
)
"""Members whose keys are names that somebody chose, not AWS's members."""
_SECRETS: Final = frozenset({"secrets", "secretOptions"})
_NOTHING: Final = object()


@dataclass(frozen=True, slots=True)
class Difference:
    """One member that differs."""

    path: tuple[str, ...]
    """Such as (`containerDefinitions`, `api`, `environment`, `LOG_LEVEL`)."""
    before: Any = None
    """None with `is_new`."""
    after: Any = None
    """None with `is_gone`."""
    is_new: bool = False
    is_gone: bool = False

    @property
    def sign(self) -> str:
        return "+" if self.is_new else "-" if self.is_gone else "~"

    @property
    def name(self) -> str:
        """`containerDefinitions.api.environment.LOG_LEVEL`."""
        return ".".join(self.path)

    @property
    def _said(self) -> str:
        """The name by which a value may be a secret; what refers to one is none."""
        return "" if _SECRETS & set(self.path) else self.path[-1]

    def lines(self) -> tuple[str, str]:
        """(before, after) as texts, with secrets hidden; equal texts of different values say so."""
        before, after = shown(self.before, self._said), shown(self.after, self._said)
        if before == after and not self.is_new and not self.is_gone:
            after += " (another value)" if after == HIDDEN else " (the hidden part differs)"
        return before, after

    def document(self) -> dict[str, Any]:
        """As JSON, with secrets hidden."""
        said: dict[str, Any] = {"sign": self.sign, "path": self.name}
        if not self.is_new:
            said["before"] = masked(self.before, self._said)
        if not self.is_gone:
            said["after"] = masked(self.after, self._said)
        return said


@dataclass(frozen=True, slots=True)
class Comparison:
    """All differences of two definitions."""

    differences: tuple[Difference, ...] = ()
    unchanged: int = 0
    """Members that are the same, and say something."""


def compare(before: Mapping[str, Any], after: Mapping[str, Any], defaults: Sequence[Default]) -> Comparison:
    """How `after` differs from `before`, both in canonical form."""
    table: dict[tuple[str, ...], list[Any]] = {}
    for default in defaults:
        table.setdefault(tuple(default.path.split(".")), []).append(default.value)
    comparer = _Comparer(table)
    found = tuple(comparer.compare(dict(before), dict(after), (), (), is_map=False))
    return Comparison(found, comparer.unchanged)


class _Comparer:
    """`path` is a place with the keys of maps in it, `members` without: AWS's members alone."""

    def __init__(self, defaults: Mapping[tuple[str, ...], list[Any]]) -> None:
        self._defaults = defaults
        self.unchanged = 0

    def compare(
        self, before: Any, after: Any, path: tuple[str, ...], members: tuple[str, ...], *, is_map: bool
    ) -> Iterator[Difference]:
        """Differences below a place; `is_map`: its keys are names that somebody chose."""
        if isinstance(before, dict) and isinstance(after, dict):
            for key in [*before, *(key for key in after if key not in before)]:
                inner = members if is_map else (*members, key)
                one, other = before.get(key, _NOTHING), after.get(key, _NOTHING)
                yield from self._one(one, other, (*path, key), inner, is_item=is_map)
        elif self._same(before, after, members):
            self.unchanged += 1
        else:
            yield Difference(path, before, after)

    def _one(
        self, before: Any, after: Any, path: tuple[str, ...], members: tuple[str, ...], *, is_item: bool
    ) -> Iterator[Difference]:
        if before is not _NOTHING and after is not _NOTHING:
            is_map = not is_item and members[-1] in _KEYED
            yield from self.compare(before, after, path, members, is_map=is_map)
            return
        value = after if before is _NOTHING else before
        # an item that somebody named (a variable, a container) is there even if it is empty
        if is_item or not self._says_nothing(value, members):
            gone = after is _NOTHING
            yield Difference(path, value if gone else None, None if gone else value, is_new=not gone, is_gone=gone)

    def _same(self, before: Any, after: Any, members: tuple[str, ...]) -> bool:
        if isinstance(before, list) and isinstance(after, list):
            return len(before) == len(after) and all(
                same(members, one, other) for one, other in zip(before, after, strict=True)
            )
        if isinstance(before, dict | list) or isinstance(after, dict | list):
            return not before and not after
        return same(members, before, after)

    def _says_nothing(self, value: Any, members: tuple[str, ...]) -> bool:
        """A member that only one side has is as if it were not there: empty, or what ECS fills in."""
        if any(same(members, value, default) for default in self._defaults.get(members, ())):
            return True
        if isinstance(value, dict):
            if members[-1] in _KEYED:
                return not value
            return all(self._says_nothing(item, (*members, key)) for key, item in value.items())
        return value is None or value in ("", [])
