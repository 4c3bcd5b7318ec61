"""ECS's refusals: code and text, one row for each cause."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.conformance.world import World

CLIENT, PARAMETER = "ClientException", "InvalidParameterException"
UNSUPPORTED = "UnsupportedFeatureException"
ROLE = "arn:aws:iam::123456789012:role/r"
NETWORK_MISSING = "Network Configuration must be provided when networkMode 'awsvpc' is specified."
AWSLOGS = {"logDriver": "awslogs", "options": {"awslogs-group": "g", "awslogs-stream-prefix": "p"}}


def refusal(call: Any, **members: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**members)
    error = caught.value.response["Error"]
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return error["Code"], error["Message"]


def container(**more: Any) -> dict[str, Any]:
    return {"name": "app", "image": "i", **more}


def fargate(*containers: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A good Fargate task definition, but for what a row changes; None takes a member away."""
    members = {
        "family": "refused",
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        "containerDefinitions": list(containers) if containers else [container()],
    } | more
    return {name: value for name, value in members.items() if value is not None}


REGISTER = [
    pytest.param(fargate(containerDefinitions=[]), CLIENT, "Container list cannot be empty", id="no containers"),
    pytest.param(
        fargate(container(image="")), CLIENT, "Container.image should not be null or empty.", id="image is empty"
    ),
    pytest.param(
        fargate(container(image="a b")), CLIENT, "Container.image contains invalid characters", id="image has a space"
    ),
    pytest.param(
        fargate(container(), container()),
        CLIENT,
        "Container names must be unique within a task definition",
        id="the same name twice",
    ),
    pytest.param(
        fargate(container(essential=False)),
        CLIENT,
        "Task definition doesn't have any essential container",
        id="nothing is essential",
    ),
    pytest.param(
        {"family": "refused", "containerDefinitions": [container()]},
        CLIENT,
        "Invalid setting for container 'app'. At least one of 'memory' or 'memoryReservation' must be specified.",
        id="EC2 without memory",
    ),
    pytest.param(
        fargate(container(memory=100, memoryReservation=200)),
        CLIENT,
        "'memory' must be greater than or equal to 'memoryReservation'",
        id="memory below its reservation",
    ),
    pytest.param(
        fargate(container(memory=1024)),
        CLIENT,
        "The 'memory' setting for container 'app' is greater than for the task",
        id="container memory above the task's",
    ),
    pytest.param(
        fargate(container(cpu=200), {**container(cpu=100), "name": "b"}),
        CLIENT,
        "The sum of all container 'cpu' values cannot be greater than the task-level 'cpu' value",
        id="sum of cpu above the task's",
    ),
    pytest.param(
        fargate(cpu=None), CLIENT, "Fargate requires that 'cpu' be defined at the task level.", id="Fargate without cpu"
    ),
    pytest.param(
        fargate(memory=None),
        CLIENT,
        "Fargate requires that 'memory' be defined at the task level.",
        id="Fargate without memory",
    ),
    pytest.param(
        fargate(cpu="256", memory="4096"),
        CLIENT,
        "No Fargate configuration exists for given values.",
        id="no such Fargate size",
    ),
    pytest.param(
        fargate(cpu="much"),
        CLIENT,
        "Invalid 'cpu' setting for task. For more information, see the Troubleshooting section of the Amazon ECS "
        "Developer Guide.",
        id="cpu is no number",
    ),
    pytest.param(
        fargate(networkMode="bridge"),
        CLIENT,
        "Fargate only supports network mode ‘awsvpc’.",  # noqa: RUF001 - ECS's own quotes
        id="Fargate with bridge",
    ),
    pytest.param(
        fargate(container(portMappings=[{"containerPort": 80, "hostPort": 81}])),
        CLIENT,
        "When networkMode=awsvpc, the host ports and container ports in port mappings must match.",
        id="another host port under awsvpc",
    ),
    pytest.param(
        fargate(container(logConfiguration={"logDriver": "awslogs", "options": {}}), executionRoleArn=ROLE),
        CLIENT,
        "Log driver awslogs requires options: awslogs-group",
        id="awslogs without group",
    ),
    pytest.param(
        fargate(
            container(logConfiguration={"logDriver": "awslogs", "options": {"awslogs-group": "g"}}),
            executionRoleArn=ROLE,
        ),
        CLIENT,
        "Fargate requires log configuration options to include awslogs-stream-prefix",
        id="awslogs without prefix",
    ),
    pytest.param(
        fargate(container(logConfiguration=AWSLOGS)),
        CLIENT,
        "Fargate requires task definition to have execution role ARN to support log driver awslogs",
        id="awslogs without execution role",
    ),
    pytest.param(
        fargate(container(image="123456789012.dkr.ecr.us-east-1.amazonaws.com/a:1")),
        CLIENT,
        "Fargate requires task definition to have execution role ARN to support ECR images.",
        id="ECR image without execution role",
    ),
    pytest.param(
        fargate(container(secrets=[{"name": "A", "valueFrom": "b"}])),
        CLIENT,
        "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'",
        id="secrets without execution role",
    ),
    pytest.param(
        fargate(
            container(environment=[{"name": "A", "value": "1"}], secrets=[{"name": "A", "valueFrom": "b"}]),
            executionRoleArn=ROLE,
        ),
        CLIENT,
        "The secret name must be unique and not shared with any new or existing environment variables set on the container, "
        "such as 'A'.",
        id="a variable that is a secret too",
    ),
    pytest.param(
        fargate(*(container(name=f"c{number}") for number in range(11))),
        CLIENT,
        "Too many containers.",
        id="eleven containers",
    ),
    pytest.param(
        fargate(
            container(secrets=[{"name": "A", "valueFrom": "b"}, {"name": "A", "valueFrom": "c"}]), executionRoleArn=ROLE
        ),
        CLIENT,
        "Duplicate secret names found: A. Each secret name must be unique.",
        id="two secrets of one name",
    ),
    pytest.param(
        fargate(container(dependsOn=[{"containerName": "x", "condition": "START"}])),
        CLIENT,
        "Cannot depend on container x because it does not exist",
        id="depends on an unknown container",
    ),
    pytest.param(
        fargate(container(dependsOn=[{"containerName": "b", "condition": "HEALTHY"}]), {**container(), "name": "b"}),
        CLIENT,
        "A dependency container with HEALTHY condition must have health check configured",
        id="HEALTHY of a container without check",
    ),
    pytest.param(
        fargate(container(dependsOn=[{"containerName": "b", "condition": "SUCCESS"}]), {**container(), "name": "b"}),
        CLIENT,
        "A dependency container with SUCCESS or COMPLETE condition cannot be an essential container",
        id="SUCCESS of an essential container",
    ),
    pytest.param(
        fargate(container(mountPoints=[{"sourceVolume": "v", "containerPath": "/v"}])),
        CLIENT,
        "Unknown volume 'v'",
        id="unknown volume",
    ),
    pytest.param(
        fargate(volumes=[{"name": "v", "host": {"sourcePath": "/v"}}]),
        CLIENT,
        "Fargate compatible task definitions do not support sourcePath",
        id="host volume",
    ),
    pytest.param(
        fargate(volumes=[{"name": "v", "dockerVolumeConfiguration": {"scope": "task"}}]),
        CLIENT,
        "Fargate compatible task definitions do not support dockerVolumeConfiguration",
        id="docker volume",
    ),
    pytest.param(
        fargate(ipcMode="task"), CLIENT, "Fargate compatible task definitions do not support ipcMode", id="ipcMode"
    ),
    pytest.param(
        fargate(container(dockerSecurityOptions=["x"])),
        CLIENT,
        "Fargate compatible task definitions do not support dockerSecurityOptions",
        id="dockerSecurityOptions",
    ),
    pytest.param(
        fargate(container(privileged=True)),
        CLIENT,
        "Fargate requires that the 'privileged' setting be 'false'",
        id="privileged",
    ),
    pytest.param(
        fargate(inferenceAccelerators=[{"deviceName": "d", "deviceType": "t"}]),
        CLIENT,
        "Unsupported field 'inferenceAccelerators'",
        id="inferenceAccelerators",
    ),
    pytest.param(
        fargate(container(dnsServers=["1.1.1.1"])),
        CLIENT,
        "DNS servers are not supported on container when networkMode=awsvpc",
        id="dnsServers",
    ),
    pytest.param(
        fargate(container(disableNetworking=True)),
        CLIENT,
        "Disable Networking is not supported on container when networkMode=awsvpc",
        id="disableNetworking",
    ),
    pytest.param(
        fargate(ephemeralStorage={"sizeInGiB": 20}), CLIENT, "EphemeralStorage size should be at least 21", id="20 GiB"
    ),
    pytest.param(
        fargate(ephemeralStorage={"sizeInGiB": 201}),
        CLIENT,
        "EphemeralStorage size should be at most 200",
        id="201 GiB",
    ),
    pytest.param(
        fargate(taskRoleArn="arn:aws:iam::1:role/x"), CLIENT, "Role is not valid", id="a role's ARN that is none"
    ),
    pytest.param(fargate(tags=[]), CLIENT, "Tags can not be empty.", id="an empty list of tags"),
]


@pytest.mark.parametrize(("request_", "code", "text"), REGISTER)
def test_register_task_definition_refuses(world: World, request_: dict[str, Any], code: str, text: str) -> None:
    assert refusal(world.ecs.register_task_definition, **request_) == (code, text)


def test_a_definition_of_more_than_64_kib_is_refused(world: World) -> None:
    big = [{"name": "A", "value": "x" * 70_000}]
    code, text = refusal(world.ecs.register_task_definition, **fargate(container(environment=big)))
    assert code == CLIENT
    assert text.startswith("Actual length: '70")
    assert text.endswith("'. Max allowed length is '65536' bytes.")


def test_read_only_members_of_a_described_definition_are_refused(world: World, simulated: None) -> None:
    described = world.ecs.describe_task_definition(taskDefinition=world.task_definition())["taskDefinition"]
    body = json.dumps(described, default=lambda moment: moment.timestamp()).encode()
    target = "AmazonEC2ContainerServiceV20141113.RegisterTaskDefinition"
    request = Request(world.endpoint or "", body, {"X-Amz-Target": target})  # boto3 would not send them
    with pytest.raises(HTTPError) as caught:
        urlopen(request)
    assert caught.value.code == 400
    answer = json.loads(caught.value.read())
    code, text = answer["__type"], answer["message"]
    assert code == PARAMETER
    for member in ("taskDefinitionArn", "revision", "status", "requiresAttributes", "compatibilities", "registeredBy"):
        assert member in text


SERVICE = [
    pytest.param(
        {"deploymentConfiguration": {"minimumHealthyPercent": 100, "maximumPercent": 100}},
        PARAMETER,
        "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments",
        id="100 and 100",
    ),
    pytest.param(
        {"deploymentConfiguration": {"minimumHealthyPercent": 101}},
        PARAMETER,
        "minimumHealthyPercent must be at most 100",
        id="minimum above 100",
    ),
    pytest.param({"networkConfiguration": None}, PARAMETER, NETWORK_MISSING, id="no network"),
    pytest.param(
        {"networkConfiguration": {"awsvpcConfiguration": {"subnets": []}}},
        PARAMETER,
        "subnets can not be empty.",
        id="no subnets",
    ),
    pytest.param(
        {"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-xxx-private-us-east-1a"]}}},
        PARAMETER,
        "Error retrieving subnet information for [subnet-xxx-private-us-east-1a]: The subnet ID "
        "'subnet-xxx-private-us-east-1a' does not exist (ErrorCode: InvalidSubnetID.NotFound)",
        id="unknown subnet",
    ),
    pytest.param(
        {"capacityProviderStrategy": [{"capacityProvider": "FARGATE", "weight": 1}]},
        PARAMETER,
        "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.",
        id="launch type and strategy",
    ),
    pytest.param(
        {
            "launchType": None,
            "capacityProviderStrategy": [
                {"capacityProvider": "FARGATE", "weight": 1, "base": 1},
                {"capacityProvider": "FARGATE_SPOT", "weight": 1, "base": 1},
            ],
        },
        PARAMETER,
        "There are multiple capacity providers in the specified capacity provider strategy with a base value defined",
        id="two bases",
    ),
    pytest.param(
        {
            "launchType": None,
            "capacityProviderStrategy": [
                {"capacityProvider": "FARGATE", "weight": 0},
                {"capacityProvider": "FARGATE_SPOT", "weight": 0},
            ],
        },
        PARAMETER,
        "There are no capacity providers in the capacity provider strategy with a weight value greater than zero",
        id="only zero weights",
    ),
    pytest.param(
        {"healthCheckGracePeriodSeconds": 60},
        PARAMETER,
        "Health check grace period is only valid for services configured to use load balancers",
        id="grace period without load balancer",
    ),
    pytest.param(
        {"placementStrategy": [{"type": "random"}]},
        PARAMETER,
        "Placement strategies are not supported with FARGATE launch type.",
        id="placement strategy",
    ),
    pytest.param(
        {"loadBalancers": [{"loadBalancerName": "a", "targetGroupArn": "b", "containerName": "app"}]},
        PARAMETER,
        "loadBalancerName and targetGroupArn cannot both be specified",
        id="classic and target group",
    ),
    pytest.param(
        {"role": ROLE},
        PARAMETER,
        "You cannot specify an IAM role for services that require a service linked role.",
        id="an IAM role",
    ),
    pytest.param({"taskDefinition": "nothing:1"}, CLIENT, "TaskDefinition not found.", id="unknown task definition"),
    pytest.param(
        {"taskDefinition": "nothing:latest"}, PARAMETER, "Invalid revision number. Number: latest", id="no number"
    ),
    pytest.param({"cluster": "nowhere"}, "ClusterNotFoundException", "Cluster not found.", id="unknown cluster"),
]


@pytest.mark.parametrize(("change", "code", "text"), SERVICE)
def test_create_service_refuses(world: World, change: dict[str, Any], code: str, text: str) -> None:
    members = {
        "cluster": world.cluster(),
        "serviceName": world.name("s"),
        "taskDefinition": world.task_definition(),
        "desiredCount": 0,
        "launchType": "FARGATE",
        "networkConfiguration": world.network,
    } | change
    members = {name: value for name, value in members.items() if value is not None}
    assert refusal(world.ecs.create_service, **members) == (code, text)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"deploymentConfiguration": {"strategy": "BLUE_GREEN"}}, "BLUE_GREEN"),
        ({"deploymentConfiguration": {"strategy": "LINEAR"}}, "LINEAR"),
        ({"deploymentConfiguration": {"strategy": "CANARY"}}, "CANARY"),
        ({"deploymentController": {"type": "CODE_DEPLOY"}}, "CODE_DEPLOY"),
        ({"deploymentController": {"type": "EXTERNAL"}}, "EXTERNAL"),
        ({"schedulingStrategy": "DAEMON", "desiredCount": None}, "DAEMON"),
        ({"serviceConnectConfiguration": {"enabled": True}}, "serviceConnectConfiguration"),
        ({"serviceRegistries": [{"registryArn": "a"}]}, "serviceRegistries"),
        ({"launchType": "EC2"}, "EC2"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_the_engine_does_not_have_is_refused_by_name(
    world: World, simulated: None, change: dict[str, Any], named: str
) -> None:
    members = {
        "cluster": world.cluster(),
        "serviceName": world.name("s"),
        "taskDefinition": world.task_definition(),
        "desiredCount": 0,
        "networkConfiguration": world.network,
    } | change
    code, text = refusal(world.ecs.create_service, **{k: v for k, v in members.items() if v is not None})
    assert code == UNSUPPORTED
    assert named in text


def test_load_balancers_of_a_service_must_fit(world: World) -> None:
    cluster = world.cluster()
    definition = world.task_definition(world.container(portMappings=[{"containerPort": 8000}]))

    def create(**item: Any) -> tuple[str, str]:
        return refusal(
            world.ecs.create_service,
            cluster=cluster,
            serviceName=world.name("s"),
            taskDefinition=definition,
            desiredCount=0,
            networkConfiguration=world.network,
            loadBalancers=[item],
        )

    lonely = world.target_group()
    assert create(targetGroupArn=lonely, containerName="app", containerPort=8000) == (
        PARAMETER,
        f"The target group with targetGroupArn {lonely} does not have an associated load balancer.",
    )
    used = world.balanced()[0]["targetGroupArn"]
    assert create(targetGroupArn=used, containerName="web", containerPort=8000) == (
        PARAMETER,
        "The container web does not exist in the task definition.",
    )
    assert create(targetGroupArn=used, containerName="app", containerPort=80) == (
        PARAMETER,
        "The container app did not have a container port 80 defined.",
    )
    instances = world.elb.create_target_group(Name=world.name("i"), Protocol="HTTP", Port=80)["TargetGroups"][0]
    arn = instances["TargetGroupArn"]
    assert create(targetGroupArn=arn, containerName="app", containerPort=8000) == (
        PARAMETER,
        "The provided target group ARN has target type instance, which is incompatible with the awsvpc network mode "
        "specified in the task definition.".replace("ARN", arn),
    )


def test_a_service_name_is_free_when_its_service_is_gone(world: World) -> None:
    cluster, definition = world.cluster(), world.task_definition()
    name = world.service(cluster, definition, 1)
    members = {
        "cluster": cluster,
        "serviceName": name,
        "taskDefinition": definition,
        "launchType": "FARGATE",
        "networkConfiguration": world.network,
    }
    assert refusal(world.ecs.create_service, desiredCount=2, **members) == (
        PARAMETER,
        "Creation of service was not idempotent.",
    )
    assert world.ecs.create_service(desiredCount=1, **members)["service"]["serviceName"] == name
    assert refusal(world.ecs.delete_service, cluster=cluster, service=name) == (
        PARAMETER,
        "The service cannot be stopped while it is scaled above 0.",
    )
    world.until_steady(cluster, name)
    world.ecs.delete_service(cluster=cluster, service=name, force=True)
    assert refusal(world.ecs.update_service, cluster=cluster, service=name, desiredCount=2) == (
        "ServiceNotActiveException",
        "Service was not ACTIVE.",
    )
    world.ecs.get_waiter("services_inactive").wait(cluster=cluster, services=[name], WaiterConfig={"Delay": 1})
    assert world.ecs.create_service(desiredCount=0, **members)["service"]["status"] == "ACTIVE"


def test_an_inactive_revision_can_be_used_no_more(world: World) -> None:
    cluster, definition = world.cluster(), world.task_definition()
    name = world.service(cluster, definition, 0)
    world.ecs.deregister_task_definition(taskDefinition=definition)
    assert refusal(world.ecs.update_service, cluster=cluster, service=name, taskDefinition=definition) == (
        CLIENT,
        "TaskDefinition is inactive",
    )
    members = {"cluster": cluster, "taskDefinition": definition, "networkConfiguration": world.network}
    assert refusal(world.ecs.run_task, **members) == (PARAMETER, "TaskDefinition is inactive")
    world.ecs.update_service(cluster=cluster, service=name, desiredCount=1)


def test_execute_command_needs_a_task_role(world: World) -> None:
    cluster = world.cluster()
    name = world.service(cluster, world.task_definition(), 0)
    text = (
        "The service couldn't be updated because a valid taskRoleArn is not being used. Specify a valid task role in your "
        "task definition and try again."
    )
    update = {"cluster": cluster, "service": name, "enableExecuteCommand": True}
    assert refusal(world.ecs.update_service, **update) == (PARAMETER, text)
    with_role = world.task_definition(taskRoleArn=ROLE)
    shown = world.ecs.update_service(taskDefinition=with_role, **update)["service"]
    assert shown["enableExecuteCommand"]


def test_unknown_things(world: World) -> None:
    cluster = world.cluster()
    assert refusal(world.ecs.update_service, cluster=cluster, service="none") == (
        "ServiceNotFoundException",
        "Service not found.",
    )
    assert refusal(world.ecs.delete_service, cluster=cluster, service="none") == (
        "ServiceNotFoundException",
        "Service not found.",
    )
    unknown = "0" * 32
    assert refusal(world.ecs.stop_task, cluster=cluster, task=unknown) == (
        PARAMETER,
        "The referenced task was not found.",
    )
    assert refusal(world.ecs.stop_task, cluster=cluster, task="abc") == (
        PARAMETER,
        "taskId length should be one of [32,36]",
    )
    arn = f"arn:aws:ecs:us-east-1:123456789012:service-deployment/{cluster}/s/x"
    code, _ = refusal(world.ecs.stop_service_deployment, serviceDeploymentArn=arn)
    assert code == "ServiceDeploymentNotFoundException"
    assert refusal(world.ecs.describe_services, cluster=cluster, services=["s"] * 11)[0] == PARAMETER
    gone = world.cluster()
    world.ecs.delete_cluster(cluster=gone)
    assert refusal(world.ecs.list_services, cluster=gone) == (
        "ClusterNotFoundException",
        "The referenced cluster was inactive.",
    )


def test_run_task_refuses(world: World) -> None:
    cluster, definition = world.cluster(), world.task_definition()
    members = {"cluster": cluster, "taskDefinition": definition}
    assert refusal(world.ecs.run_task, **members, launchType="FARGATE") == (PARAMETER, NETWORK_MISSING)
    assert refusal(world.ecs.run_task, **members, networkConfiguration=world.network, count=11)[0] == PARAMETER
    overrides = {"containerOverrides": [{"name": "web", "command": ["x"]}]}
    code, text = refusal(world.ecs.run_task, **members, networkConfiguration=world.network, overrides=overrides)
    assert (code, "web" in text) == (PARAMETER, True)
    ec2 = world.ecs.register_task_definition(
        family=world.name("ec2"), containerDefinitions=[container(memory=64)], networkMode="awsvpc"
    )["taskDefinition"]["taskDefinitionArn"]
    assert refusal(
        world.ecs.run_task,
        cluster=cluster,
        taskDefinition=ec2,
        launchType="FARGATE",
        networkConfiguration=world.network,
    ) == (PARAMETER, "Task definition does not support launch_type FARGATE.")
