from __future__ import annotations

import pytest

from fairway.project.tfstate import NotInState, look_up

STATE = {
    "version": 4,
    "outputs": {
        "vpc": {"value": "vpc-1", "type": "string"},
        "subnets": {"value": ["subnet-a", "subnet-b"], "type": ["tuple", ["string", "string"]]},
        "password": {"value": "hunter2", "type": "string", "sensitive": True},
    },
    "resources": [
        {"mode": "managed", "type": "aws_vpc", "name": "main", "instances": [{"attributes": {"id": "vpc-2", "tags": {"Name": "x"}}}]},
        {"mode": "data", "type": "aws_vpc", "name": "main", "instances": [{"attributes": {"id": "vpc-3"}}]},
        {"mode": "managed", "type": "aws_subnet", "name": "private", "instances": [{"index_key": 0, "attributes": {"id": "subnet-0"}}, {"index_key": 1, "attributes": {"id": "subnet-1"}}]},
        {"mode": "managed", "type": "aws_subnet", "name": "by_zone", "instances": [{"index_key": "us-east-1a", "attributes": {"id": "subnet-z"}}]},
        {"mode": "managed", "module": "module.net[0].module.inner", "type": "aws_vpc", "name": "main", "instances": [{"attributes": {"id": "vpc-4"}}]},
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("address", "value"),
    [
        ("output.vpc", "vpc-1"),
        ("output.subnets", ["subnet-a", "subnet-b"]),
        ("output.subnets[1]", "subnet-b"),
        ("aws_vpc.main.id", "vpc-2"),
        ("aws_vpc.main.tags.Name", "x"),
        ("data.aws_vpc.main.id", "vpc-3"),
        ("aws_subnet.private[1].id", "subnet-1"),
        ('aws_subnet.by_zone["us-east-1a"].id', "subnet-z"),
        ("module.net[0].module.inner.aws_vpc.main.id", "vpc-4"),
    ],
)
def test_a_value_is_found(address, value):
    assert look_up(STATE, address) == value


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("output.vps", "there is no output vps (there are: password, subnets, vpc)"),
        ("output.password", "is sensitive"),
        ("output.subnets[2]", "there is no 2"),
        ("aws_vpc.other.id", "there is no resource of aws_vpc.other.id"),
        ("aws_vpc", "there is no resource of aws_vpc"),
        ("aws_vpc.main.arn", "there is no arn"),
        ("aws_subnet.private.id", "which instance? (there are: 0, 1)"),
        ("aws_subnet.private[7].id", "which instance? (there are: 0, 1)"),
        ("output.vpc;", "is no address: ';'"),
        ("", "there is no resource of"),
    ],
)
def test_what_is_not_there_is_named(address, why):
    with pytest.raises(NotInState) as caught:
        look_up(STATE, address)
    assert why in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("state", [{"version": 3}, {}, [], None, "x"])
def test_another_version_is_refused(state):
    with pytest.raises(NotInState, match="no state of Terraform of version 4"):
        look_up(state, "output.vpc")
