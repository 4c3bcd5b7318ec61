"""A revision that keeps the versions of its secrets, and the way back to it."""

from __future__ import annotations

import boto3
import pytest
from tests.cli.test_deploy import revision, service_of

pytestmark = pytest.mark.slow


def test_a_pinned_version_that_is_old_comes_back_only_when_told(project, fairway, ecs, engine):
    vault = boto3.client(
        "secretsmanager",
        endpoint_url=engine.endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    made = vault.create_secret(Name=f"{project.cluster}/password", SecretString="one")
    document = project.read("api.task.json")
    document["containerDefinitions"][0]["secrets"] = [{"name": "PASSWORD", "valueFrom": f"{made['ARN']}"}]
    project.write("api.task.json", document)
    toml = project.root / "fairway.toml"
    toml.write_text(toml.read_text().replace('name = "shop"', 'name = "shop"\npin_secrets = true'))
    assert fairway("deploy", "api", "--tag", "v1")[0] == 0
    definition = ecs.describe_task_definition(taskDefinition=f"{project.cluster}-api")["taskDefinition"]
    [secret] = definition["containerDefinitions"][0]["secrets"]
    assert secret["valueFrom"] == f"{made['ARN']}:::{made['VersionId']}"
    assert fairway("plan", "api", "--tag", "v1", "--exit-code")[0] == 0
    vault.put_secret_value(SecretId=made["ARN"], SecretString="two")
    code, out, _ = fairway("plan", "api", "--tag", "v1", "--exit-code")
    assert code == 3, "the tasks still have the old one"
    assert "secrets.PASSWORD" in out
    assert fairway("deploy", "api", "--tag", "v2")[0] == 0
    code, _, err = fairway("rollback", "api", "--yes")
    assert code == 2
    assert f"keeps versions of secrets that are no longer current: {made['ARN']}" in err
    assert "--old-secrets" in err
    assert revision(service_of(ecs, project)["taskDefinition"]) == 2
    assert fairway("rollback", "api", "--old-secrets", "--yes")[0] == 0
    assert revision(service_of(ecs, project)["taskDefinition"]) == 1


def test_a_secret_that_does_not_exist_cannot_be_pinned(project, fairway, ecs):
    document = project.read("api.task.json")
    arn = f"arn:aws:secretsmanager:us-east-1:123456789012:secret:{project.cluster}/none-AbCdEf"
    document["containerDefinitions"][0]["secrets"] = [{"name": "PASSWORD", "valueFrom": arn}]
    project.write("api.task.json", document)
    toml = project.root / "fairway.toml"
    toml.write_text(toml.read_text().replace('name = "shop"', 'name = "shop"\npin_secrets = "yes"'))
    code, _, err = fairway("deploy", "api", "--tag", "v1")
    assert code == 2
    assert "fairway.toml:4: pin_secrets is 'yes'" in err
    toml.write_text(toml.read_text().replace('pin_secrets = "yes"', "pin_secrets = true"))
    code, _, err = fairway("deploy", "api", "--tag", "v1")
    assert code == 2
    assert f"the secret {arn} does not exist" in err
    assert ecs.list_services(cluster=project.cluster)["serviceArns"] == []
