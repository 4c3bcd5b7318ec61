"""Counts that only grow, made of counters that begin at zero whenever their process does."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(slots=True)
class Totals:
    """The sum of what each generation of counters counted, as far as it was read."""

    origin: str = ""
    """The first generation that was ever read: counts began at zero there."""
    counts: dict[str, int] = field(default_factory=dict)
    _generation: str = ""
    _last: dict[str, int] = field(default_factory=dict)

    def add(self, generation: str, reading: Mapping[str, int]) -> bool:
        """Take a reading in; whether some counter began anew, so that what is known should be kept on disk."""
        anew = generation != self._generation
        if anew:
            self._last = {}
            self._generation = generation
            self.origin = self.origin or generation
        for name, value in reading.items():
            last = self._last.get(name, 0)
            anew = anew or value < last
            self.counts[name] = self.counts.get(name, 0) + (value if value < last else value - last)
        self._last = dict(reading)
        return anew

    def render(self) -> str:
        """As text, for `parse`. Text that is older than the last reading is no harm while the generation is the same."""
        return json.dumps(
            {"origin": self.origin, "counts": self.counts, "generation": self._generation, "last": self._last}
        )

    @classmethod
    def parse(cls, text: str) -> Totals:
        """What `render` wrote.

        Raises:
            ValueError, KeyError: it is something else.
        """
        content = json.loads(text)
        return cls(content["origin"], content["counts"], content["generation"], content["last"])
