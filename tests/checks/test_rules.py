"""Each check's table: what was found -> what it says."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time
from pathlib import Path

import pytest
from tests.checks.builders import (
    BALANCER,
    DIGEST,
    IMAGE,
    PRODUCTION,
    ROLE,
    SECRET,
    TRUST,
    a_document,
    a_rollout,
    a_situation,
    said,
    some_facts,
)
from tests.planning.builders import ACCOUNT, GROUP, a_definition

from fairway.checks.network_checks import lets_in
from fairway.checks.registry import CHECKS, codes_for, judge
from fairway.observed import VERDICT_TAG, WHY_TAG, TaskDefinition
from fairway.planning.release import OneOff
from fairway.preconditions import (
    Balancer,
    Cluster,
    Image,
    Ingress,
    Proof,
    Quota,
    Role,
    Scan,
    Secret,
    SecurityGroup,
    Subnet,
    TargetGroup,
    Unread,
)
from fairway.project.before import Before, ScanLimits
from fairway.project.model import Environment
from fairway.project.peak_hours import PeakHours

DENIED = Unread("not allowed: it takes x:Y")
LOCAL = Environment("local", "shop", "us-east-1", endpoint_url="http://127.0.0.1:1")
SPOT = [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
OWN = [{"capacityProvider": "own", "weight": 1}]


def states(situation, code):
    return [state for state, _ in said(situation, code)]


def test_a_release_with_everything_in_place_is_ok_in_every_check():
    before = Before(requires="staging", peak_hours=(PeakHours(frozenset({6}), time(9), time(18)),))
    service = {"deploymentConfiguration": {"alarms": {"alarmNames": ["errors"], "enable": True}}}
    document = a_document(container={"secrets": [{"name": "A", "valueFrom": SECRET}, {"name": "B", "valueFrom": "/p"}]})
    good = TaskDefinition("arn:x/shop-api:3", {}, {VERDICT_TAG: "good"})
    facts = some_facts(proofs={"api": Proof((good,), 1)}, parameters=frozenset({"/p"}))
    findings = judge(a_situation(facts, document=document, service=service, before=before, living={}), set(CHECKS))
    assert {item.code for item in findings} == set(CHECKS)
    assert [item for item in findings if item.state != "ok"] == []


@pytest.mark.parametrize(
    ("cluster", "expected"),
    [
        pytest.param(Cluster("ACTIVE"), ("ok", "ACTIVE"), id="it is there"),
        pytest.param(Cluster("PROVISIONING"), ("failed", "it is PROVISIONING"), id="it is being made"),
        pytest.param(None, ("failed", "there is no cluster shop in us-east-1"), id="it is not there"),
        pytest.param(DENIED, ("not_checked", DENIED.reason), id="it may not be read"),
    ],
)
def test_cluster(cluster, expected):
    assert said(a_situation(some_facts(cluster=cluster)), "cluster") == [expected]


@pytest.mark.parametrize(
    ("service", "cluster", "providers", "state", "words"),
    [
        pytest.param({}, Cluster("ACTIVE"), None, "ok", "launch type FARGATE", id="a launch type takes no provider"),
        pytest.param(
            {"launchType": None, "capacityProviderStrategy": SPOT},
            Cluster("ACTIVE", ("FARGATE_SPOT",)),
            None,
            "ok",
            "FARGATE_SPOT",
            id="its provider is associated",
        ),
        pytest.param(
            {"launchType": None, "capacityProviderStrategy": SPOT},
            Cluster("ACTIVE", ("FARGATE",)),
            None,
            "failed",
            "FARGATE_SPOT of its strategy: not associated with shop (FARGATE is)",
            id="its provider is not associated",
        ),
        pytest.param(
            {"launchType": None},
            Cluster("ACTIVE", ("FARGATE",), ({"capacityProvider": "FARGATE", "weight": 1},)),
            None,
            "ok",
            "FARGATE",
            id="the cluster's default strategy counts where it names nothing",
        ),
        pytest.param(
            {"launchType": None}, Cluster("ACTIVE"), None, "failed", "ECS takes EC2", id="nobody says where it runs"
        ),
        pytest.param(
            {"launchType": None, "capacityProviderStrategy": OWN},
            Cluster("ACTIVE", ("own",)),
            {"own": "INACTIVE"},
            "failed",
            "not ACTIVE: own (INACTIVE)",
            id="a provider of one's own is not active",
        ),
        pytest.param(
            {"launchType": None, "capacityProviderStrategy": OWN},
            Cluster("ACTIVE", ("own",)),
            DENIED,
            "not_checked",
            DENIED.reason,
            id="the provider may not be read",
        ),
        pytest.param({}, DENIED, None, "not_checked", DENIED.reason, id="the cluster may not be read"),
    ],
)
def test_capacity_providers(service, cluster, providers, state, words):
    facts = some_facts(cluster=cluster, providers=providers)
    [(found, text)] = said(a_situation(facts, service=service), "capacity-providers")
    assert found == state
    assert words in text


@pytest.mark.parametrize(
    ("living", "state", "words"),
    [
        pytest.param(None, "ok", "it is new", id="new"),
        pytest.param({}, "ok", "no deployment is under way", id="at rest"),
        pytest.param({"status": "DRAINING"}, "failed", "it is DRAINING", id="being deleted"),
        pytest.param(
            {"deployments": [a_rollout(state="IN_PROGRESS", runningCount=2, failedTasks=1), a_rollout("ACTIVE")]},
            "warning",
            "under way (2 of 5 tasks run, 1 failed)",
            id="a deployment is under way",
        ),
        pytest.param(
            {"deployments": [a_rollout(state="COMPLETED"), a_rollout("ACTIVE"), a_rollout("INACTIVE")]},
            "ok",
            "no deployment",
            id="an old one drains, and the new one is complete",
        ),
        pytest.param(
            {"deployments": [a_rollout(), *[a_rollout("ACTIVE")] * 4]},
            "failed",
            "5 deployments of it are active",
            id="five are active",
        ),
    ],
)
def test_service_state(living, state, words):
    [(found, text)] = said(a_situation(living=living), "service-state")
    assert found == state
    assert words in text


def a_trust(**members):
    return {"Statement": [{**TRUST["Statement"][0], **members}]}


@pytest.mark.parametrize(
    ("role", "state"),
    [
        pytest.param(Role(TRUST), "ok", id="ECS tasks may assume it"),
        pytest.param(Role({"Statement": TRUST["Statement"][0]}), "ok", id="one statement, not in a list"),
        pytest.param(Role(a_trust(Principal={"Service": ["ec2.amazonaws.com", "ecs-tasks.amazonaws.com"]})), "ok", id="one of a list"),
        pytest.param(Role(a_trust(Action=["sts:Assume*"])), "ok", id="a wildcard"),
        pytest.param(Role(a_trust(Principal="*")), "ok", id="anybody"),
        pytest.param(Role(a_trust(Principal={"Service": "ecs.amazonaws.com"})), "failed", id="ECS itself is not its tasks"),
        pytest.param(Role(a_trust(Principal={"AWS": "*"})), "failed", id="principals of accounts are no service"),
        pytest.param(Role(a_trust(Effect="Deny")), "failed", id="it is denied"),
        pytest.param(Role(a_trust(Action="sts:TagSession")), "failed", id="another action"),
        pytest.param(Role({}), "failed", id="no trust at all"),
        pytest.param(None, "failed", id="there is none"),
        pytest.param(DENIED, "not_checked", id="it may not be read"),
    ],
)  # fmt: skip
def test_role(role, state):
    assert states(a_situation(some_facts(roles={ROLE: role})), "role") == [state]


def test_a_role_of_another_account_is_refused_by_ecs():
    document = a_document(executionRoleArn="arn:aws:iam::999999999999:role/shop")
    [(state, text)] = said(a_situation(document=document), "role")
    assert (state, "belongs to account 999999999999" in text) == ("failed", True)


BY_TAG = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/shop-api:v1"


@pytest.mark.parametrize(
    ("image", "found", "state", "words"),
    [
        pytest.param(IMAGE, Image(DIGEST), "ok", "by digest", id="it is there"),
        pytest.param(IMAGE, None, "failed", "no such image in shop-api", id="it is not there"),
        pytest.param(IMAGE, Image(DIGEST, status="ARCHIVED"), "failed", "ARCHIVED", id="it is archived"),
        pytest.param(BY_TAG, Image(DIGEST), "warning", "named by a tag", id="its tag may move"),
        pytest.param(IMAGE, DENIED, "not_checked", DENIED.reason, id="it may not be read"),
        pytest.param("nginx:1", None, "not_checked", "not in ECR", id="another registry"),
        pytest.param(IMAGE.replace("us-east-1", "eu-west-1"), None, "not_checked", "eu-west-1", id="another region"),
    ],
)
def test_image(image, found, state, words):
    [(is_, text)] = said(
        a_situation(some_facts(images={image: found}), document=a_document(container={"image": image})), "image"
    )
    assert is_ == state
    assert words in text


def test_an_image_that_is_built_first_need_not_be_there():
    situation = a_situation(
        some_facts(images={BY_TAG: None}), document=a_document(container={"image": BY_TAG}), built=frozenset({BY_TAG})
    )
    assert states(situation, "image") == ["ok"]


ARM = {"runtimePlatform": {"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"}}
WINDOWS = {"runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}}


@pytest.mark.parametrize(
    ("platform", "platforms", "state"),
    [
        pytest.param({}, ("linux/amd64", "linux/arm64"), "ok", id="x86 where nothing is said"),
        pytest.param({}, ("linux/arm64",), "failed", id="an image for ARM"),
        pytest.param(ARM, ("linux/arm64",), "ok", id="a task on ARM"),
        pytest.param(ARM, ("linux/amd64",), "failed", id="a task on ARM with an image for x86"),
        pytest.param(WINDOWS, ("windows/amd64",), "ok", id="Windows of any edition"),
        pytest.param({}, (), "not_checked", id="its manifest does not tell"),
        pytest.param({}, DENIED, "not_checked", id="it may not be read"),
    ],
)
def test_image_platform(platform, platforms, state):
    facts = some_facts(images={IMAGE: Image(DIGEST, platforms)})
    assert states(a_situation(facts, document=a_document(**platform)), "image-platform") == [state]


@pytest.mark.parametrize(
    ("scan", "limits", "state"),
    [
        pytest.param(Scan("COMPLETE"), ScanLimits(), "ok", id="nothing was found"),
        pytest.param(Scan("ACTIVE", {"MEDIUM": 9}), ScanLimits(), "ok", id="nothing grave, with enhanced scanning"),
        pytest.param(Scan("COMPLETE", {"CRITICAL": 1}), ScanLimits(), "failed", id="one critical"),
        pytest.param(Scan("COMPLETE", {"CRITICAL": 1}), ScanLimits(critical=1), "ok", id="one critical, which the file allows"),
        pytest.param(Scan("COMPLETE", {"HIGH": 3}), ScanLimits(), "warning", id="high, without a limit"),
        pytest.param(Scan("COMPLETE", {"HIGH": 3}), ScanLimits(high=3), "ok", id="high, up to the limit"),
        pytest.param(Scan("COMPLETE", {"HIGH": 4}), ScanLimits(high=3), "failed", id="high, above the limit"),
        pytest.param(Scan("IN_PROGRESS"), ScanLimits(), "warning", id="it goes on"),
        pytest.param(Scan("UNSUPPORTED_IMAGE", description="distroless"), ScanLimits(), "warning", id="it cannot be scanned"),
        pytest.param(None, ScanLimits(), "warning", id="never scanned"),
        pytest.param(DENIED, ScanLimits(), "not_checked", id="it may not be read"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("platform", ["", "linux/amd64"])
def test_image_scan(scan, limits, state, platform):
    others = {"linux/arm64": Scan("COMPLETE", {"CRITICAL": 99})} if platform else {}
    facts = some_facts(images={IMAGE: Image(DIGEST, (), {platform: scan, **others})})
    assert states(a_situation(facts, before=Before(scan=limits)), "image-scan") == [state]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        pytest.param("IMMUTABLE", ["ok"], id="they stay"),
        pytest.param("IMMUTABLE_WITH_EXCLUSION", ["ok"], id="they stay, but for some"),
        pytest.param("MUTABLE", ["warning"], id="they may move"),
        pytest.param(DENIED, ["not_checked"], id="it may not be read"),
        pytest.param(None, [], id="another registry"),
    ],
)
def test_repository_tags(kind, expected):
    facts = some_facts(repositories={} if kind is None else {IMAGE: kind})
    assert states(a_situation(facts), "repository-tags") == expected


@pytest.mark.parametrize(
    ("value", "found", "state", "words"),
    [
        pytest.param(SECRET, Secret(frozenset({"AWSCURRENT"})), "ok", "there", id="it is there"),
        pytest.param(f"{SECRET}:password::", Secret(frozenset({"AWSCURRENT"})), "ok", "there", id="a JSON key of it"),
        pytest.param(SECRET, None, "failed", "no such secret", id="it is not there"),
        pytest.param(SECRET, Secret(is_deleted=True), "failed", "to be deleted", id="it is to be deleted"),
        pytest.param(SECRET, Secret(), "failed", "no version of it is AWSCURRENT", id="it has no value yet"),
        pytest.param(f"{SECRET}::AWSPREVIOUS:", Secret(frozenset({"AWSCURRENT"})), "failed", "AWSPREVIOUS", id="a stage that it has not"),
        pytest.param(f"{SECRET}:::v-1", Secret(versions=frozenset({"v-1"})), "ok", "there", id="a version that it has"),
        pytest.param(f"{SECRET}:::v-2", Secret(versions=frozenset({"v-1"})), "failed", "no version v-2", id="a version that it has not"),
        pytest.param(SECRET, DENIED, "not_checked", DENIED.reason, id="it may not be read"),
        pytest.param(SECRET.replace("us-east-1", "eu-west-1"), None, "not_checked", "eu-west-1", id="another region"),
    ],
)  # fmt: skip
def test_secret(value, found, state, words):
    document = a_document(container={"secrets": [{"name": "A", "valueFrom": value}]})
    [(is_, text)] = said(a_situation(some_facts(secrets={SECRET: found}), document=document), "secret")
    assert is_ == state
    assert words in text


@pytest.mark.parametrize(
    ("value", "found", "state"),
    [
        pytest.param("/shop/key", frozenset({"/shop/key"}), "ok", id="by name"),
        pytest.param("/shop/key", frozenset({"/shop"}), "failed", id="not there"),
        pytest.param(f"arn:aws:ssm:us-east-1:{ACCOUNT}:parameter/shop/key", frozenset({"/shop/key"}), "ok", id="by ARN"),
        pytest.param(f"arn:aws:ssm:us-east-1:{ACCOUNT}:parameter/key", frozenset({"key"}), "ok", id="an ARN without a path"),
        pytest.param(f"arn:aws:ssm:eu-west-1:{ACCOUNT}:parameter/key", frozenset(), "not_checked", id="another region"),
        pytest.param("/shop/key", DENIED, "not_checked", id="it may not be read"),
    ],
)  # fmt: skip
def test_parameter(value, found, state):
    document = a_document(container={"secrets": [{"name": "A", "valueFrom": value}]})
    assert states(a_situation(some_facts(parameters=found), document=document), "parameter") == [state]


@pytest.mark.parametrize(
    ("options", "found", "expected"),
    [
        pytest.param({}, "arn", ["ok"], id="it is there"),
        pytest.param({}, None, ["failed"], id="it is not there"),
        pytest.param({"awslogs-create-group": "true"}, None, ["ok"], id="the driver makes it"),
        pytest.param({"awslogs-region": "eu-west-1"}, None, ["not_checked"], id="another region"),
        pytest.param({}, DENIED, ["not_checked"], id="it may not be read"),
    ],
)
def test_log_group(options, found, expected):
    configuration = {"logDriver": "awslogs", "options": {"awslogs-group": "/shop/api", **options}}
    document = a_document(container={"logConfiguration": configuration})
    assert states(a_situation(some_facts(log_groups={"/shop/api": found}), document=document), "log-group") == expected


GOOD_GROUP = TargetGroup("HTTP", 8000, "ip", "vpc-1", balancers=(BALANCER,))


@pytest.mark.parametrize(
    ("group", "state", "words"),
    [
        pytest.param(GOOD_GROUP, "ok", "HTTP to port 8000 of api", id="as it should be"),
        pytest.param(replace(GOOD_GROUP, port=80), "ok", "port 8000", id="its own port is not used: targets bring theirs"),
        pytest.param(replace(GOOD_GROUP, target_type="instance"), "failed", "target type is instance", id="for instances"),
        pytest.param(replace(GOOD_GROUP, vpc="vpc-2"), "failed", "in vpc-2, and the subnets are in vpc-1", id="another VPC"),
        pytest.param(replace(GOOD_GROUP, balancers=()), "failed", "no load balancer forwards", id="without a load balancer"),
        pytest.param(replace(GOOD_GROUP, protocol="UDP"), "failed", "speaks UDP", id="another protocol"),
        pytest.param(replace(GOOD_GROUP, protocol="TCP_UDP"), "ok", "TCP_UDP", id="both protocols"),
        pytest.param(replace(GOOD_GROUP, health_check_port="9000"), "warning", "asks port 9000", id="its check asks elsewhere"),
        pytest.param(replace(GOOD_GROUP, health_check_port="8000"), "ok", "8000", id="its check asks the same port"),
        pytest.param(None, "failed", "no target group", id="it is not there"),
        pytest.param(DENIED, "not_checked", DENIED.reason, id="it may not be read"),
    ],
)  # fmt: skip
def test_target_group(group, state, words):
    [(is_, text)] = said(a_situation(some_facts(target_groups={GROUP: group})), "target-group")
    assert is_ == state
    assert words in text


def test_a_target_group_for_a_port_that_the_container_has_not_and_what_else_is_wrong():
    service = {"loadBalancers": [{"targetGroupArn": GROUP, "containerName": "api", "containerPort": 9000}]}
    facts = some_facts(target_groups={GROUP: replace(GOOD_GROUP, balancers=())})
    found = said(a_situation(facts, service=service), "target-group")
    assert [state for state, _ in found] == ["failed", "failed"]
    assert {"api has no port 9000"} < {text for _, text in found}


def test_a_living_service_whose_settings_are_not_ours_is_checked_as_it_lives():
    balancers = [{"targetGroupArn": GROUP, "containerName": "api", "containerPort": 9000}]
    situation = a_situation(living={"loadBalancers": balancers})
    item = replace(situation.release.services[0], service=None)
    situation = replace(situation, release=replace(situation.release, services=(item,)))
    assert said(situation, "target-group") == [("failed", "api has no port 9000")]


def some_subnets(free_a, free_b, vpc="vpc-1"):
    return {"subnet-a": Subnet("vpc-1", "10.0.0.0/24", free_a), "subnet-b": Subnet(vpc, "10.0.1.0/24", free_b)}


@pytest.mark.parametrize(
    ("subnets", "expected"),
    [
        pytest.param(some_subnets(1, 1), ("ok", "2 in vpc-1"), id="there"),
        pytest.param(some_subnets(1, 1, "vpc-2"), ("failed", "they are in vpc-1, vpc-2"), id="two VPCs"),
        pytest.param(some_subnets(1, 1) | {"subnet-b": None}, ("failed", "not there: subnet-b"), id="one is missing"),
        pytest.param(dict.fromkeys(("subnet-a", "subnet-b"), DENIED), ("not_checked", DENIED.reason), id="not allowed"),
    ],
)
def test_subnet(subnets, expected):
    assert said(a_situation(some_facts(subnets=subnets)), "subnet") == [expected]


@pytest.mark.parametrize(
    ("free", "living", "configuration", "state"),
    [
        pytest.param((3, 2), {}, {}, "ok", id="five run, ten may: five are needed"),
        pytest.param((2, 2), {}, {}, "failed", id="one too few"),
        pytest.param((5, 4), None, {}, "failed", id="a new service needs all ten"),
        pytest.param((1, 1), {}, {"maximumPercent": 140}, "ok", id="maximumPercent says how many"),
        pytest.param((2, 2), {}, {"strategy": "BLUE_GREEN", "maximumPercent": 100}, "failed", id="blue/green takes twice as many"),
        pytest.param((9, 0), {}, {}, "warning", id="one subnet is full"),
    ],
)  # fmt: skip
def test_free_addresses(free, living, configuration, state):
    situation = a_situation(
        some_facts(subnets=some_subnets(*free)), living=living, service={"deploymentConfiguration": configuration}
    )
    assert states(situation, "free-addresses") == [state]


def test_one_off_tasks_end_before_services_start():
    run = {"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-b", "subnet-a"]}}}
    task = OneOff("migrations", a_definition(key="migrations"), Path("m.json"), run)
    situation = a_situation(some_facts(subnets=some_subnets(3, 2)), living={}, before_services=(task,))
    assert said(situation, "free-addresses") == [("ok", "5 free, 5 needed at most")]
    quota = replace(situation, facts=some_facts(quotas={"L-3032A538": Quota(25.0, 20.0)}))
    assert states(quota, "fargate-quota") == ["ok"]


@pytest.mark.parametrize(
    ("group", "state", "words"),
    [
        pytest.param(
            SecurityGroup("vpc-1", (Ingress("tcp", 8000, 8000, groups=("sg-lb",)),)), "ok", "let in", id="let in"
        ),
        pytest.param(SecurityGroup("vpc-1", ()), "failed", "sg lets nothing of sg-lb in", id="not let in"),
        pytest.param(SecurityGroup("vpc-2", ()), "failed", "not in vpc-1", id="another VPC"),
        pytest.param(None, "failed", "not there: sg", id="it is not there"),
        pytest.param(DENIED, "not_checked", DENIED.reason, id="it may not be read"),
    ],
)
def test_security_group(group, state, words):
    [(is_, text)] = said(a_situation(some_facts(security_groups={"sg": group})), "security-group")
    assert is_ == state
    assert words in text


ALB, NLB = Balancer("application", ("sg-lb",), ("s",)), Balancer("network", (), ("s",))


@pytest.mark.parametrize(
    ("rules", "balancer", "expected"),
    [
        pytest.param([Ingress("tcp", 8000, 8000, groups=("sg-lb",))], ALB, True, id="its group, its port"),
        pytest.param([Ingress("-1", groups=("sg-lb",))], ALB, True, id="any protocol"),
        pytest.param([Ingress("tcp", 7000, 9000, groups=("sg-lb",))], ALB, True, id="a range"),
        pytest.param([Ingress("tcp", 80, 80, groups=("sg-lb",))], ALB, False, id="another port"),
        pytest.param([Ingress("udp", 8000, 8000, groups=("sg-lb",))], ALB, False, id="another protocol"),
        pytest.param([Ingress("tcp", 8000, 8000, groups=("sg-x",))], ALB, False, id="another group"),
        pytest.param([Ingress("tcp", 8000, 8000, cidrs=("0.0.0.0/0",))], ALB, True, id="anybody"),
        pytest.param([Ingress("tcp", 8000, 8000, cidrs=("10.0.0.0/16",))], ALB, True, id="all of its subnets"),
        pytest.param([Ingress("tcp", 8000, 8000, cidrs=("10.0.0.0/25",))], ALB, False, id="a part of its subnet"),
        pytest.param([Ingress("tcp", 8000, 8000, prefix_lists=("pl",))], ALB, None, id="a prefix list"),
        pytest.param([Ingress("tcp", 8000, 8000, cidrs=("10.0.0.0/16",))], NLB, None, id="clients of a network load balancer"),
    ],
)  # fmt: skip
def test_who_is_let_in(rules, balancer, expected):
    assert lets_in(rules, "tcp", 8000, balancer, ["10.0.0.0/24"]) is expected


@pytest.mark.parametrize(
    ("alarms", "urgent", "enable", "expected"),
    [
        pytest.param({"errors": "OK"}, None, True, ["ok"], id="green"),
        pytest.param({"errors": "ALARM"}, None, True, ["failed"], id="red already: ECS ignores it"),
        pytest.param({"errors": "ALARM"}, "mends it", True, ["warning"], id="red, and urgent"),
        pytest.param({"errors": "INSUFFICIENT_DATA"}, None, True, ["warning"], id="it knows nothing"),
        pytest.param({}, None, True, ["failed"], id="it is not there"),
        pytest.param({}, None, False, [], id="alarms are not enabled"),
        pytest.param(DENIED, None, True, ["not_checked"], id="it may not be read"),
    ],
)
def test_alarm(alarms, urgent, enable, expected):
    service = {"deploymentConfiguration": {"alarms": {"alarmNames": ["errors"], "enable": enable}}}
    assert states(a_situation(some_facts(alarms=alarms), service=service, urgent=urgent), "alarm") == expected


BOTH = [{"capacityProvider": "FARGATE", "weight": 1}, {"capacityProvider": "FARGATE_SPOT", "weight": 4}]


@pytest.mark.parametrize(
    ("service", "quotas", "expected"),
    [
        pytest.param({}, {"L-3032A538": Quota(25.0, 20.0)}, ["ok"], id="20 used, 5 more of 1 vCPU"),
        pytest.param({}, {"L-3032A538": Quota(24.0, 20.0)}, ["failed"], id="one too few"),
        pytest.param({}, {"L-3032A538": Quota(5.0)}, ["ok"], id="no use was measured yet"),
        pytest.param({}, {"L-3032A538": DENIED}, ["not_checked"], id="it may not be read"),
        pytest.param({}, {"L-3032A538": Quota(9.0, DENIED)}, ["not_checked"], id="its use may not be read"),
        pytest.param(
            {"launchType": None, "capacityProviderStrategy": SPOT}, {"L-36FBB829": Quota(4.0)}, ["failed"], id="Spot's own"
        ),
        pytest.param(
            {"launchType": None, "capacityProviderStrategy": BOTH},
            {"L-3032A538": Quota(4.0), "L-36FBB829": Quota(4.0)},
            ["warning", "warning"],
            id="how many come to which, nobody knows",
        ),
        pytest.param({"launchType": "EC2"}, {}, [], id="not Fargate"),
    ],
)  # fmt: skip
def test_fargate_quota(service, quotas, expected):
    assert states(a_situation(some_facts(quotas=quotas), service=service, living={}), "fargate-quota") == expected


def deployed_there(verdict=None, why=""):
    tags = {VERDICT_TAG: verdict} if verdict else {}
    return Proof((TaskDefinition("arn:x/shop-api:3", {}, tags | ({WHY_TAG: why} if why else {})),), 4)


@pytest.mark.parametrize(
    ("proof", "digest", "state", "words"),
    [
        pytest.param(deployed_there("good"), DIGEST, "ok", "shop-api:3 of staging has sha256:", id="marked good"),
        pytest.param(
            deployed_there("bad", "5 % errors"), DIGEST, "failed", "is marked bad: 5 % errors", id="marked bad"
        ),
        pytest.param(deployed_there(), DIGEST, "failed", "nobody has marked it good", id="not verified yet"),
        pytest.param(Proof((), 4), DIGEST, "failed", "none of the 4 revisions", id="never deployed there"),
        pytest.param(None, DIGEST, "failed", "none of the 0 revisions", id="nothing is there"),
        pytest.param(deployed_there("good"), None, "not_checked", "no known digest", id="not from ECR"),
        pytest.param(DENIED, DIGEST, "not_checked", DENIED.reason, id="it may not be read"),
    ],
)
def test_staging(proof, digest, state, words):
    situation = a_situation(some_facts(proofs={"api": proof}), before=Before(requires="staging"), digest=digest)
    [(is_, text)] = said(situation, "staging")
    assert is_ == state
    assert words in text


def test_nobody_asks_for_staging_where_nothing_is_required():
    assert said(a_situation(), "staging") == []


@pytest.mark.parametrize(
    ("urgent", "hour", "state"),
    [
        pytest.param(None, 12, "failed", id="in the window"),
        pytest.param("customers cannot pay", 12, "warning", id="urgent"),
        pytest.param(None, 18, "ok", id="after it"),
    ],
)
def test_peak_hours(urgent, hour, state):
    before = Before(peak_hours=(PeakHours(frozenset(range(5)), time(9), time(18)),))
    now = datetime(2026, 11, 27, hour, tzinfo=UTC)
    assert states(a_situation(before=before, urgent=urgent, now=now), "peak-hours") == [state]


def test_what_a_laptop_lacks_by_design_is_left_out_there_alone():
    assert codes_for(PRODUCTION) == set(CHECKS)
    left = set(CHECKS) - codes_for(LOCAL)
    assert left == {"role", "image-platform", "image-scan", "repository-tags", "subnet", "free-addresses"} | {
        "security-group",
        "fargate-quota",
    }
