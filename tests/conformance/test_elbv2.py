"""Load balancers, listeners, rules, target groups and the health of targets."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.conformance.world import until
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conformance.world import World


def refusal(call: Any, **members: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**members)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


class _Target(ThreadingHTTPServer):
    status = 200


class _Handler(BaseHTTPRequestHandler):
    server: _Target

    def do_GET(self) -> None:
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        pass


@pytest.fixture
def target() -> Iterator[_Target]:
    """A real target on this machine."""
    server = _Target(("127.0.0.1", free_port()), _Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_load_balancer_from_creation_to_deletion(world: World) -> None:
    name = world.name("lb")
    made = world.elb.create_load_balancer(
        Name=name, Subnets=world.subnets, SecurityGroups=["sg-1"], Scheme="internal", Tags=[{"Key": "a", "Value": "b"}]
    )["LoadBalancers"][0]
    arn = made["LoadBalancerArn"]
    assert made["State"]["Code"] == "active"
    assert made["DNSName"].startswith(f"internal-{name}-")
    assert {zone["SubnetId"] for zone in made["AvailabilityZones"]} == set(world.subnets)
    again = world.elb.create_load_balancer(Name=name, Subnets=world.subnets, SecurityGroups=["sg-1"], Scheme="internal")
    assert again["LoadBalancers"][0]["LoadBalancerArn"] == arn
    assert refusal(world.elb.create_load_balancer, Name=name, Subnets=world.subnets, Scheme="internet-facing") == (
        "DuplicateLoadBalancerName",
        f"A load balancer with the same name '{name}' exists, but with different settings",
    )
    world.elb.get_waiter("load_balancer_available").wait(Names=[name], WaiterConfig={"Delay": 1})
    world.elb.modify_load_balancer_attributes(
        LoadBalancerArn=arn,
        Attributes=[
            {"Key": "idle_timeout.timeout_seconds", "Value": "120"},
            {"Key": "deletion_protection.enabled", "Value": "true"},
        ],
    )
    shown = world.elb.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]
    assert {"Key": "idle_timeout.timeout_seconds", "Value": "120"} in shown
    assert refusal(world.elb.delete_load_balancer, LoadBalancerArn=arn)[0] == "OperationNotPermitted"
    world.elb.modify_load_balancer_attributes(
        LoadBalancerArn=arn, Attributes=[{"Key": "deletion_protection.enabled", "Value": "false"}]
    )
    tags = world.elb.describe_tags(ResourceArns=[arn])["TagDescriptions"][0]["Tags"]
    assert tags == [{"Key": "a", "Value": "b"}]
    world.elb.delete_load_balancer(LoadBalancerArn=arn)
    world.elb.delete_load_balancer(LoadBalancerArn=arn)
    assert refusal(world.elb.describe_load_balancers, Names=[name]) == (
        "LoadBalancerNotFound",
        f"Load balancers '[{name}]' not found",
    )


def test_a_target_group_and_its_defaults(world: World) -> None:
    name = world.name("tg")
    made = world.elb.create_target_group(Name=name, Protocol="HTTP", Port=80, TargetType="ip")["TargetGroups"][0]
    assert made["HealthCheckIntervalSeconds"] == 30
    assert made["HealthCheckTimeoutSeconds"] == 5
    assert (made["HealthyThresholdCount"], made["UnhealthyThresholdCount"]) == (5, 2)
    assert (made["HealthCheckPath"], made["Matcher"], made["HealthCheckPort"]) == (
        "/",
        {"HttpCode": "200"},
        "traffic-port",
    )
    arn = made["TargetGroupArn"]
    same = world.elb.create_target_group(Name=name, Protocol="HTTP", Port=80, TargetType="ip")["TargetGroups"][0]
    assert same["TargetGroupArn"] == arn
    assert refusal(world.elb.create_target_group, Name=name, Protocol="HTTP", Port=81, TargetType="ip") == (
        "DuplicateTargetGroupName",
        f"A target group with the same name '{name}' exists, but with different settings",
    )
    attributes = {
        item["Key"]: item["Value"]
        for item in world.elb.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
    }
    assert attributes["deregistration_delay.timeout_seconds"] == "300"
    assert attributes["stickiness.enabled"] == "false"
    changed = world.elb.modify_target_group(TargetGroupArn=arn, Matcher={"HttpCode": "200-299"})["TargetGroups"][0]
    assert changed["Matcher"] == {"HttpCode": "200-299"}
    assert refusal(world.elb.describe_target_groups, Names=["missing"]) == (
        "TargetGroupNotFound",
        "One or more target groups not found",
    )
    world.elb.delete_target_group(TargetGroupArn=arn)
    world.elb.delete_target_group(TargetGroupArn=arn)


@pytest.mark.parametrize(
    ("change", "code", "text"),
    [
        ({"Port": None}, "ValidationError", "A target group of type 'ip' must have a protocol and a port"),
        ({"HealthCheckIntervalSeconds": 4}, "ValidationError", None),
        ({"HealthCheckIntervalSeconds": 5, "HealthCheckTimeoutSeconds": 5}, "ValidationError", None),
        ({"Matcher": {"HttpCode": "500"}}, "ValidationError", None),
        ({"HealthyThresholdCount": 1}, "ValidationError", None),
        ({"HealthCheckPath": "health"}, "ValidationError", None),
        ({"Name": "-x"}, "ValidationError", None),
        ({"Name": "x" * 33}, "ValidationError", None),
    ],
    ids=str,
)
def test_target_groups_that_are_refused(world: World, change: dict[str, Any], code: str, text: str | None) -> None:
    members = {"Name": world.name("tg"), "Protocol": "HTTP", "Port": 80, "TargetType": "ip"} | change
    found = refusal(world.elb.create_target_group, **{k: v for k, v in members.items() if v is not None})
    assert found[0] == code
    assert text in {None, found[1]}


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(("create_target_group", {"Protocol": "TCP", "Port": 80}), id="TCP"),
        pytest.param(("create_target_group", {"Protocol": "HTTPS", "Port": 80}), id="HTTPS target"),
        pytest.param(("create_target_group", {"TargetType": "lambda"}), id="lambda"),
        pytest.param(("create_target_group", {"Protocol": "HTTP", "Port": 80, "ProtocolVersion": "GRPC"}), id="GRPC"),
        pytest.param(("create_load_balancer", {"Type": "network"}), id="network"),
    ],
)
def test_what_the_engine_does_not_have_is_named(
    world: World, simulated: None, call: tuple[str, dict[str, Any]]
) -> None:
    operation, members = call
    code, text = refusal(getattr(world.elb, operation), Name=world.name("x"), **members)
    assert code == "ValidationError"
    named = [value for value in members.values() if str(value) in text]
    assert named
    assert "not supported by this engine" in text


def test_stickiness_https_and_other_conditions_are_refused_by_name(world: World, simulated: None) -> None:
    group, balancer = world.target_group(), world.load_balancer()
    listener = world.listener(balancer, group)
    sticky = [{"Key": "stickiness.enabled", "Value": "true"}]
    assert "stickiness" in refusal(world.elb.modify_target_group_attributes, TargetGroupArn=group, Attributes=sticky)[1]
    action = {"Type": "forward", "TargetGroupArn": group}
    code, text = refusal(
        world.elb.create_listener,
        LoadBalancerArn=balancer,
        Protocol="HTTPS",
        Port=443,
        Certificates=[{"CertificateArn": "arn:aws:acm:us-east-1:1:certificate/1"}],
        DefaultActions=[action],
    )
    assert (code, "HTTPS" in text) == ("ValidationError", True)
    source = [{"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.0/8"]}}]
    rule = {"ListenerArn": listener, "Priority": 1, "Actions": [action]}
    assert "SourceIpConfig" in refusal(world.elb.create_rule, Conditions=source, **rule)[1]
    forward = {
        "Type": "forward",
        "ForwardConfig": {
            "TargetGroups": [{"TargetGroupArn": group, "Weight": 1}],
            "TargetGroupStickinessConfig": {"Enabled": True, "DurationSeconds": 60},
        },
    }
    assert (
        "TargetGroupStickinessConfig"
        in refusal(world.elb.modify_listener, ListenerArn=listener, DefaultActions=[forward])[1]
    )


def test_listeners_and_rules(world: World) -> None:
    group, other, balancer = world.target_group(), world.target_group(), world.load_balancer()
    listener = world.listener(balancer, group)
    tags = world.elb.describe_tags(ResourceArns=[listener])["TagDescriptions"][0]["Tags"]
    address = {tag["Key"]: tag["Value"] for tag in tags}["fairway:address"]
    assert address.startswith("http://127.0.0.1:")

    def rule(priority: int, *conditions: dict[str, Any]) -> str:
        made = world.elb.create_rule(
            ListenerArn=listener,
            Priority=priority,
            Conditions=list(conditions),
            Actions=[{"Type": "forward", "TargetGroupArn": other}],
        )["Rules"][0]
        arn: str = made["RuleArn"]
        return arn

    path = {"Field": "path-pattern", "Values": ["/api/*"]}
    first = rule(100, path)
    second = rule(
        50,
        {"Field": "host-header", "HostHeaderConfig": {"Values": ["*.example.com"]}},
        {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-A", "Values": ["b*"]}},
        {"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "v", "Value": "2"}]}},
        {"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["GET"]}},
    )
    shown = world.elb.describe_rules(ListenerArn=listener)["Rules"]
    assert [item["Priority"] for item in shown] == ["50", "100", "default"]
    assert shown[1]["Conditions"] == [
        {"Field": "path-pattern", "Values": ["/api/*"], "PathPatternConfig": {"Values": ["/api/*"]}}
    ]
    assert shown[2]["IsDefault"]
    taken = {"ListenerArn": listener, "Priority": 100, "Conditions": [path]}
    taken["Actions"] = [{"Type": "forward", "TargetGroupArn": group}]
    assert refusal(world.elb.create_rule, **taken) == ("PriorityInUse", "Priority '100' is currently in use")
    many = {"Field": "path-pattern", "Values": [f"/{n}" for n in range(6)]}
    assert refusal(world.elb.create_rule, **taken | {"Priority": 1, "Conditions": [many]}) == (
        "ValidationError",
        "A rule can only have '5' condition values",
    )
    world.elb.set_rule_priorities(
        RulePriorities=[{"RuleArn": first, "Priority": 50}, {"RuleArn": second, "Priority": 100}]
    )
    swapped = {r["RuleArn"]: r["Priority"] for r in world.elb.describe_rules(ListenerArn=listener)["Rules"]}
    assert (swapped[first], swapped[second]) == ("50", "100")
    assert refusal(world.elb.delete_target_group, TargetGroupArn=other) == (
        "ResourceInUse",
        f"Target group '{other}' is currently in use by a listener or a rule",
    )
    stranger = world.load_balancer()
    code, text = refusal(
        world.elb.create_listener,
        LoadBalancerArn=stranger,
        Protocol="HTTP",
        Port=81,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
    )
    assert code == "TargetGroupAssociationLimit"
    assert text == f"The following target groups cannot be associated with more than one load balancer: {group}"
    world.elb.delete_rule(RuleArn=first)
    assert refusal(world.elb.describe_rules, RuleArns=[first])[0] == "RuleNotFound"
    assert refusal(world.elb.delete_rule, RuleArn=shown[2]["RuleArn"])[0] == "OperationNotPermitted"
    world.elb.delete_listener(ListenerArn=listener)
    assert refusal(world.elb.describe_listeners, ListenerArns=[listener])[0] == "ListenerNotFound"
    world.elb.delete_target_group(TargetGroupArn=other)


def test_weighted_forwards_fixed_responses_and_redirects(world: World) -> None:
    one, two, balancer = world.target_group(), world.target_group(), world.load_balancer()
    weights = [{"TargetGroupArn": one, "Weight": 9}, {"TargetGroupArn": two, "Weight": 1}]
    listener = world.elb.create_listener(
        LoadBalancerArn=balancer,
        Protocol="HTTP",
        Port=80,
        DefaultActions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": weights}}],
    )["Listeners"][0]
    assert listener["DefaultActions"][0]["ForwardConfig"]["TargetGroups"] == weights
    assert "TargetGroupArn" not in listener["DefaultActions"][0]
    conditions = [{"Field": "path-pattern", "Values": ["/x"]}]
    fixed = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503", "ContentType": "text/plain"}}
    redirect = {"Type": "redirect", "RedirectConfig": {"StatusCode": "HTTP_301", "Protocol": "HTTPS", "Port": "443"}}
    for priority, action in enumerate([fixed, redirect], 1):
        made = world.elb.create_rule(
            ListenerArn=listener["ListenerArn"], Priority=priority, Conditions=conditions, Actions=[action]
        )["Rules"][0]
        assert made["Actions"][0] == action
    shown = world.elb.describe_target_groups(LoadBalancerArn=balancer)["TargetGroups"]
    assert {group["TargetGroupArn"] for group in shown} == {one, two}
    assert shown[0]["LoadBalancerArns"] == [balancer]


def test_the_health_of_a_real_target(world: World, simulated: None, target: _Target) -> None:
    group = world.target_group()
    port = target.server_address[1]
    item = {"Id": "127.0.0.1", "Port": port}

    def health() -> tuple[str, str | None, str | None]:
        found = world.elb.describe_target_health(TargetGroupArn=group, Targets=[item])["TargetHealthDescriptions"][0]
        shown = found["TargetHealth"]
        return shown["State"], shown.get("Reason"), shown.get("Description")

    assert health() == ("unused", "Target.NotRegistered", "Target is not registered to the target group")
    world.elb.register_targets(TargetGroupArn=group, Targets=[item])
    unused = (
        "unused",
        "Target.NotInUse",
        "Target group is not configured to receive traffic from the load balancer",
    )
    until("nobody uses the group", lambda: health() == unused)
    listener = world.listener(world.load_balancer(), group)
    until("one passed check is enough", lambda: health() == ("healthy", None, None))
    target.status = 500
    mismatch = ("unhealthy", "Target.ResponseCodeMismatch", "Health checks failed with these codes: [500]")
    until("it answers 500", lambda: health() == mismatch)
    target.status = 200
    until("it recovers after five passed checks", lambda: health() == ("healthy", None, None))
    world.elb.get_waiter("target_in_service").wait(TargetGroupArn=group, WaiterConfig={"Delay": 1})
    world.elb.modify_target_group(TargetGroupArn=group, HealthCheckEnabled=False)
    off = ("unavailable", "Target.HealthCheckDisabled", "Health checks are disabled")
    until("checks are off", lambda: health() == off)
    world.elb.modify_target_group(TargetGroupArn=group, HealthCheckEnabled=True)
    until("checks are on", lambda: health() == ("healthy", None, None))
    world.elb.modify_target_group_attributes(
        TargetGroupArn=group, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "60"}]
    )
    world.elb.deregister_targets(TargetGroupArn=group, Targets=[item, {"Id": "127.0.0.9"}])
    assert health() == ("draining", "Target.DeregistrationInProgress", "Target deregistration is in progress")
    world.elb.get_waiter("target_deregistered").wait(
        TargetGroupArn=group, Targets=[item], WaiterConfig={"Delay": 1, "MaxAttempts": 20}
    )
    world.elb.delete_listener(ListenerArn=listener)


def test_a_target_that_nobody_hears_is_unhealthy(world: World, simulated: None) -> None:
    group = world.target_group()
    world.listener(world.load_balancer(), group)
    world.elb.register_targets(TargetGroupArn=group, Targets=[{"Id": "127.0.0.1", "Port": free_port()}])
    assert world.health(group)[0]["TargetHealth"]["State"] == "initial"

    def refused() -> bool:
        return bool(world.health(group)[0]["TargetHealth"].get("Reason") == "Target.FailedHealthChecks")

    until("its checks fail", refused)


def test_a_service_registers_and_deregisters_its_tasks(world: World, simulated: None) -> None:
    cluster, balancers = world.cluster(), world.balanced()
    group = balancers[0]["targetGroupArn"]
    service = world.service(cluster, world.task_definition(world.sim()), 2, loadBalancers=balancers)
    world.until_steady(cluster, service)
    health = world.health(group)
    assert [item["TargetHealth"]["State"] for item in health] == ["healthy", "healthy"]
    addresses = {
        task["containers"][0]["networkInterfaces"][0]["privateIpv4Address"]
        for task in world.tasks(cluster, serviceName=service)
    }
    assert {item["Target"]["Id"] for item in health} == addresses
    assert {item["Target"]["Port"] for item in health} == {8000}
    world.ecs.update_service(cluster=cluster, service=service, desiredCount=1)
    until("one is draining", lambda: any(i["TargetHealth"]["State"] == "draining" for i in world.health(group)))
    until("it is gone", lambda: len(world.health(group)) == 1)


def test_attributes_are_refused_when_unknown_or_given_twice(world: World) -> None:
    group = world.target_group()
    twice = [{"Key": "slow_start.duration_seconds", "Value": "30"}] * 2
    assert refusal(world.elb.modify_target_group_attributes, TargetGroupArn=group, Attributes=twice) == (
        "ValidationError",
        "Attribute key 'slow_start.duration_seconds' has been specified more than once",
    )
    unknown = [{"Key": "what", "Value": "30"}]
    assert (
        refusal(world.elb.modify_target_group_attributes, TargetGroupArn=group, Attributes=unknown)[0]
        == "ValidationError"
    )
    assert refusal(world.elb.describe_target_health, TargetGroupArn=f"{group}0")[0] == "TargetGroupNotFound"
    code, text = refusal(world.elb.create_load_balancer, Name=world.name("lb"), Subnets=["subnet-1", "subnet-2"])
    assert (code, text) == ("SubnetNotFound", "The subnet ID 'subnet-1' does not exist")
    assert (
        refusal(world.elb.create_load_balancer, Name=world.name("lb"), Subnets=world.subnets[:1])[0]
        == "ValidationError"
    )
