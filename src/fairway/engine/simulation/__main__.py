"""Replays the history of a seed, or runs many: python -m fairway.engine.simulation SEED [SEED …] | --from N --count M."""

from __future__ import annotations

import argparse
import sys

from fairway.engine.simulation.scenario import draw
from fairway.engine.simulation.watch import Violation, play
from fairway.engine.simulation.world import World


def main() -> int:
    """Exit 1 when a rule was broken."""
    parser = argparse.ArgumentParser(prog="python -m fairway.engine.simulation", description=__doc__)
    parser.add_argument("seeds", type=int, nargs="*", help="seeds whose history is told")
    parser.add_argument("--from", type=int, default=0, dest="first", metavar="N", help="first seed of a run")
    parser.add_argument(
        "--count", type=int, default=0, metavar="M", help="so many seeds, told only when they break a rule"
    )
    arguments = parser.parse_args()
    broken = 0
    for seed in arguments.seeds:
        broken += _play(seed, tell=True)
    for seed in range(arguments.first, arguments.first + arguments.count):
        broken += _play(seed, tell=False)
    return 1 if broken else 0


def _play(seed: int, *, tell: bool) -> int:
    world = World(draw(seed))
    try:
        play(world)
        found = None
    except Violation as violation:
        found = str(violation)
    if tell:
        print(world.scenario, *world.history, sep="\n")  # noqa: T201 - that is what it is for
    if found is not None:
        print(found)  # noqa: T201
    return int(found is not None)


if __name__ == "__main__":
    sys.exit(main())
