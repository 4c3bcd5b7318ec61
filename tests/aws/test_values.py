"""Values that live elsewhere are read where they live; AWS answers from botocore's stubs."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace

import boto3
import pytest
from botocore.stub import Stubber

from fairway.aws.session import AwsError
from fairway.aws.values import has_references, resolve_values
from fairway.errors import UsageError

STATE = {"version": 4, "outputs": {"subnets": {"value": ["subnet-a", "subnet-b"]}, "vpc": {"value": "vpc-1"}, "map": {"value": {"a": 1}}}}  # fmt: skip


@pytest.fixture
def account():
    """An account of which only what is stubbed exists."""
    stubs = {}
    for name in ("ssm", "cloudformation", "s3"):
        client = boto3.client(name, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
        stubs[name] = Stubber(client)
        stubs[name].activate()
    clients = {name: stub.client for name, stub in stubs.items()}
    aws = SimpleNamespace(ssm=clients["ssm"], client=clients.__getitem__, region="us-east-1", is_local=False)
    yield SimpleNamespace(aws=aws, **stubs)
    for stub in stubs.values():
        stub.assert_no_pending_responses()


@pytest.fixture
def definition(tmp_path):
    """A definition's file in a project with a state of Terraform."""
    (tmp_path / "fairway.toml").write_text("")
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra" / "terraform.tfstate").write_text(json.dumps(STATE))
    (tmp_path / "deploy").mkdir()
    return tmp_path / "deploy" / "api.service.json"


def stack(**outputs):
    found = [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()]
    return {"Stacks": [{"StackName": "network", "CreationTime": 0, "StackStatus": "CREATE_COMPLETE", "Outputs": found}]}


def test_each_kind_is_put_in_and_asked_for_once(account, definition):
    account.ssm.add_response("get_parameters", {"Parameters": [{"Name": "/g", "Value": "tg-1", "Type": "String"}]}, {"Names": ["/g"]})  # fmt: skip
    account.cloudformation.add_response("describe_stacks", stack(Vpc="vpc-9", Group="sg-9"), {"StackName": "network"})
    body = io.BytesIO(json.dumps(STATE).encode())
    account.s3.add_response("get_object", {"Body": body}, {"Bucket": "states", "Key": "prod/network"})
    document = {
        "targetGroupArn": "ssm:/g",
        "securityGroups": ["cfn:network/Group", "cfn:network/Vpc"],
        "subnets": "tfstate:infra/terraform.tfstate#output.subnets",
        "vpc": "tfstate:s3://states/prod/network#output.vpc",
        "first": "tfstate:s3://states/prod/network#output.subnets[0]",
        "text": "not ssm:/g",
    }
    definition.write_text(json.dumps(document))
    assert has_references(document)
    assert resolve_values(account.aws, document, definition) == {
        "targetGroupArn": "tg-1",
        "securityGroups": ["sg-9", "vpc-9"],
        "subnets": ["subnet-a", "subnet-b"],
        "vpc": "vpc-1",
        "first": "subnet-a",
        "text": "not ssm:/g",
    }


@pytest.mark.parametrize(
    ("value", "message", "hint"),
    [
        ("cfn:network", "names no output", "cfn:STACK/OUTPUT"),
        ("cfn:network/Vps", "the stack network has no output Vps", "there are: Vpc"),
        ("cfn:nowork/Vpc", "there is no stack nowork in us-east-1", "list-stacks"),
        ("tfstate:infra/terraform.tfstate", "names no value", "#output.NAME"),
        ("tfstate:infra/none.tfstate#output.vpc", "infra/none.tfstate cannot be read: No such file", "folder of fairway.toml"),
        ("tfstate:infra/terraform.tfstate#output.vps", "there is no output vps", "terraform output"),
        ("tfstate:infra/terraform.tfstate#output.map", "its value is a dict", "a list of strings"),
        ("tfstate:s3://states/none#output.vpc", "there is no s3://states/none", "bucket and key"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_named_with_its_place(account, definition, value, message, hint):
    if value.startswith("cfn:network/"):
        account.cloudformation.add_response("describe_stacks", stack(Vpc="vpc-9"))
    if value.startswith("cfn:nowork"):
        account.cloudformation.add_client_error(
            "describe_stacks", "ValidationError", "Stack with id nowork does not exist"
        )
    if value.startswith("tfstate:s3:"):
        account.s3.add_client_error("get_object", "NoSuchKey")
    definition.write_text(json.dumps({"vpc": value}, indent=1))
    with pytest.raises(UsageError) as caught:
        resolve_values(account.aws, {"vpc": value}, definition)
    assert f"api.service.json:2: vpc is {value}, but" in caught.value.message
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")


def test_what_may_not_be_read_is_aws_s_own_error(account, definition):
    account.cloudformation.add_client_error("describe_stacks", "AccessDenied", "you may not")
    with pytest.raises(AwsError, match="reading the outputs of the stack network"):
        resolve_values(account.aws, {"vpc": "cfn:network/Vpc"}, definition)
