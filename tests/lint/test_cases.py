"""Cases beyond each rule's own example: what is near and must not be found, and other ways to the same mistake."""

from __future__ import annotations

import json

import pytest
from tests.lint.linting import codes, lint_text

from fairway.lint.rules.examples import blocks

ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:"
TARGET = {"targetGroupArn": "arn:aws:x:targetgroup/web/1", "containerName": "app", "containerPort": 8000}


def task(container=None, *others, **members):
    return {
        "family": "shop",
        "containerDefinitions": [{"name": "app", "image": "shop:1", **(container or {})}, *others],
        **members,
    }


def fargate(container=None, *others, **members):
    return task(
        container, *others, **{"requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512", **members}
    )


def service(**members):
    return {"serviceName": "shop", "desiredCount": 4, **members}


@pytest.mark.parametrize(
    ("code", "documents"),
    [
        pytest.param("fargate-size", [fargate(cpu=".25 vCPU", memory="3 GB")], id="sizes in words"),
        pytest.param("fargate-size", [fargate(cpu="8192", memory="18432")], id="between two steps of 4096"),
        pytest.param("fargate-size", [fargate(cpu="300")], id="no such cpu"),
        pytest.param("fargate-size", [fargate(cpu=None)], id="null is missing"),
        pytest.param("fargate-refuses", [fargate({"linuxParameters": {"capabilities": {"add": ["NET_ADMIN"]}}})], id="a capability"),
        pytest.param("fargate-refuses", [fargate(networkMode="bridge")], id="the bridge network"),
        pytest.param("fargate-refuses", [fargate(volumes=[{"name": "v", "host": {"sourcePath": "/x"}}])], id="a folder of the host"),
        pytest.param("container-limits", [fargate({"cpu": 200}, {"name": "b", "image": "b:1", "cpu": 100})], id="cpu in sum"),
        pytest.param("container-limits", [task({"memory": 100, "memoryReservation": 200})], id="reservation above memory"),
        pytest.param("container-limits", [task(requiresCompatibilities=["EC2"])], id="EC2 without any memory"),
        pytest.param("container-set", [task({}, {"name": "app", "image": "b:1"})], id="one name twice"),
        pytest.param("container-set", [{"family": "shop", "containerDefinitions": []}], id="none"),
        pytest.param("port-mapping", [task({"portMappings": [{"containerPort": 80}]}, {"name": "b", "image": "b:1", "portMappings": [{"containerPort": 80}]}, networkMode="awsvpc")], id="two containers on one port"),
        pytest.param("depends-on", [task({"dependsOn": [{"containerName": "b", "condition": "HEALTHY"}]}, {"name": "b", "image": "b:1"})], id="HEALTHY without a check"),
        pytest.param("depends-on", [task({"dependsOn": [{"containerName": "c", "condition": "START"}]})], id="nobody there"),
        pytest.param("wrong-type", [task(cpu=256)], id="cpu of a task as a number"),
        pytest.param("wrong-type", [task({"essential": "true"})], id="a boolean in quotes"),
        pytest.param("fargate-refuses", [fargate({"logConfiguration": {"logDriver": "json-file"}})], id="a log driver of Docker"),
        pytest.param("illegal-name", [{**task(), "family": "my web"}], id="a space in the family"),
        pytest.param("illegal-name", [task({"name": "we.b"})], id="a dot in a container's name"),
        pytest.param("illegal-name", [task({"name": "a b"})], id="a space in a container's name"),
        pytest.param("illegal-name", [task({"name": "a" * 256})], id="a name that is too long"),
        pytest.param("illegal-name", [task({"name": ""})], id="an empty name"),
        pytest.param("illegal-name", [service(serviceName="shop/web")], id="a slash in a service's name"),
        pytest.param("memory-too-small", [task({"memory": 2})], id="two MiB"),
        pytest.param("memory-too-small", [task({"memoryReservation": 5})], id="reserved"),
        pytest.param("unknown-value", [fargate(runtimePlatform={"cpuArchitecture": "x86_64"})], id="small letters"),
        pytest.param("unknown-value", [fargate(requiresCompatibilities=["FARGATE", "LAMBDA"])], id="one word of a list"),
        pytest.param("unknown-value", [task({"portMappings": [{"containerPort": 80, "protocol": "http"}]})], id="of a container"),
        pytest.param("unknown-value", [service(propagateTags="YES")], id="of a service"),
        pytest.param("unknown-member", [{"family": "shop", "contanerDefinitions": [{"name": "app", "image": "shop:1"}]}], id="the containers themselves"),
        pytest.param("unknown-member", [task({"healthCheck": {"command": ["CMD", "x"], "start": 3}})], id="three levels down"),
        pytest.param("unknown-member", [service(desiredcount=3)], id="small and large letters differ"),
        pytest.param("unknown-member", [service(networkConfiguration={"awsvpcConfiguration": {"subnets": ["a", "b"], "security": []}})], id="inside of a service"),
        pytest.param("moving-tag", [task({"image": "localhost:5000/shop"})], id="a registry's port is no tag"),
        pytest.param("moving-tag", [task({"image": "shop:LATEST"})], id="latest in large letters"),
        pytest.param("moving-tag", [task({"image": "shop:main"})], id="a branch"),
        pytest.param("moving-tag", [task({"image": "shop:production"})], id="a stage"),
        pytest.param("moving-tag", [task({"image": "${REGISTRY}/shop:nightly"})], id="nightly behind a placeholder"),
        pytest.param("moving-tag", [task({"image": "${REGISTRY}/shop:latest"})], id="latest behind a placeholder"),
        pytest.param("runs-as-root", [task({"user": "0:0"})], id="root by number"),
        pytest.param("stop-before-drained", [task({"environment": [{"name": "GRACEFUL_TIMEOUT", "value": "60"}], "stopTimeout": 60})], id="nothing to spare"),
        pytest.param("health-check-range", [task({"healthCheck": {"command": ["curl -f http://x"]}})], id="no CMD"),
        pytest.param("health-check-range", [task({"healthCheck": {"command": ["CMD", "x"], "startPeriod": 301}})], id="startPeriod"),
        pytest.param("health-check-cannot-fail", [task({"healthCheck": {"command": ["CMD-SHELL", "probe; exit 0"]}})], id="exit 0"),
        pytest.param("health-check-tool", [task({"healthCheck": {"command": ["CMD", "wget", "-q", "http://x"]}})], id="wget by CMD"),
        pytest.param("secret-in-the-open", [task({"environment": [{"name": "X", "value": "AKIAIOSFODNN7EXAMPLE"}]})], id="an access key"),
        pytest.param("secret-in-the-open", [task({"environment": [{"name": "API_KEY", "value": "q9Zt3LxP0vBn7WcR5yUe2KdM8sHa1GfJ"}]})], id="long and random, under such a name"),
        pytest.param("secret-in-the-open", [{"launchType": "FARGATE", "networkConfiguration": {}, "overrides": {"containerOverrides": [{"name": "a", "environment": [{"name": "X", "value": "postgres://u:pass1@db/x"}]}]}}], id="in an override"),
        pytest.param("secret-in-the-open", [task({"command": ["serve", "--password=winter"]})], id="an option of a command"),
        pytest.param("secret-in-the-open", [task({"command": ["serve", "--token", "winter"]})], id="an option, and its value behind it"),
        pytest.param("secret-in-the-open", [task({"entryPoint": ["sh", "-c", "serve --api-key winter --port 80"]})], id="within a line for the shell"),
        pytest.param("secret-in-the-open", [task({"command": ["sh", "-c", "DB_PASSWORD='winter' serve"]})], id="a variable before the program"),
        pytest.param("secret-in-the-open", [task({"command": ["celery", "-b", "redis://:hunter22@queue:6379/0"]})], id="an address in a command"),
        pytest.param("secret-in-the-open", [task({"healthCheck": {"command": ["CMD-SHELL", "curl https://u:pass1@localhost/"]}})], id="in a health check"),
        pytest.param("secret-in-the-open", [{"launchType": "FARGATE", "networkConfiguration": {}, "overrides": {"containerOverrides": [{"name": "a", "command": ["x", "--secret=winter"]}]}}], id="in an override's command"),
        pytest.param("secret-reference", [task({"secrets": [{"name": "X", "valueFrom": "arn:aws:s3:::bucket/x"}]})], id="an ARN of something else"),
        pytest.param("secret-arn-misread", [task({"secrets": [{"name": "X", "valueFrom": f"{ARN}shop/celery-broker:url::"}]})], id="with a key behind it"),
        pytest.param("launch-type-hides-strategy", [service(launchType="FARGATE"), "aws ecs create-cluster --cluster-name prod \\\n  --default-capacity-provider-strategy capacityProvider=FARGATE,weight=1 \\\n  capacityProvider=FARGATE_SPOT,weight=4"], id="a cluster that a script makes"),
        pytest.param("capacity-strategy", [service(capacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 1}, {"capacityProvider": "asg", "weight": 1}])], id="Fargate and another"),
        pytest.param("capacity-strategy", [{"clusterName": "c", "defaultCapacityProviderStrategy": [{"capacityProvider": "FARGATE", "base": 1, "weight": 1}, {"capacityProvider": "FARGATE_SPOT", "base": 1, "weight": 1}]}], id="two bases, of a cluster"),
        pytest.param("single-subnet", [service(networkConfiguration={"awsvpcConfiguration": {"subnets": ["private-us-east-1a", "public-us-east-1a"]}})], id="one zone by name"),
        pytest.param("network-missing", [service(taskDefinition="shop:3"), task(networkMode="awsvpc")], id="awsvpc of the task definition"),
        pytest.param("network-missing", [service(taskDefinition="shop:3", networkConfiguration={"awsvpcConfiguration": {"subnets": ["a", "b"]}}), task(networkMode="bridge")], id="a network for bridge"),
        pytest.param("balancer-target", [service(taskDefinition="shop", loadBalancers=[{**TARGET, "containerName": "web"}]), task()], id="no such container"),
        pytest.param("exec-read-only", [service(taskDefinition="shop", enableExecuteCommand=True), task({"readonlyRootFilesystem": True}, taskRoleArn="arn:r")], id="exec into a read-only container"),
        pytest.param("deployment-percent", [service(deploymentConfiguration={"minimumHealthyPercent": 120})], id="above all of them"),
        pytest.param("deployment-percent", [service(schedulingStrategy="DAEMON", deploymentConfiguration={"maximumPercent": 200})], id="a daemon above 100"),
        pytest.param("deployment-stuck", [service(desiredCount=3, deploymentConfiguration={"minimumHealthyPercent": 100, "maximumPercent": 125})], id="3.75 is 3"),
        pytest.param("deployment-stuck", [service(desiredCount=1, deploymentConfiguration={"minimumHealthyPercent": 50, "maximumPercent": 150})], id="half of one is one"),
        pytest.param("no-circuit-breaker", [{"deploymentCircuitBreaker": {"enable": False}}], id="a part of a service"),
        pytest.param("traffic-strategy", [service(loadBalancers=[TARGET], deploymentConfiguration={"strategy": "BLUE_GREEN"})], id="no second target group"),
        pytest.param("lifecycle-hook", [service(deploymentConfiguration={"strategy": "CANARY", "lifecycleHooks": [{"targetType": "PAUSE", "hookTargetArn": "a", "lifecycleStages": ["PRE_SCALE_UP"]}]})], id="a pause with a function"),
        pytest.param("controller-conflict", [service(deploymentController={"type": "CODE_DEPLOY"}, loadBalancers=[TARGET], deploymentConfiguration={"deploymentCircuitBreaker": {"enable": True}})], id="CodeDeploy with a breaker"),
        pytest.param("target-group-range", [{"TargetGroupName": "web", "Protocol": "HTTP", "VpcId": "v", "Matcher": {"HttpCode": "200-599"}}], id="codes that a balancer does not take"),
        pytest.param("target-group-range", [{"TargetGroups": [{"TargetGroupName": "web", "HealthCheckIntervalSeconds": 5, "HealthCheckTimeoutSeconds": 5}]}], id="of an answer"),
        pytest.param("step-bounds", [{"PolicyType": "StepScaling", "StepScalingPolicyConfiguration": {"StepAdjustments": [{"MetricIntervalLowerBound": 0, "MetricIntervalUpperBound": 10, "ScalingAdjustment": 1}]}}], id="nothing above"),
        pytest.param("step-bounds", [{"stepAdjustments": [{"metricIntervalLowerBound": 0, "scalingAdjustment": 1}, {"metricIntervalLowerBound": 10, "scalingAdjustment": 2}]}], id="two that are open above"),
        pytest.param("tracking-policy", [{"TargetValue": 170, "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}}], id="more than all of the CPU"),
        pytest.param("scaling-fixed", [{"ScalableTargets": [{"ServiceNamespace": "ecs", "ResourceId": "service/c/s", "MinCapacity": 0, "MaxCapacity": 4}]}], id="down to none, of an answer"),
        pytest.param("metric-unpublished", [{"TargetValue": 10, "CustomizedMetricSpecification": {"MetricName": "jobs", "Namespace": "Shop"}}], id="of a tracking policy"),
        pytest.param("deployment-config-name", [{"deploymentConfigName": "CodeDeployDefault.ECSLinear10PercentEvery1Minute"}], id="nearly one of AWS's"),
    ],
)  # fmt: skip
def test_is_found(code, documents):
    assert code in codes(*documents)


@pytest.mark.parametrize(
    ("code", "documents"),
    [
        pytest.param("fargate-size", [fargate(cpu="16384", memory="122880")], id="the largest"),
        pytest.param("fargate-size", [fargate(cpu="1 vCPU", memory="2 GB")], id="sizes in words"),
        pytest.param("fargate-size", [fargate(cpu="${CPU}")], id="a placeholder"),
        pytest.param("fargate-size", [task(cpu="300", memory="400")], id="not Fargate"),
        pytest.param("read-only-members", [{"taskDefinition": {**task(), "revision": 3, "status": "ACTIVE"}}], id="a whole answer"),
        pytest.param("read-only-members", [{"services": [service(serviceArn="arn", status="ACTIVE", events=[])]}], id="a whole answer of services"),
        pytest.param("fargate-refuses", [task({"logConfiguration": {"logDriver": "json-file"}})], id="EC2 has the log drivers of Docker"),
        pytest.param("fargate-refuses", [fargate({"logConfiguration": {"logDriver": "${DRIVER}"}})], id="a placeholder for the log driver"),
        pytest.param("illegal-name", [{**task(), "family": "shop-${STAGE}"}], id="a placeholder in the family"),
        pytest.param("illegal-name", [task({"name": "a" * 255})], id="the longest name"),
        pytest.param("memory-too-small", [task({"memory": 6, "memoryReservation": 6})], id="the least memory"),
        pytest.param("unknown-value", [fargate(networkMode="${MODE}")], id="a placeholder for a word"),
        pytest.param("unknown-value", [task({"environment": [{"name": "A", "value": "x"}], "dockerLabels": {"type": "y"}})], id="names and labels are free"),
        pytest.param("unknown-member", [{"taskDefinition": {**task(), "deleteRequestedAt": 1}}], id="an answer may have more"),
        pytest.param("unknown-member", [task(revision=3)], id="what is told as read-only"),
        pytest.param("unknown-member", [service(service="shop", forceNewDeployment=True)], id="an update of a service"),
        pytest.param("unknown-member", [task({"logConfiguration": {"logDriver": "awslogs", "options": {"own": "x"}}})], id="options of a driver are free"),
        pytest.param("moving-tag", [task({"image": "shop:main-3f2a9c1"})], id="a branch and a commit"),
        pytest.param("moving-tag", [task({"image": "shop:{{ tag }}-stable"})], id="a placeholder, and a stage"),
        pytest.param("moving-tag", [task({"image": "stable/shop:1.4.2"})], id="a repository that is called so"),
        pytest.param("moving-tag", [task({"image": "shop@sha256:0123"})], id="a digest"),
        pytest.param("moving-tag", [task({"image": "registry:5000/shop:{{ tag }}"})], id="a placeholder"),
        pytest.param("moving-tag", [task({"image": "${IMAGE}"})], id="all of it a placeholder"),
        pytest.param("wrong-type", [task({"memory": "${MEMORY}"})], id="a placeholder for a number"),
        pytest.param("port-mapping", [task({"portMappings": [{"containerPort": 80, "hostPort": 0}]}, networkMode="awsvpc")], id="host port 0 is none"),
        pytest.param("port-mapping", [task({"portMappings": [{"containerPort": 53, "protocol": "udp"}]}, {"name": "b", "image": "b:1", "portMappings": [{"containerPort": 53, "protocol": "tcp"}]}, networkMode="awsvpc")], id="one port, two protocols"),
        pytest.param("stop-before-drained", [task({"environment": [{"name": "DRAIN_SECONDS", "value": "10"}]})], id="within the default"),
        pytest.param("health-check-missing", [service(taskDefinition="shop"), task({"essential": True}, {"name": "b", "image": "b:1", "healthCheck": {"command": ["CMD", "x"]}})], id="one of the essential ones has it"),
        pytest.param("health-check-missing", [task()], id="no service runs it"),
        pytest.param("health-check-tool", [task({"healthCheck": {"command": ["CMD-SHELL", "python curl_like.py"]}})], id="a word that has it in it"),
        pytest.param("secret-in-the-open", [task({"environment": [{"name": "DATABASE_URL", "value": "mysql://shop:${PASSWORD}@db/shop"}]})], id="a placeholder for the password"),
        pytest.param("secret-in-the-open", [task({"environment": [{"name": "COMMIT", "value": "3f2a9c1d5e6b7a8c9d0e1f2a3b4c5d6e7f8a9b0c"}]})], id="a commit is no secret"),
        pytest.param("secret-in-the-open", [task({"command": ["sh", "-c", 'serve --password=$PASSWORD --token "$TOKEN" --secret ${SECRET}']})], id="variables of the shell"),
        pytest.param("secret-in-the-open", [task({"command": ["serve", "--password-file=/run/password", "--token", "/run/token"]})], id="where a secret is"),
        pytest.param("secret-in-the-open", [task({"command": ["serve", "--token", "--port", "80"]})], id="an option without a value"),
        pytest.param("secret-in-the-open", [task({"command": ["celery", "-A", "shop", "worker", "--token-ttl=900"]})], id="an option about tokens"),
        pytest.param("secret-by-name", [task({"environment": [{"name": "TOKEN_TTL_SECONDS", "value": "900"}]})], id="a number about tokens"),
        pytest.param("secret-by-name", [task({"environment": [{"name": "SECRET_KEY", "value": "${SECRET_KEY}"}]})], id="a placeholder"),
        pytest.param("secret-arn-misread", [task({"secrets": [{"name": "X", "valueFrom": f"{ARN}shop/database-url"}]})], id="three letters"),
        pytest.param("secret-arn-partial", [task({"secrets": [{"name": "X", "valueFrom": "/shop/parameter"}]})], id="a parameter"),
        pytest.param("launch-type-hides-strategy", [service(launchType="FARGATE", cluster="a"), {"clusterName": "b", "defaultCapacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]}], id="another cluster"),
        pytest.param("launch-type-hides-strategy", [service(launchType="FARGATE"), {"clusterName": "b", "defaultCapacityProviderStrategy": [{"capacityProvider": "FARGATE", "weight": 1}]}], id="the strategy is FARGATE too"),
        pytest.param("single-subnet", [service(networkConfiguration={"awsvpcConfiguration": {"subnets": ["${A}", "${B}"]}})], id="two placeholders"),
        pytest.param("balancer-target", [service(taskDefinition="shop", loadBalancers=[{**TARGET, "containerPort": "${PORT}"}]), task({"portMappings": [{"containerPort": 80}]})], id="a placeholder for the port"),
        pytest.param("deployment-stuck", [service(desiredCount=5, deploymentConfiguration={"minimumHealthyPercent": 100, "maximumPercent": 140})], id="two more of five"),
        pytest.param("deployment-stuck", [service(desiredCount=1, deploymentConfiguration={"minimumHealthyPercent": 0, "maximumPercent": 100})], id="stopped first"),
        pytest.param("deployment-stuck", [service(desiredCount=0, deploymentConfiguration={"minimumHealthyPercent": 100, "maximumPercent": 150})], id="no tasks"),
        pytest.param("no-circuit-breaker", [{"deploymentConfiguration": {"maximumPercent": 200}}], id="a part of a service that does not speak of it"),
        pytest.param("no-circuit-breaker", [service(deploymentController={"type": "CODE_DEPLOY"}, loadBalancers=[TARGET])], id="CodeDeploy has none"),
        pytest.param("scales-out-only", [{"stepAdjustments": [{"metricIntervalLowerBound": 0, "scalingAdjustment": 1}], "resourceId": "service/c/s"}, {"policyName": "cpu", "resourceId": "service/c/s", "targetTrackingScalingPolicyConfiguration": {"targetValue": 70, "predefinedMetricSpecification": {"predefinedMetricType": "ECSServiceAverageCPUUtilization"}}}], id="target tracking brings it back"),
        pytest.param("step-bounds", [{"stepAdjustments": [{"metricIntervalUpperBound": -10, "scalingAdjustment": -2}, {"metricIntervalLowerBound": -10, "metricIntervalUpperBound": 0, "scalingAdjustment": -1}]}], id="steps downwards"),
        pytest.param("step-bounds-are-offsets", [{"alarmName": "a", "metricName": "m", "namespace": "AWS/SQS", "threshold": 100, "alarmActions": ["arn:…:policyName/other"]}, {"policyName": "mine", "stepAdjustments": [{"metricIntervalLowerBound": 0, "metricIntervalUpperBound": 100, "scalingAdjustment": 1}, {"metricIntervalLowerBound": 100, "scalingAdjustment": 2}]}], id="the alarm of another policy"),
        pytest.param("metric-unpublished", [{"alarmName": "a", "metricName": "jobs", "namespace": "Shop"}, "aws cloudwatch put-metric-data --namespace Shop --metric-name jobs --value 3"], id="a script publishes it"),
        pytest.param("tracking-all-agree", [{"policyName": "a", "resourceId": "service/c/a", "targetTrackingScalingPolicyConfiguration": {"targetValue": 70}}, {"policyName": "b", "resourceId": "service/c/b", "targetTrackingScalingPolicyConfiguration": {"targetValue": 70}}], id="two services"),
    ],
)  # fmt: skip
def test_is_not_found(code, documents):
    assert code not in codes(*documents)


RUN = "aws ecs run-task --cluster c --task-definition m --launch-type FARGATE"
WAIT = "aws ecs wait services-stable --cluster c --services s"


@pytest.mark.parametrize(
    ("code", "script", "found"),
    [
        pytest.param("run-task-network", f"# {RUN}", False, id="a comment"),
        pytest.param("run-task-network", f'echo "{RUN}"', False, id="only said"),
        pytest.param("run-task-network", f"ID=$({RUN} --query 'tasks[0].taskArn' --output text)", True, id="in a substitution"),
        pytest.param("run-task-network", f"{RUN} \\\n  --network-configuration '{{\n  \"a\": 1\n}}'", False, id="an option on other lines"),
        pytest.param("run-task-network", "aws --region eu-west-1 ecs run-task --launch-type FARGATE", True, id="an option before the service"),
        pytest.param("run-task-network", "aws ecs run-task --cluster c --task-definition m", False, id="EC2 may need none"),
        pytest.param("run-task-network", "aws ecs run-task --launch-type FARGATE --task-definition $(aws ecs describe-services --query x) --network-configuration x", False, id="an option behind a substitution"),
        pytest.param("run-task-network", "aws ecs update-service --service $(aws ecs run-task --launch-type FARGATE)", True, id="a command inside of another"),
        pytest.param("stable-is-not-deployed", f"{WAIT} && echo deployed", True, id="and believes it"),
        pytest.param("stable-is-not-deployed", f"{WAIT}\nfairway why s", False, id="asks afterwards"),
        pytest.param("stable-is-not-deployed", f"{WAIT}\n# rolloutState", True, id="a comment asks nothing"),
        pytest.param("waiter-gives-up", f"until {WAIT}; do echo again; done", False, id="until it is"),
        pytest.param("waiter-gives-up", f"{WAIT} || {WAIT}", True, id="the second one is the last"),
        pytest.param("waiter-gives-up", f"for s in a b; do echo $s; done\n{WAIT}", True, id="a loop that is over"),
        pytest.param("waiter-gives-up", "echo 'waiting for a while'\n" + WAIT, True, id="words are no loop"),
        pytest.param("rollback-to-previous", "REVISION=$(aws ecs describe-services)\nOLD=$((REVISION - 1))", True, id="one less"),
        pytest.param("deploys-latest", "TAG=${TAG:-latest}\naws ecs update-service --service s", True, id="by a variable"),
        pytest.param("deploys-latest", "TAG=${TAG:-latest}\nls", False, id="no script of ECS"),
        pytest.param("register-copied", "aws ecs describe-task-definition --task-definition a --query taskDefinition | jq 'with_entries(select(.key != \"status\"))' > t.json\naws ecs register-task-definition --cli-input-json file://t.json", False, id="filtered"),
        pytest.param("register-copied", 'aws ecs describe-task-definition --task-definition a --query taskDefinition.revision\naws ecs register-task-definition --cli-input-json "$X"', False, id="only the revision is read"),
    ],
)  # fmt: skip
def test_scripts(code, script, found):
    assert (code in {finding.code for finding in lint_text(script, "deploy.sh")}) is found


@pytest.mark.parametrize(
    ("code", "program", "found"),
    [
        pytest.param("run-task-network", "ecs.run_task(cluster='c', launchType='FARGATE')", True, id="boto3"),
        pytest.param("run-task-network", "ecs.run_task(launchType='FARGATE', **rest)", False, id="the rest is not seen"),
        pytest.param("stable-is-not-deployed", "ecs.get_waiter('services_stable').wait(services=['s'])", True, id="a waiter"),
        pytest.param("stable-is-not-deployed", "ecs.get_waiter('services_stable').wait(services=['s'])\nx['deployments'][0]['rolloutState']", False, id="and a look"),
        pytest.param("waiter-gives-up", "ecs.get_waiter('tasks_stopped').wait(tasks=[a], WaiterConfig={'MaxAttempts': 300})", False, id="for longer"),
        pytest.param("rollback-to-previous", "old = ecs.list_task_definitions(sort='DESC')['taskDefinitionArns'][1]", True, id="the second one"),
        pytest.param("rollback-to-previous", "new = ecs.list_task_definitions(sort='DESC')['taskDefinitionArns'][0]", False, id="the first one"),
        pytest.param("hook-answer", "def handler(event, context):\n    return {'status': 'ok'}", False, id="a handler of something else"),
        pytest.param("hook-answer", "def check(event, context):\n    return {'status': 'SUCCESS'}", False, id="no handler"),
        pytest.param("hook-undefined-name", "from metrics import *\ndef handler(event, context):\n    get_metric()\n    return {'hookStatus': 'FAILED'}", False, id="a star may bring it"),
    ],
)  # fmt: skip
def test_programs(code, program, found):
    assert (code in {finding.code for finding in lint_text(program, "deploy.py")}) is found


WORKFLOW = """on: push
jobs:
  deploy:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v6
      - name: migrate
        run: aws ecs run-task --launch-type FARGATE --task-definition m
      - name: deploy
        run: |
          aws ecs update-service --service s
          aws ecs wait services-stable --services s
"""


def test_steps_of_a_workflow_are_linted_with_its_lines():
    found = {(finding.code, finding.place.line) for finding in lint_text(WORKFLOW, ".github/workflows/deploy.yml")}
    assert {("run-task-network", 8), ("stable-is-not-deployed", 12), ("waiter-gives-up", 12)} <= found


def test_a_look_in_a_later_step_counts():
    later = WORKFLOW + "      - run: aws ecs list-service-deployments --service s\n"
    assert "stable-is-not-deployed" not in {finding.code for finding in lint_text(later, "deploy.yml")}


def test_gitlab_and_codebuild_have_steps_too():
    gitlab = "deploy:\n  script:\n    - aws ecs run-task --launch-type FARGATE\n"
    codebuild = "version: 0.2\nphases:\n  build:\n    commands:\n      - aws ecs run-task --launch-type FARGATE\n"
    for text, line in ((gitlab, 3), (codebuild, 5)):
        assert [(f.code, f.place.line) for f in lint_text(text, "ci.yml")] == [("run-task-network", line)]


def test_the_value_of_a_secret_is_never_shown():
    secret = "hunter22hunter22"
    for value in (f"mysql://u:{secret}@db/x", f"AKIAIOSFODNN7EXAMPLE {secret}", secret):
        text = blocks(
            '{"family": "f", "containerDefinitions": [{"name": "a", "image": "a:1", '
            f'"environment": [{{"name": "DB_PASSWORD", "value": "{value}"}}]}}]}}'
        )
        found = lint_text(text)
        assert {"secret-in-the-open", "secret-by-name"} & {finding.code for finding in found}
        assert secret not in repr(found)


def test_the_value_of_a_secret_in_a_command_is_never_shown():
    for words in (["--password=hunter22"], ["--token", "hunter22"], ["mysql://u:hunter22@db/x"]):
        found = [item for item in lint_text(json.dumps(task({"command": words}))) if item.code == "secret-in-the-open"]
        assert len(found) == 1
        assert "hunter22" not in repr(found)


@pytest.mark.parametrize(
    ("document", "field", "remedy"),
    [
        pytest.param({"family": "shop", "contanerDefinitions": []}, "contanerDefinitions", 'did you mean "containerDefinitions"? Else remove it', id="what is near is named"),
        pytest.param(task({"quantity": 3}), "containerDefinitions[0].quantity", "remove it, or correct where it stands", id="nothing is near"),
        pytest.param(fargate(runtimePlatform={"cpuArchitecture": "arm"}), "runtimePlatform.cpuArchitecture", 'did you mean "ARM64"?', id="a word in other letters"),
        pytest.param(service(launchType="X"), "launchType", "one of EC2, FARGATE, EXTERNAL, MANAGED_INSTANCES", id="the words that there are"),
    ],
)  # fmt: skip
def test_a_remedy_names_what_was_meant(document, field, remedy):
    found = {(item.field, item.remedy) for item in lint_text(json.dumps(document)) if item.code.startswith("unknown-")}
    assert (field, remedy) in found


def test_batches_are_counted_as_ecs_counts_them():
    text = "# T\n\n```json\n{}\n```\n\n(5 tasks, replace 2 at a time), (4 tasks, replace 4 at a time)".replace(
        "{}", '{"deploymentConfiguration": {"maximumPercent": 200, "minimumHealthyPercent": 100}}'
    )
    assert [finding.message for finding in lint_text(text, "t.md")] == [
        "5 tasks with 100 and 200 per cent: ECS replaces 5 at a time, not 2"
    ]
