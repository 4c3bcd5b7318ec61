"""The table of a whole project."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from tests.golden import assert_golden

from fairway.errors import UsageError
from fairway.planning.project_cost import cost_documents, cost_lines, project_cost
from fairway.project.load import load_project
from fairway.project.prices import PACKAGED, load_prices

ROOT = Path(__file__).parents[2]
TABLE = load_prices()


@pytest.fixture(scope="module")
def project():
    return load_project(ROOT, "production")


def changed(project, **service):
    """The project with its services' definitions changed."""
    services = {key: replace(spec, service={**spec.service, **service}) for key, spec in project.services.items()}
    return replace(project, services=services)


def test_the_documents_own_services_on_fargate_alone(project):
    cost = project_cost(changed(project, launchType="FARGATE"), TABLE)
    assert [(item.key, item.task.monthly, item.monthly) for item in cost.services] == [
        ("worker", Decimal("17.77"), Decimal("177.70")),
        ("api", Decimal("35.54"), Decimal("177.70")),
    ]
    assert cost.monthly == cost.on_demand == Decimal("355.40")


def test_by_the_clusters_strategy_it_is_less(project):
    cost = project_cost(project, TABLE)
    assert cost.monthly == Decimal("231.00")
    assert_golden("cost/production.txt", "\n".join(cost_lines(cost)).replace(str(PACKAGED), "PRICES") + "\n")


def test_a_service_whose_size_is_not_known_is_named_and_left_out(project):
    services = {**project.services, "api": replace(project.services["api"], service=None)}
    cost = project_cost(replace(project, services=services), TABLE)
    assert [item.key for item in cost.services] == ["worker"]
    assert cost.not_known == (("api", "no file names its desiredCount"),)
    assert "api: not in the sum: no file names its desiredCount" in cost_lines(cost)


def test_without_any_price_it_is_refused(project):
    elsewhere = replace(project, environment=replace(project.environment, region="eu-west-9"))
    with pytest.raises(UsageError, match="has no prices for eu-west-9"):
        project_cost(elsewhere, TABLE)


def test_the_documents_of_programs_have_the_sum_last(project):
    kinds = [kind for kind, _ in cost_documents(project_cost(project, TABLE))]
    assert kinds == ["cost_service", "cost_service", "cost_task", "cost"]
