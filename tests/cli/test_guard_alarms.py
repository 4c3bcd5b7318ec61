"""ECS watches a deployment by alarms that carry the project's own limits, and goes back by itself."""

from __future__ import annotations

import boto3
import pytest
from tests.cli.test_deploy import events, revision, service_of
from tests.conftest import SUBNETS
from tests.end_to_end.stack import until

from fairway.deployment.update import update

pytestmark = pytest.mark.slow

MONITOR = "monitor = { minutes = 15, error_rate = 0.01, p95_seconds = 0.5 }\n"


def client(engine, name):
    return boto3.client(
        name,
        endpoint_url=engine.endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


@pytest.fixture
def balanced(project, engine):
    """The project's API behind a load balancer, watched."""
    elb, name = client(engine, "elbv2"), f"g{project.cluster[-24:].strip('-')}".replace("_", "-")
    group = elb.create_target_group(Name=name, Protocol="HTTP", Port=80, VpcId="vpc-0fa10000000000000", TargetType="ip")
    arn = group["TargetGroups"][0]["TargetGroupArn"]
    [balancer] = elb.create_load_balancer(Name=name, Subnets=SUBNETS, Type="application")["LoadBalancers"]
    elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTP",
        Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": arn}],
    )
    service = project.read("api.service.json")
    service["loadBalancers"] = [{"targetGroupArn": arn, "containerName": "app", "containerPort": 80}]
    project.write("api.service.json", service)
    definition = project.read("api.task.json")
    definition["containerDefinitions"][0]["portMappings"] = [{"containerPort": 80}]
    project.write("api.task.json", definition)
    toml = project.root / "fairway.toml"
    toml.write_text(toml.read_text().replace("[services.api]\n", f"[services.api]\n{MONITOR}"))
    yield project
    for listener in elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]:
        elb.delete_listener(ListenerArn=listener["ListenerArn"])


def test_ecs_goes_back_by_an_alarm_that_says_what_monitor_says(balanced, fairway, ecs, engine):
    project = balanced
    code, out, err = fairway("deploy", "api", "--tag", "v1", "--until", "shifted", "--json")
    assert code == 0, out + err
    [told] = events(out, "alarms")
    assert [name.rsplit("-", 1)[1] for name in told["alarms"]] == ["errors", "latency"]
    alarms = service_of(ecs, project)["deploymentConfiguration"]["alarms"]
    assert alarms == {"alarmNames": told["alarms"], "enable": True, "rollback": True}
    described = client(engine, "cloudwatch").describe_alarms(AlarmNames=told["alarms"])["MetricAlarms"]
    assert {alarm["Threshold"] for alarm in described} == {0.01, 0.5}
    code, out, _ = fairway("plan", "api", "--tag", "v1", "--exit-code")
    assert code == 0, out
    project.label("api", requests="50", errors="0.2")
    code, out, err = fairway("deploy", "api", "--tag", "v2", "--until", "shifted", "--json")
    assert code == 4, out + err
    assert "alarm" in events(out, "outcome")[0]["reason"]
    assert revision(service_of(ecs, project)["taskDefinition"]) == 1
    toml = project.root / "fairway.toml"
    toml.write_text(toml.read_text().replace(MONITOR, MONITOR.replace(" }", ", alarms = false }")))
    project.label("api")
    code, out, err = fairway("deploy", "api", "--tag", "v3", "--until", "shifted", "--urgent", "one alarm is red")
    assert code == 0, out + err
    assert service_of(ecs, project)["deploymentConfiguration"]["alarms"]["enable"] is False


def test_what_the_bad_version_did_does_not_take_its_way_back_back(balanced, fairway, ecs, engine, monkeypatch):
    """An alarm turns red while the good version is being brought back, by the minutes before."""
    project, cloudwatch = balanced, client(engine, "cloudwatch")
    for version in ("v1", "v2"):
        code, out, err = fairway("deploy", "api", "--tag", version, "--until", "shifted", "--json")
        assert code == 0, out + err
    configuration = service_of(ecs, project)["deploymentConfiguration"]
    [red, _] = configuration["alarms"]["alarmNames"]

    def update_and_turn_red(*arguments):
        begun = update(*arguments)
        until(lambda: service_of(ecs, project)["deployments"][0]["runningCount"], what="a task of v1 runs")
        cloudwatch.set_alarm_state(AlarmName=red, StateValue="ALARM", StateReason="what v2 did")
        return begun

    monkeypatch.setattr("fairway.deployment.way_back.update", update_and_turn_red)
    code, out, err = fairway("rollback", "api", "--yes")
    assert code == 0, out + err
    assert "deployment alarms are off until it is back" in out + err
    service = service_of(ecs, project)
    assert revision(service["taskDefinition"]) == 1
    assert service["deploymentConfiguration"] == configuration, "the alarms are on again"
    assert len(service["deployments"]) == 1, "and nothing was deployed for that"
