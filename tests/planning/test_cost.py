"""The document's arithmetic, and what makes it another."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairway.engine.control.placement import choose_provider
from fairway.engine.model.cluster import StrategyItem
from fairway.errors import UsageError
from fairway.planning.cost import distribute, service_cost, strategy_of, task_cost
from fairway.project.prices import load_prices

TABLE = load_prices()
API = {"family": "api", "cpu": "1024", "memory": "2048"}
WORKER = {"family": "worker", "cpu": "512", "memory": "1024"}
FARGATE = ({"capacityProvider": "FARGATE", "weight": 1},)
MIXED = (
    {"capacityProvider": "FARGATE", "base": 2, "weight": 1},
    {"capacityProvider": "FARGATE_SPOT", "weight": 4},
)


def cost_of(definition, tasks, strategy=FARGATE, **bounds):
    return service_cost("x", task_cost(definition, TABLE, "us-east-1"), strategy, tasks, **bounds)


def test_the_documents_arithmetic():
    api, worker = cost_of(API, 5), cost_of(WORKER, 10)
    assert api.task.hourly == Decimal("0.04937")
    assert (api.task.monthly, worker.task.monthly) == (Decimal("35.54"), Decimal("17.77"))
    assert (api.monthly, worker.monthly) == (Decimal("177.70"), Decimal("177.70"))
    assert api.monthly + worker.monthly == Decimal("355.40"), "about $355 a month"


def test_autoscaling_gives_a_least_and_a_most():
    api = cost_of(API, 5, least=5, most=50)
    assert (api.least, api.most) == ((5, Decimal("177.70")), (50, Decimal("1777.00")))


def test_a_month_of_730_hours():
    assert task_cost(API, replace(TABLE, hours=Decimal(730)), "us-east-1").monthly == Decimal("36.04")


@pytest.mark.parametrize(
    ("definition", "monthly"),
    [
        pytest.param({**API, "runtimePlatform": {"cpuArchitecture": "ARM64"}}, "28.44", id="ARM is cheaper"),
        pytest.param({**API, "ephemeralStorage": {"sizeInGiB": 21}}, "35.62", id="one gigabyte beyond twenty"),
        pytest.param({**API, "ephemeralStorage": {"sizeInGiB": 20}}, "35.54", id="twenty are included"),
        pytest.param({"cpu": "1 vCPU", "memory": "2 GB"}, "35.54", id="in units"),
        pytest.param({"cpu": "256", "memory": "512"}, "8.88", id="the migrations' size"),
    ],
)
def test_what_a_task_costs_a_month(definition, monthly):
    assert task_cost(definition, TABLE, "us-east-1").monthly == Decimal(monthly)


def test_spot_is_cheaper_by_the_tables_discount_but_its_storage_is_not():
    task = task_cost({**API, "ephemeralStorage": {"sizeInGiB": 120}}, TABLE, "us-east-1")
    assert task.spot_monthly == Decimal("18.65")  # 0.04937 * 0.30 * 720 + 100 * 0.000111 * 720
    mixed = cost_of(API, 5, MIXED)
    assert mixed.providers == {"FARGATE": 3, "FARGATE_SPOT": 2}
    assert mixed.monthly == 3 * Decimal("35.54") + 2 * Decimal("10.66")
    assert mixed.on_demand == Decimal("177.70")


@pytest.mark.parametrize(
    ("strategy", "count", "expected"),
    [
        pytest.param(MIXED, 0, {"FARGATE": 0, "FARGATE_SPOT": 0}, id="no task"),
        pytest.param(MIXED, 2, {"FARGATE": 2, "FARGATE_SPOT": 0}, id="the base first"),
        pytest.param(MIXED, 10, {"FARGATE": 4, "FARGATE_SPOT": 6}, id="the document's ten workers"),
        pytest.param(MIXED, 102, {"FARGATE": 22, "FARGATE_SPOT": 80}, id="beyond the base one to four"),
        pytest.param(MIXED[1:], 7, {"FARGATE_SPOT": 7}, id="one provider alone takes all"),
        pytest.param(({"capacityProvider": "FARGATE"},), 3, {"FARGATE": 3}, id="whatever its weight"),
        pytest.param(({"capacityProvider": "A", "base": 5}, {"capacityProvider": "B", "weight": 1}), 3, {"A": 3, "B": 0}, id="a base that is not filled"),
    ],
)  # fmt: skip
def test_where_tasks_go(strategy, count, expected):
    assert distribute(strategy, count) == expected


@given(
    weights=st.lists(st.integers(0, 5), min_size=1, max_size=4),
    base=st.integers(0, 6),
    at=st.integers(0, 3),
    count=st.integers(0, 60),
)
def test_the_engine_places_tasks_as_the_cost_counts_them(weights, base, at, count):
    names = [f"P{number}" for number in range(len(weights))]
    bases = [base if number == at else 0 for number in range(len(weights))]
    strategy = [
        {"capacityProvider": name, "weight": weight, "base": least}
        for name, weight, least in zip(names, weights, bases, strict=True)
    ]
    items = [StrategyItem(name, weight, least) for name, weight, least in zip(names, weights, bases, strict=True)]
    placed = dict.fromkeys(names, 0)
    try:
        for _ in range(count):
            placed[choose_provider(items, placed)] += 1
    except ValueError:
        with pytest.raises(UsageError, match="weight greater than zero"):
            distribute(strategy, count)
        return
    assert distribute(strategy, count) == placed


def test_where_a_service_runs():
    assert strategy_of({"launchType": "FARGATE"}, MIXED) == FARGATE
    assert strategy_of({}, MIXED) == MIXED
    assert strategy_of(None, ()) == FARGATE
    assert strategy_of({"capacityProviderStrategy": list(MIXED)}, FARGATE) == MIXED
    with pytest.raises(UsageError, match="paid by the instance"):
        strategy_of({"launchType": "EC2"}, ())


@pytest.mark.parametrize(
    ("definition", "region", "message"),
    [
        pytest.param(API, "eu-central-1", "no prices for eu-central-1", id="another region"),
        pytest.param({"family": "x", "memory": "512"}, "us-east-1", "x states no cpu", id="no size"),
        pytest.param({**API, "runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}}, "us-east-1", "prices Linux|runs on WINDOWS", id="Windows"),
    ],
)  # fmt: skip
def test_what_has_no_price_is_refused(definition, region, message):
    with pytest.raises(UsageError, match=message):
        task_cost(definition, TABLE, region)


def test_a_provider_of_instances_has_no_price():
    with pytest.raises(UsageError, match="paid by the instance"):
        cost_of(API, 2, ({"capacityProvider": "my-instances", "weight": 1},))
