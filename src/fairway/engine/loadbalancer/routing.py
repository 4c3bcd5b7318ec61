"""Which rule a request meets, and what follows from it: for a data plane of our own. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from fairway.engine.loadbalancer.envoy_routes import pattern

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from fairway.engine.loadbalancer.protocol import FixedResponse, Forward, Match, Redirect, Route

_PORT: Final = re.compile(r":\d+$")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a rule may look at."""

    method: str
    target: str
    """Path and query."""
    headers: Mapping[str, Sequence[str]]
    """By lower-case names."""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    @property
    def host(self) -> str:
        """Without its port."""
        return _PORT.sub("", next(iter(self.headers.get("host", ())), ""))


def choose(routes: Iterable[Route], asked: Asked) -> Forward | FixedResponse | Redirect | None:
    """The action of the first rule that matches; None: there is no default."""
    return next((route.action for route in routes if matches(route.match, asked)), None)


def matches(match: Match, asked: Asked) -> bool:
    """Whether all conditions hold."""
    return (
        (not match.paths or _any(match.paths, asked.path))
        and (not match.hosts or _any(match.hosts, asked.host, ignore_case=True))
        and (not match.methods or asked.method in match.methods)
        and all(_header(asked, name, patterns) for name, patterns in match.headers)
        and all(_query(asked, pairs) for pairs in match.queries)
    )


def _header(asked: Asked, name: str, patterns: tuple[str, ...]) -> bool:
    values = asked.headers.get(name.lower())
    return values is not None and _any(patterns, ",".join(values), ignore_case=True)


def _query(asked: Asked, pairs: tuple[tuple[str | None, str], ...]) -> bool:
    given = [pair.partition("=") for pair in asked.query.split("&") if "=" in pair]
    return any(
        (key is None or _regex(key, True, True).fullmatch(name)) and _regex(value, True, True).fullmatch(text)
        for key, value in pairs
        for name, _, text in given
    )


def _any(patterns: Iterable[str], text: str, *, ignore_case: bool = False) -> bool:
    return any(_regex(one, ignore_case, False).fullmatch(text) for one in patterns)


@lru_cache(maxsize=4096)
def _regex(text: str, ignore_case: bool, escapes: bool) -> re.Pattern[str]:  # noqa: FBT001 - keys of the cache
    return re.compile(pattern(text, escapes=escapes), re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def location(redirect: Redirect, asked: Asked, port: int) -> str:
    """Where a redirect leads."""
    values = {
        "protocol": "http", "host": asked.host, "port": str(port), "path": asked.path.removeprefix("/"), "query": asked.query,
    }  # fmt: skip

    def fill(template: str) -> str:
        return re.sub(r"#\{(\w+)\}", lambda found: values.get(found[1], ""), template)

    query = fill(redirect.query)
    origin = f"{fill(redirect.protocol).lower()}://{fill(redirect.host)}:{fill(redirect.port)}"
    return origin + fill(redirect.path) + (f"?{query}" if query else "")


def trace(given: str | None, fresh: str) -> str:
    """The X-Amzn-Trace-Id that a target is sent. Source: Application Load Balancer guide, "Request tracing"."""
    if not given:
        return f"Root={fresh}"
    kept = [field for field in given.split(";") if not field.strip().startswith("Self=")]
    name = "Self" if any(field.strip().startswith("Root=") for field in kept) else "Root"
    return ";".join([f"{name}={fresh}", *kept])


class WeightedTurns:
    """Takes choices in turn by their weights, as evenly as may be (no randomness: 9 to 1 is nine and then one)."""

    def __init__(self) -> None:
        self._credit: dict[str, int] = {}

    def next(self, weights: Sequence[tuple[str, int]]) -> str | None:
        """The next choice; None: all weights are 0."""
        total = sum(weight for _, weight in weights)
        if total == 0:
            return None
        self._credit = {key: self._credit.get(key, 0) + weight for key, weight in weights if weight}
        chosen = max(self._credit, key=lambda key: self._credit[key])
        self._credit[chosen] -= total
        return chosen
