"""Nothing is a silent success: each member of a supported operation is read, refused, or said to have no effect."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.engine.services.account import NETWORK, Account, Refused

from fairway.engine import reference, services
from fairway.engine.services.awsmodel import service_model
from fairway.engine.services.catalogue import TABLES
from fairway.engine.services.operation import OperationTable

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "operations.md"


def test_the_reference_is_current() -> None:
    assert PAGE.read_text() == reference.write(), "python -m fairway.engine.reference"


@pytest.mark.parametrize("service", sorted(TABLES))
def test_every_member_is_spoken_of(service: str) -> None:
    folder = Path(str(services.__file__)).parent / service
    words = set(re.findall(r'"([A-Za-z]+)"', "".join(path.read_text() for path in folder.glob("*.py"))))
    table, silent = TABLES[service], []
    for name in sorted(table.supported):
        shape = service_model(service).operation_model(name).input_shape
        told = {rule.partition("=")[0].split(".")[0] for rule in (*table.refused(name), *table.ignored(name))}
        members = [] if shape is None else shape.members
        silent += [f"{name}.{member}" for member in members if member not in words | told]
    assert silent == []


def test_a_rule_about_a_member_that_aws_does_not_have_is_an_error() -> None:
    table = OperationTable("ecs", lambda member: Refused.__new__(Refused))  # type: ignore[arg-type,return-value]
    with pytest.raises(LookupError, match="no member what"):
        table.operation("RunTask", refuses=("what",))
    with pytest.raises(LookupError, match="no operation Explode"):
        table.operation("Explode")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"volumeConfigurations": [{"name": "v"}]}, "volumeConfigurations"),
        ({"launchType": "EC2"}, "launchType EC2"),
        (
            {
                "overrides": {
                    "containerOverrides": [{"name": "app", "environmentFiles": [{"value": "a", "type": "s3"}]}]
                }
            },
            "environmentFiles",
        ),
    ],
    ids=str,
)
def test_refused_members_are_named(change: dict[str, object], named: str) -> None:
    account = Account()
    account("ecs", "CreateCluster")
    account.definition()
    with pytest.raises(Refused) as caught:
        account("ecs", "RunTask", taskDefinition="f", networkConfiguration=NETWORK, **change)
    assert caught.value.answer.code == "UnsupportedFeatureException"
    assert named in caught.value.body["message"]


def test_what_is_given_and_empty_is_not_refused() -> None:
    account = Account()
    account("ecs", "CreateCluster")
    account.definition(placementConstraints=[], pidMode=None, volumes=[])
    account.service(
        serviceRegistries=[], deploymentConfiguration={"alarms": {"alarmNames": [], "enable": False, "rollback": False}}
    )
