"""From what lives to files, and back without a difference."""

from __future__ import annotations

import json
import tomllib

import botocore.session
import pytest
from tests.planning.builders import PASSWORD, a_definition, a_service_file, as_deployed, registered

from fairway.errors import UsageError
from fairway.observed import DIGEST_TAG, VERSION_TAG
from fairway.planning.adoption import Written, adopt, key_of, project_files, split_image, toml_text, with_tag
from fairway.planning.changes import definition_changes, service_changes
from fairway.planning.defaults import SERVICE, TASK_DEFINITION, Default
from fairway.planning.plain_secrets import PlainSecrets, variable_name
from fairway.planning.pruned import WHOLE, pruned
from fairway.planning.release import ServiceRelease
from fairway.project.overlay import put_tag, substitute

SPOT = [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
ECR = "123456789012.dkr.ecr.us-east-1.amazonaws.com/shop"


def adopted(file=None, definition=None, default_strategy=(), **members):
    living = as_deployed(file or a_service_file(), definition or a_definition(), **members)
    secrets = PlainSecrets()
    return adopt("api", living, default_strategy, secrets), secrets, living


@pytest.mark.parametrize(
    ("file", "definition"),
    [
        pytest.param({}, {}, id="as the builders make it"),
        pytest.param(
            {"deploymentConfiguration": {"maximumPercent": 150, "minimumHealthyPercent": 50}}, {}, id="bounds"
        ),
        pytest.param(
            {"deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": True, "rollback": False}}},
            {},
            id="a breaker that does not roll back",
        ),
        pytest.param({"propagateTags": "SERVICE", "enableExecuteCommand": True}, {}, id="settings"),
        pytest.param({}, {"networkMode": "bridge"}, id="a bridge's host port"),
        pytest.param({}, {"container": {"environment": [{"name": "EMPTY", "value": ""}]}}, id="an empty variable"),
        pytest.param({}, {"container": {"command": ["sh", "-c", "echo ${HOSTNAME}"]}}, id="a shell's variable"),
        pytest.param({}, {"container": {"command": ["sh", "-c", "$${X} $$${Y}"]}}, id="dollars before a variable"),
    ],
)
def test_there_and_back(file, definition):
    item, secrets, living = adopted(a_service_file(**file), a_definition(**definition))
    values = {**secrets.values, **{name: f"${{{name}}}" for name in item.literals}}
    rendered = put_tag(substitute(dict(item.definition), values, ()), item.tag or "")
    assert definition_changes(rendered, living.serving).found == ()
    release = ServiceRelease("api", "shop-api", rendered, None, item.service)  # type: ignore[arg-type]
    assert service_changes(release, living, ()).found == ()


def test_what_ecs_fills_in_is_left_out():
    item, _, _ = adopted()
    assert "status" not in item.definition
    [container] = item.definition["containerDefinitions"]
    assert container["portMappings"] == [{"containerPort": 8000}]
    assert {"cpu", "essential", "mountPoints", "volumesFrom"} & set(container) == set()
    assert item.service == {
        "serviceName": "shop-api",
        "desiredCount": 5,
        "launchType": "FARGATE",
        "networkConfiguration": a_service_file()["networkConfiguration"],
        "loadBalancers": a_service_file()["loadBalancers"],
        "healthCheckGracePeriodSeconds": 60,
        "tags": [{"key": "Team", "value": "shop"}],
    }


def test_only_the_team_s_own_tags():
    document = registered(a_definition(), aws_tag="x")
    living = as_deployed(a_service_file(), a_definition())
    assert document.tags["fairway:deployment"]
    item = adopt("api", living, (), PlainSecrets())
    assert item.definition["tags"] == [{"key": "Team", "value": "shop"}]


@pytest.mark.parametrize(
    ("shown", "default", "expected"),
    [
        pytest.param(SPOT, SPOT, None, id="the cluster's default strategy is not said again"),
        pytest.param(SPOT, [], SPOT, id="another strategy is"),
    ],
)
def test_capacity(shown, default, expected):
    file = {name: value for name, value in a_service_file().items() if name != "launchType"}
    item, _, _ = adopted({**file, "capacityProviderStrategy": shown}, default_strategy=default)
    assert item.service is not None
    assert item.service.get("capacityProviderStrategy") == expected


def test_rebalancing_that_is_off_is_said_since_a_new_service_would_have_it():
    item, _, _ = adopted(availabilityZoneRebalancing="DISABLED")
    assert item.service is not None
    assert item.service["availabilityZoneRebalancing"] == "DISABLED"


# -- secrets -------------------------------------------------------------------------------------------------------------


def test_no_secret_is_written():
    item, secrets, _ = adopted()
    files = project_files("shop", Written("production", "us-east-1", "shop", "123456789012"), [item], manage=None)
    assert [path for path, text in files.items() if PASSWORD in text] == []
    assert secrets.values == {
        "DB_PASSWORD": PASSWORD,
        "REDIS_URL": f"redis://:{PASSWORD}@cache:6379/0",
        "SPLUNK_TOKEN": PASSWORD,
    }
    assert secrets.places["SPLUNK_TOKEN"] == "api, container api, log options, splunk-token"
    text = files["deploy/api.task.json"]
    assert '"value": "${DB_PASSWORD}"' in text
    assert '"value": "INFO"' in text


def test_one_name_with_two_values_is_two_variables():
    secrets = PlainSecrets()
    for key, value in (("api", "one"), ("worker", "two"), ("other", "one")):
        definition = {"containerDefinitions": [{"name": "app", "environment": [{"name": "PASSWORD", "value": value}]}]}
        secrets.without(definition, key)
    assert secrets.values == {"PASSWORD": "one", "WORKER_PASSWORD": "two"}


@pytest.mark.parametrize(
    ("member", "value", "expected"),
    [
        pytest.param("command", ["app", "--password", "hunter2"], ["app", "--password", "${API_COMMAND}"], id="a word after its flag"),
        pytest.param("dockerLabels", {"token": "hunter2", "team": "shop"}, {"token": "${TOKEN}", "team": "shop"}, id="a label"),
        pytest.param("healthCheck", {"command": ["CMD", "curl", "http://u:hunter2@x/"]}, {"command": ["CMD", "curl", "${API_COMMAND}"]}, id="a health command"),
        pytest.param("secrets", [{"name": "PASSWORD", "valueFrom": "arn:aws:ssm:::parameter/x"}], [{"name": "PASSWORD", "valueFrom": "arn:aws:ssm:::parameter/x"}], id="a reference is none"),
    ],
)  # fmt: skip
def test_where_secrets_are_looked_for(member, value, expected):
    made = PlainSecrets().without({"containerDefinitions": [{"name": "app", member: value}]}, "api")
    assert made["containerDefinitions"][0][member] == expected


@pytest.mark.parametrize(("text", "name"), [("splunk-token", "SPLUNK_TOKEN"), ("9lives", "_9LIVES"), ("ü", "VALUE")])
def test_variable_names(text, name):
    assert variable_name(text) == name


# -- images --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("images", "behind", "expected", "tag"),
    [
        pytest.param({"app": f"{ECR}:v7"}, None, {"app": f"{ECR}:{{{{ tag }}}}"}, "v7", id="the only container"),
        pytest.param(
            {"app": f"{ECR}:v7@sha256:{'0' * 64}"}, None, {"app": f"{ECR}:{{{{ tag }}}}"}, "v7", id="a pinned one"
        ),
        pytest.param(
            {"app": f"{ECR}:v7", "proxy": f"{ECR}-proxy:v7", "agent": "datadog/agent:v7"},
            "app",
            {"app": f"{ECR}:{{{{ tag }}}}", "proxy": f"{ECR}-proxy:{{{{ tag }}}}", "agent": "datadog/agent:v7"},
            "v7",
            id="those released with it, and no sidecar",
        ),
        pytest.param(
            {"app": "localhost:5000/app:v7", "agent": "agent:7"},
            "app",
            {"app": "localhost:5000/app:{{ tag }}", "agent": "agent:7"},
            "v7",
            id="a registry with a port",
        ),
        pytest.param({"app": f"{ECR}:latest"}, None, {"app": f"{ECR}:latest"}, None, id="a tag that moves"),
        pytest.param(
            {"app": f"{ECR}@sha256:{'0' * 64}"}, None, {"app": f"{ECR}@sha256:{'0' * 64}"}, None, id="a digest"
        ),
        pytest.param({"a": "a:1", "b": "b:2"}, None, {"a": "a:1", "b": "b:2"}, None, id="nobody can tell"),
    ],
)
def test_which_images_have_the_tag(images, behind, expected, tag):
    containers = [{"name": name, "image": image} for name, image in images.items()]
    service = {"loadBalancers": [{"containerName": behind}]} if behind else {}
    made, found, notes = with_tag({"containerDefinitions": containers}, service)
    assert {item["name"]: item["image"] for item in made["containerDefinitions"]} == expected
    assert found == tag
    assert bool(notes) is (tag is None)


PINNED = f"{ECR}@sha256:{'0' * 64}"
OTHER = f"{ECR}-proxy@sha256:{'1' * 64}"
TAGS = {VERSION_TAG: "v7", DIGEST_TAG: f"sha256:{'0' * 64}"}


@pytest.mark.parametrize(
    ("images", "tags", "expected", "tag", "notes"),
    [
        pytest.param({"app": PINNED}, TAGS, [f"{ECR}:{{{{ tag }}}}"], "v7", ["stands for its version, v7"], id="pinned by Fairway"),
        pytest.param({"app": PINNED}, {}, [PINNED], None, [f'write "image": "{ECR}:{{{{ tag }}}}"'], id="pinned by somebody else"),
        pytest.param({"app": PINNED}, {VERSION_TAG: "v7"}, [PINNED], None, ["no tag of the revision says"], id="a version without a digest"),
        pytest.param({"app": PINNED}, {**TAGS, DIGEST_TAG: "sha256:1"}, [PINNED], None, ["no tag of the revision says"], id="the digest of another image"),
        pytest.param({"app": PINNED}, {**TAGS, VERSION_TAG: "a b"}, [PINNED], None, ["no tag of the revision says"], id="a version that is no tag"),
        pytest.param({"app": PINNED, "proxy": OTHER}, TAGS, [f"{ECR}:{{{{ tag }}}}", OTHER], "v7", ["its version, v7", f'if it is released together with app, for releases by --tag write "image": "{ECR}-proxy:{{{{ tag }}}}"'], id="another one beside it"),
        pytest.param({"app": "shop"}, TAGS, ["shop"], None, ['has no tag: it stays as it is; for releases by --tag write "image": "shop:{{ tag }}"'], id="no tag, no digest"),
        pytest.param({"app": "shop:latest"}, TAGS, ["shop:latest"], None, ['write "image": "shop:{{ tag }}"'], id="a tag that moves"),
    ],
)  # fmt: skip
def test_an_image_by_its_digest(images, tags, expected, tag, notes):
    containers = [{"name": name, "image": image, "essential": name == "app"} for name, image in images.items()]
    made, found, said = with_tag({"containerDefinitions": containers}, None, tags)
    assert [item["image"] for item in made["containerDefinitions"]] == expected
    assert found == tag
    assert len(said) == len(notes)
    for note, text in zip(said, notes, strict=True):
        assert text in note


@pytest.mark.parametrize(
    ("image", "expected"),
    [("a/b", ("a/b", None)), ("h:5000/a:t@sha256:0", ("h:5000/a", "t")), ("h:5000/a", ("h:5000/a", None))],
)
def test_image_names(image, expected):
    assert split_image(image) == expected


# -- files ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["{{ tag }}", "ssm:/shop/x"])
def test_a_text_that_would_be_read_otherwise_is_refused(value):
    definition = a_definition(container={"environment": [{"name": "TEMPLATE", "value": value}]})
    with pytest.raises(UsageError, match="means otherwise"):
        adopted(definition=definition)


def test_the_files_of_a_project():
    item, _, _ = adopted(definition=a_definition(container={"command": ["sh", "-c", "echo ${HOSTNAME}"]}))
    where = Written("production", "us-east-1", "shop", "123456789012")
    files = project_files('the "shop"', where, [item], manage="task-definition")
    assert list(files) == [
        "fairway.toml",
        "deploy/api.task.json",
        "deploy/api.service.json",
        "deploy/environments/production.toml",
    ]
    head = tomllib.loads(files["fairway.toml"])
    assert head["project"] == {"name": 'the "shop"', "manage": "task-definition"}
    assert head["services"] == {"api": {"definition": "deploy/api.task.json", "service": "deploy/api.service.json"}}
    assert tomllib.loads(files["deploy/environments/production.toml"]) == {
        "account": "123456789012",
        "region": "us-east-1",
        "cluster": "shop",
        "variables": {"HOSTNAME": "${HOSTNAME}"},
    }
    assert json.loads(files["deploy/api.service.json"]) == item.service


@pytest.mark.parametrize("text", ['a"b', "a\\b", "a\nb", "a\x7fb", "é😀", "a\x00b"])
def test_texts_of_toml(text):
    assert tomllib.loads(f"x = {toml_text(text)}") == {"x": text}


def test_keys():
    assert key_of("shop.api v2") == "shop-api-v2"


# -- pruning -------------------------------------------------------------------------------------------------------------


def shape_of(operation):
    model = botocore.session.get_session().get_service_model("ecs")
    return model.operation_model(operation).input_shape


@pytest.mark.parametrize(
    ("operation", "row"),
    [
        *(pytest.param("RegisterTaskDefinition", row, id=f"task definition {row.path}") for row in TASK_DEFINITION),
        *(pytest.param("CreateService", row, id=f"service {row.path} {row.value}") for row in SERVICE),
    ],
)
def test_a_member_that_aws_asks_for_is_never_pruned_alone(operation, row: Default):
    """Where AWS's model calls a member required, its object is kept whole or left out."""
    shape, names = shape_of(operation), row.path.split(".")
    for number, name in enumerate(names):
        while shape.type_name == "list":
            shape = shape.member
        assert name in shape.members, f"{row.path}: AWS has no {name}"
        if number == len(names) - 1 and name in shape.required_members:
            assert set(names[:number]) & WHOLE, f"{row.path}: {name} is required"
        shape = shape.members[name]


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        pytest.param({"deploymentController": {"type": "ECS"}, "x": 1}, {"x": 1}, id="an object of defaults goes"),
        pytest.param({"serviceRegistries": [], "role": "", "y": None, "x": {}}, {}, id="what is empty goes"),
        pytest.param(
            {"deploymentConfiguration": {"alarms": {"alarmNames": ["a"], "enable": True, "rollback": False}}},
            {"deploymentConfiguration": {"alarms": {"alarmNames": ["a"], "enable": True, "rollback": False}}},
            id="kept whole",
        ),
        pytest.param({"unknown": {"new": True}}, {"unknown": {"new": True}}, id="a member that nobody knows yet stays"),
    ],
)
def test_pruning(document, expected):
    assert pruned(document, SERVICE) == expected
