"""IAM, KMS, EC2 and SNS: there, kept, and one network with ECS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError
from tests.conformance.engine_process import running_engine
from tests.conformance.world import World

if TYPE_CHECKING:
    from pathlib import Path

POLICY = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ecs:ListTasks", "Resource": "*"}]}'
TRUST = '{"Version": "2012-10-17", "Statement": []}'


def test_roles_and_policies(world: World) -> None:
    iam, name = world.client("iam"), world.name("role")
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    assert iam.get_role(RoleName=name)["Role"]["Arn"] == arn
    with pytest.raises(ClientError, match="EntityAlreadyExists"):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
    with pytest.raises(ClientError, match="NoSuchEntity"):
        iam.get_role(RoleName=f"{name}x")
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=POLICY)
    assert iam.list_role_policies(RoleName=name)["PolicyNames"] == ["p"]


def test_keys_encrypt_and_decrypt(world: World) -> None:
    kms = world.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    sealed = kms.encrypt(KeyId=key, Plaintext=b"secret")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"secret"
    with pytest.raises(ClientError, match="NotFoundException"):
        kms.describe_key(KeyId="00000000-0000-0000-0000-000000000000")


def test_topics(world: World) -> None:
    sns = world.client("sns")
    topic = sns.create_topic(Name=world.name("topic"))["TopicArn"]
    assert topic in [item["TopicArn"] for item in sns.list_topics()["Topics"]]


def test_the_default_network_is_the_engines(world: World, simulated: None) -> None:
    vpc = world.ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]
    subnets = world.ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc["VpcId"]]}])["Subnets"]
    assert [s["AvailabilityZone"] for s in subnets[:3]] == ["us-east-1a", "us-east-1b", "us-east-1c"]
    groups = world.ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc["VpcId"]]}])[
        "SecurityGroups"
    ]
    assert "default" in [group["GroupName"] for group in groups]
    balancer = world.elb.describe_load_balancers(LoadBalancerArns=[world.load_balancer()])["LoadBalancers"][0]
    assert balancer["VpcId"] == vpc["VpcId"]
    paris = world.client("ec2", "eu-west-3").describe_subnets()["Subnets"]
    assert [subnet["AvailabilityZone"] for subnet in paris] == ["eu-west-3a", "eu-west-3b", "eu-west-3c"]


def test_subnets_that_a_client_creates_take_tasks_and_load_balancers(world: World) -> None:
    vpc = world.ec2.create_vpc(CidrBlock="10.77.0.0/16")["Vpc"]["VpcId"]
    made = {
        zone: world.ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.77.{n}.0/24", AvailabilityZone=f"us-east-1{zone}")[
            "Subnet"
        ]
        for n, zone in enumerate("bc")
    }
    ids = [subnet["SubnetId"] for subnet in made.values()]
    network = {"awsvpcConfiguration": {"subnets": ids}}
    cluster = world.cluster()
    tasks = world.run(cluster, world.task_definition(), networkConfiguration=network, count=2)
    assert {task["availabilityZone"] for task in tasks} == {"us-east-1b", "us-east-1c"}
    shown = world.until_status(cluster, tasks[0]["taskArn"], "RUNNING")
    address = shown["containers"][0]["networkInterfaces"][0]["privateIpv4Address"]
    assert address.startswith("10.77.")
    balancer = world.elb.create_load_balancer(Name=world.name("lb"), Subnets=ids)["LoadBalancers"][0]
    assert {zone["ZoneName"] for zone in balancer["AvailabilityZones"]} == {"us-east-1b", "us-east-1c"}
    assert balancer["VpcId"] == vpc
    with pytest.raises(ClientError, match="DependencyViolation"):
        world.ec2.delete_subnet(SubnetId=ids[0])
    world.elb.delete_load_balancer(LoadBalancerArn=balancer["LoadBalancerArn"])
    for task in tasks:
        world.ecs.stop_task(cluster=cluster, task=task["taskArn"])
        world.until_status(cluster, task["taskArn"], "STOPPED")
    world.ec2.delete_subnet(SubnetId=ids[0])
    with pytest.raises(ClientError, match=r"InvalidSubnetID\.NotFound"):
        world.run(cluster, world.task_definition(), networkConfiguration=network)


def test_tasks_do_not_share_addresses_and_do_not_start_without_one(world: World) -> None:
    vpc = world.ec2.create_vpc(CidrBlock="10.78.0.0/16")["Vpc"]["VpcId"]
    subnet = world.ec2.create_subnet(VpcId=vpc, CidrBlock="10.78.0.0/28", AvailabilityZone="us-east-1a")["Subnet"]
    network = {"awsvpcConfiguration": {"subnets": [subnet["SubnetId"]]}}
    cluster, definition = world.cluster(), world.task_definition()
    tasks = world.run(cluster, definition, networkConfiguration=network, count=4)
    tasks += world.run(cluster, world.task_definition(), networkConfiguration=network, count=7)
    shown = [world.until_status(cluster, task["taskArn"], "RUNNING") for task in tasks]
    addresses = {task["containers"][0]["networkInterfaces"][0]["privateIpv4Address"] for task in shown}
    assert len(addresses) == 11, "16 less the five that AWS keeps"
    described = world.ec2.describe_subnets(SubnetIds=[subnet["SubnetId"]])["Subnets"][0]
    assert (subnet["AvailableIpAddressCount"], described["AvailableIpAddressCount"]) == (11, 0)
    last = world.run(cluster, definition, networkConfiguration=network)[0]["taskArn"]
    ended = world.until_status(cluster, last, "STOPPED")
    assert ended["stopCode"] == "TaskFailedToStart"
    assert "InsufficientFreeAddressesInSubnet" in ended["stoppedReason"]


def test_what_moto_does_not_have_is_an_error_of_aws(world: World, simulated: None) -> None:
    with pytest.raises(ClientError) as caught:
        world.ec2.create_verified_access_endpoint(VerifiedAccessGroupId="x", EndpointType="rds", AttachmentType="vpc")
    assert caught.value.response["Error"]["Code"] == "UnsupportedOperationException"
    with pytest.raises(ClientError, match="AuthFailure"):
        world.client("ec2", "mars-north-1").describe_subnets()


@pytest.mark.parametrize(
    ("service", "operation", "parameters"),
    [
        ("s3", "list_buckets", {}),
        ("s3", "get_object", {"Bucket": "a", "Key": "b"}),
        ("route53", "list_hosted_zones", {}),
        ("dynamodb", "list_tables", {}),
        ("rds", "describe_db_instances", {}),
        ("lambda", "list_functions", {}),
    ],
)
def test_services_that_it_does_not_have_are_refused_in_their_own_protocol(
    world: World, service: str, operation: str, parameters: dict[str, str]
) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(world.client(service), operation)(**parameters)
    error = caught.value.response["Error"]
    assert error["Code"] in {"UnsupportedOperationException", "UnknownOperationException"}, error
    assert "not supported by this engine" in error["Message"], error


def test_all_of_it_outlives_a_restart(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running_engine(data) as engine:
        world = World(engine.url, "kept", speed=50)
        role = world.client("iam").create_role(RoleName="kept", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
        vpc = world.ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        subnet = world.ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.1.0/24", AvailabilityZone="us-east-1a")["Subnet"]
        kms = world.client("kms")
        key = kms.create_key(KeyUsage="SIGN_VERIFY", KeySpec="RSA_2048")["KeyMetadata"]["KeyId"]
        secret = kms.create_key()["KeyMetadata"]["KeyId"]
        sealed = kms.encrypt(KeyId=secret, Plaintext=b"x")["CiphertextBlob"]
        topic = world.client("sns").create_topic(Name="kept")["TopicArn"]
    with running_engine(data) as engine:
        world = World(engine.url, "kept", speed=50)
        network = {"awsvpcConfiguration": {"subnets": [subnet["SubnetId"]]}}
        assert world.run(world.cluster(), world.task_definition(), networkConfiguration=network)
        assert world.client("iam").get_role(RoleName="kept")["Role"]["Arn"] == role
        assert subnet["SubnetId"] in [s["SubnetId"] for s in world.ec2.describe_subnets()["Subnets"]]
        signed = world.client("kms").sign(KeyId=key, Message=b"m", SigningAlgorithm="RSASSA_PKCS1_V1_5_SHA_256")
        assert signed["Signature"]
        assert world.client("kms").decrypt(CiphertextBlob=sealed)["Plaintext"] == b"x"
        assert world.client("sns").list_topics()["Topics"] == [{"TopicArn": topic}]
        engine.reset()
        assert world.client("sns").list_topics()["Topics"] == []
        with pytest.raises(ClientError, match="NoSuchEntity"):
            world.client("iam").get_role(RoleName="kept")
        assert len(world.ec2.describe_subnets()["Subnets"]) == 3
