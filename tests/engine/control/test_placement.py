from __future__ import annotations

from collections import Counter

import pytest
from tests.engine.control.builders import a_task

from fairway.engine.control.placement import choose_place, choose_provider, free_address
from fairway.engine.model.cluster import StrategyItem
from fairway.engine.model.vault import Subnet


@pytest.mark.parametrize(
    ("strategy", "tasks", "expected"),
    [
        pytest.param([("FARGATE", 1, 0), ("FARGATE_SPOT", 4, 0)], 5, (1, 4), id="by weight"),
        pytest.param([("FARGATE", 1, 0), ("FARGATE_SPOT", 4, 0)], 10, (2, 8), id="by weight, twice as many"),
        pytest.param([("FARGATE", 1, 2), ("FARGATE_SPOT", 1, 0)], 2, (2, 0), id="the base comes first"),
        pytest.param(
            [("FARGATE", 1, 2), ("FARGATE_SPOT", 1, 0)], 6, (4, 2), id="weights share what is beyond the base"
        ),
        pytest.param(
            [("FARGATE", 0, 1), ("FARGATE_SPOT", 1, 0)], 5, (1, 4), id="weight 0 places nothing beyond its base"
        ),
        pytest.param([("FARGATE_SPOT", 1, 0)], 3, (0, 3), id="one provider takes all"),
        pytest.param([("FARGATE", 0, 1)], 3, (3, 0), id="one provider takes all, without a weight too"),
    ],
)
def test_a_strategy_really_distributes(strategy, tasks, expected):
    items = [StrategyItem(name, weight, base) for name, weight, base in strategy]
    placed: Counter[str] = Counter()
    for _ in range(tasks):
        placed[choose_provider(items, placed)] += 1
    assert (placed["FARGATE"], placed["FARGATE_SPOT"]) == expected


def test_all_weights_zero_is_refused():
    with pytest.raises(ValueError, match="weight greater than zero"):
        choose_provider([StrategyItem("FARGATE", 0, 0), StrategyItem("FARGATE_SPOT", 0, 0)], {})


A = Subnet("subnet-a", "us-east-1", "vpc-1", "us-east-1a", "10.0.0.0/28")
B = Subnet("subnet-b", "us-east-1", "vpc-1", "us-east-1b", "10.0.0.16/28")


def nobody(subnet_id: str) -> set[str]:
    return set()


def test_a_task_goes_to_the_zone_with_the_fewest():
    assert choose_place([A, B], [], nobody, 0) == (A, "10.0.0.4")
    assert choose_place([A, B], [a_task(2)], nobody, 0) == (B, "10.0.0.20"), "task 2 is in us-east-1a"


def test_a_full_subnet_is_passed_over_and_full_ones_give_no_address():
    every = {f"10.0.0.{n}" for n in range(32)}
    assert choose_place([A, B], [], lambda subnet: every if subnet == A.id else set(), 0) == (B, "10.0.0.20")
    assert choose_place([A, B], [], lambda _: every, 0) == (A, "")


def test_addresses_stay_within_the_subnet_and_are_not_given_twice():
    taken: set[str] = set()
    for _ in range(11):
        address = free_address(B, taken, 12345)
        assert address is not None
        taken.add(address)
    assert len(taken) == 11
    assert "10.0.0.16" not in taken
    assert "10.0.0.31" not in taken
    assert free_address(B, taken, 0) is None
