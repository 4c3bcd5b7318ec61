from __future__ import annotations

import json

import pytest

from fairway.errors import UsageError
from fairway.project.load import load_project
from fairway.project.render import render_definition

DEFINITION = {
    "family": "shop-api",
    "cpu": "256",
    "memory": "512",
    "containerDefinitions": [
        {
            "name": "api",
            "image": "shop-api:{{ tag }}",
            "environment": [{"name": "LOG_LEVEL", "value": "INFO"}],
            "secrets": [{"name": "JWT_KEY", "valueFrom": "jwt-key"}],
            "portMappings": [{"containerPort": 8000}],
        },
        {"name": "sidecar", "image": "proxy:1"},
    ],
}
SERVICE = {
    "serviceName": "shop-api",
    "desiredCount": 5,
    "loadBalancers": [{"targetGroupArn": "${TARGET_GROUP}", "containerName": "api", "containerPort": 8000}],
}
TOML = """
[project]
name = "shop"
default_environment = "local"

[services.api]
definition = "deploy/api.task.json"
service = "deploy/api.service.json"
"""
LOCAL = """
region = "us-east-1"
cluster = "shop-local"
[variables]
TARGET_GROUP = "tg-1"
[[services.api.overrides.definition.containerDefinitions]]
name = "api"
cpu = 128
[[services.api.overrides.definition.containerDefinitions.environment]]
name = "LOG_LEVEL"
value = "DEBUG"
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "deploy" / "environments").mkdir(parents=True)
    (tmp_path / "fairway.toml").write_text(TOML)
    (tmp_path / "deploy" / "environments" / "local.toml").write_text(LOCAL)
    write(tmp_path, "api.task.json", DEFINITION)
    write(tmp_path, "api.service.json", SERVICE)
    return tmp_path


def write(folder, name, document):
    text = document if isinstance(document, str) else json.dumps(document, indent=2)
    (folder / "deploy" / name).write_text(text)


def test_overlays_merge_containers_and_variables_by_name(folder):
    project = load_project(folder / "deploy")
    api = project.services["api"]
    first, second = api.definition["containerDefinitions"]
    assert first["cpu"] == 128
    assert first["environment"] == [{"name": "LOG_LEVEL", "value": "DEBUG"}]
    assert second == {"name": "sidecar", "image": "proxy:1"}
    assert api.service is not None
    assert api.service["loadBalancers"][0]["targetGroupArn"] == "tg-1"
    assert project.environment.is_local


@pytest.mark.parametrize(
    ("change", "message", "hint"),
    [
        pytest.param(("toml", "definition =", "definiton ="), "fairway.toml:7: unknown key services.api.definiton", 'did you mean "definition"?', id="unknown key"),
        pytest.param(("toml", "[services.api]", "[services.api]\nimage = { repository = 'x' }"), "fairway.toml:7: 'x' cannot be the name of an ECR repository", "2 to 256", id="too short a name of a repository"),
        pytest.param(("toml", "[services.api]", "[services.api]\nimage = { repository = 'shop/api:v1' }"), "'shop/api:v1' cannot be the name", "without registry and tag", id="a repository with its tag"),
        pytest.param(("toml", "api.task.json", "nothing.json"), "nothing.json does not exist", "correct the path", id="missing file"),
        pytest.param(("task", '"cpu": "256"', '"cpu": 256'), "api.task.json:3: cpu is 256", "cpu is a string in AWS's API", id="wrong type"),
        pytest.param(("task", '"cpu": "256",', '"cpu": "256"'), "api.task.json:4:3: not JSON", "no comma after the last member", id="broken JSON"),
        pytest.param(("task", '"cpu": "256"', '"revision": 7, "cpu": "256"'), "revision: read-only", "remove it", id="pasted describe output"),
        pytest.param(("service", '"containerName": "api"', '"containerName": "web"'), "containerName 'web' is no container", "api, sidecar", id="unknown container"),
        pytest.param(("service", '"desiredCount": 5', '"serviceArn": "a", "status": "ACTIVE", "desiredCount": 5'), "api.service.json:3: serviceArn, status: read-only, copied from describe-services", "remove them", id="pasted describe-services output"),
        pytest.param(("task", '"name": "LOG_LEVEL"', '"name": "JWT_KEY"'), "JWT_KEY of container api is a secret and an environment variable", "remove JWT_KEY from environment, or from secrets", id="a variable and a secret"),
        pytest.param(("local", "TARGET_GROUP", "TARGET"), "api.service.json:6: ${TARGET_GROUP} is not set", "export TARGET_GROUP=", id="unset variable"),
        pytest.param(("local", 'region = "us-east-1"', ""), "region is missing", 'add region = "…"', id="no region"),
        pytest.param(("toml", 'name = "shop"', "name = shop"), "fairway.toml:3:8: not TOML: Invalid value", "quotes", id="broken TOML"),
        pytest.param(("local", '"us-east-1"', '"us-east-1'), "local.toml:2:20: not TOML: Illegal character", "quotes", id="broken TOML of an environment"),
        pytest.param(("toml", 'name = "shop"', 'name = "shop"\non_failure = "keap"'), "fairway.toml:4: on_failure is 'keap'", 'did you mean "keep"?', id="no such choice"),
        pytest.param(("local", "[variables]", "[tasks.migrations]\n[variables]"), "local.toml:4: unknown key tasks.migrations", None, id="a task of an environment alone"),
        pytest.param(("toml", '"local"', '"production"'), 'only "local" may be the default', "--env NAME", id="default environment"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place_and_remedy(folder, change, message, hint):
    files = {
        "toml": "fairway.toml",
        "task": "deploy/api.task.json",
        "service": "deploy/api.service.json",
        "local": "deploy/environments/local.toml",
    }
    kind, old, new = change
    path = folder / files[kind]
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(UsageError) as caught:
        load_project(folder)
    assert message in caught.value.message
    if hint is not None:
        assert hint in (caught.value.hint or "")


def test_a_file_that_is_not_utf8_names_line_and_remedy(folder):
    (folder / "deploy" / "api.task.json").write_bytes(b'{\n"family": "caf\xe9"}')
    with pytest.raises(UsageError, match=r"api.task.json:2: not UTF-8") as caught:
        load_project(folder)
    assert caught.value.hint == "save it with the encoding UTF-8"


def test_toml_that_ends_too_early_names_its_last_line(folder):
    (folder / "fairway.toml").write_text('[project]\nname = ["shop"')
    with pytest.raises(UsageError, match=r"fairway.toml:2: not TOML: Unclosed array"):
        load_project(folder)


def test_an_unset_variable_of_an_override_is_found_in_the_environment(folder):
    path = folder / "deploy" / "environments" / "local.toml"
    added = '\n[services.api.overrides.definition]\ntaskRoleArn = "${NOSUCH}"\n'
    path.write_text(path.read_text() + added)
    line = len(path.read_text().splitlines())
    with pytest.raises(UsageError, match=rf"local.toml:{line}: \$\{{NOSUCH\}} is not set"):
        load_project(folder)


def test_without_a_project_the_advice_is_what_the_verb_can_use(tmp_path):
    with pytest.raises(UsageError) as caught:
        load_project(tmp_path, is_needed=True)
    assert caught.value.hint == "go to the project's folder, where fairway.toml is"
    with pytest.raises(UsageError) as caught:
        load_project(tmp_path)
    assert "CLUSTER/SERVICE" in (caught.value.hint or "")


def test_an_unknown_environment_names_the_known_ones(folder):
    with pytest.raises(UsageError, match="there is no environment 'lokal'") as caught:
        load_project(folder, "lokal")
    assert caught.value.hint == 'did you mean "local"?'


def test_other_environments_need_an_account_and_have_no_endpoint(folder):
    path = folder / "deploy" / "environments" / "production.toml"
    path.write_text('region = "us-east-1"\ncluster = "shop"\n')
    with pytest.raises(UsageError, match="account must be a string of 12 digits"):
        load_project(folder, "production")
    path.write_text(
        'region = "us-east-1"\ncluster = "shop"\naccount = "123456789012"\nendpoint_url = "http://127.0.0.1:1"\n'
    )
    with pytest.raises(UsageError, match="only the environment local may have an endpoint_url"):
        load_project(folder, "production")


def test_rendering_puts_in_tag_images_and_variables(folder):
    api = load_project(folder).services["api"]
    rendered = render_definition(
        api, tag="v2", sets={(None, "A"): "1", ("sidecar", "B"): "2"}, images={"sidecar": "p:2"}
    )
    first, second = rendered["containerDefinitions"]
    assert first["image"] == "shop-api:v2"
    assert {"name": "A", "value": "1"} in first["environment"]
    assert second["image"] == "p:2"
    assert second["environment"] == [{"name": "B", "value": "2"}]
    assert "{{ tag }}" in api.definition["containerDefinitions"][0]["image"], "the project itself is not changed"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"tag": None}, "needs a tag", id="no tag"),
        pytest.param(
            {"tag": "v2", "sets": {("api", "JWT_KEY"): "1"}},
            r"api.task.json:\d+: JWT_KEY of container api is a secret",
            id="a secret is not set",
        ),
        pytest.param({"tag": "v2", "sets": {("web", "A"): "1"}}, "no container 'web'", id="unknown container"),
        pytest.param({"tag": "v2", "images": {"web": "x"}}, "no container 'web'", id="image of an unknown container"),
    ],
)
def test_rendering_refuses(folder, options, message):
    with pytest.raises(UsageError, match=message):
        render_definition(load_project(folder).services["api"], **options)


def test_an_image_without_tag_is_refused_under_tag(folder):
    write(folder, "api.task.json", json.dumps(DEFINITION).replace(":{{ tag }}", ":1"))
    with pytest.raises(UsageError, match=r"no image of shop-api has \{\{ tag \}\}"):
        render_definition(load_project(folder).services["api"], tag="v2")
