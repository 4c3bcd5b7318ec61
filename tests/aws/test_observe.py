"""Batches, pages and pace."""

from __future__ import annotations

import pytest
from tests.conftest import a_definition, a_service

from fairway.aws.calls import batches
from fairway.aws.images import has_image, missing_repositories
from fairway.aws.observe import Observer, ServiceNotFound
from fairway.aws.pace import Pace
from fairway.aws.session import connect
from fairway.project.model import Environment


def test_lists_go_out_in_pieces():
    assert [list(piece) for piece in batches(range(5), 2)] == [[0, 1], [2, 3], [4]]
    assert list(batches([], 2)) == []


def test_aws_is_asked_gently_and_an_engine_often():
    assert Pace(is_local=True).seconds() == 0.1
    away = Pace(is_local=False)
    assert away.seconds(lambda: 0.0) == 2.0
    assert away.seconds(lambda: 0.999) == pytest.approx(5.0, abs=0.01)


def test_details_are_due_at_first_and_then_each_interval(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("fairway.aws.pace.monotonic", lambda: now[0])
    pace = Pace(is_local=False)
    due = []
    for second in (0, 3, 14, 15, 16, 30):
        now[0] = 100.0 + second
        due.append(pace.details_are_due())
    assert due == [True, False, False, True, False, True]


def test_an_engine_tells_all_of_it_four_times_a_second(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("fairway.aws.pace.monotonic", lambda: now[0])
    near = Pace(is_local=True)
    looks = []
    for tenth in range(6):
        now[0] = 100.0 + tenth / 10
        looks.append((near.details_are_due(), near.services_are_due(2), near.due(["api", "worker"])))
    all_of_it = (True, True, ["api", "worker"])
    assert looks == [all_of_it, *[(False, False, [])] * 2, all_of_it, *[(False, False, [])] * 2]


@pytest.mark.slow
def test_more_services_than_fit_one_call(project, ecs, engine):
    definition = a_definition(f"{project.cluster}-many")
    definition["containerDefinitions"][0]["image"] = "many:1"
    arn = ecs.register_task_definition(**definition)["taskDefinition"]["taskDefinitionArn"]
    names = [f"many-{number:02d}" for number in range(23)]
    for name in names:
        ecs.create_service(cluster=project.cluster, taskDefinition=arn, **a_service(name, 0))
    environment = Environment("local", project.cluster, "us-east-1", endpoint_url=engine.endpoint)
    observer = Observer(connect(environment), project.cluster)
    assert sorted(observer.services([*names, "unknown"])) == names
    assert observer.service_names() == names
    with pytest.raises(ServiceNotFound, match="there is no service unknown"):
        observer.service("unknown")


@pytest.mark.slow
def test_images_are_looked_for_in_ecr_alone(project, engine):
    environment = Environment("local", project.cluster, "us-east-1", endpoint_url=engine.endpoint)
    aws = connect(environment)
    host = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
    assert has_image(aws, "nginx:1"), "not ours to know"
    assert not has_image(aws, f"{host}/nowhere:v1")
    aws.ecr.create_repository(repositoryName="shop/observed")
    assert not has_image(aws, f"{host}/shop/observed:v1")
    images = ["nginx:1", f"{host}/nowhere:v1", f"{host}/shop/observed:v1"]
    assert missing_repositories(aws, images) == {"nowhere"}
