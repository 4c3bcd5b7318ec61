"""ecspresso's templates and files, in a project's words."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairway.errors import UsageError
from fairway.planning.ecspresso import accounts_in, read_configuration
from fairway.planning.go_templates import convert_templates

JSON = Path("ecs-task-def.json")
YAML = Path("ecspresso.yml")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param('"{{ must_env `TAG` }}"', '"${TAG}"', id="a variable that has to be"),
        pytest.param('"app:{{must_env "TAG"}}"', '"app:${TAG}"', id="quoted, and no space"),
        pytest.param('"{{ must_env \\"TAG\\" }}"', '"${TAG}"', id="quoted within JSON"),
        pytest.param('"{{ env `LEVEL` `INFO` }}"', '"${LEVEL}"', id="a variable with a fall-back"),
        pytest.param('"{{- must_env `TAG` -}}"', '"${TAG}"', id="white space that is cut"),
        pytest.param('"{{ must_env `TAG` | json_escape }}"', '"${TAG}"', id="an escape is not needed"),
        pytest.param('"{{ json_escape (must_env `TAG`) }}"', '"${TAG}"', id="nor as a function"),
        pytest.param('"{{ ssm `/shop/group` }}"', '"ssm:/shop/group"', id="a parameter"),
        pytest.param('"{{ cfn_output `network` `Vpc` }}"', '"cfn:network/Vpc"', id="an output of a stack"),
        pytest.param('"x{{ ssm `/shop/group` }}"', '"x${SSM_SHOP_GROUP}"', id="a parameter within a text"),
        pytest.param('"{{ ssm `/shop/groups` 1 }}"', '"${SSM_SHOP_GROUPS_1}"', id="an item of a parameter"),
        pytest.param(
            '"{{ tfstate `aws_lb_target_group.main.arn` }}"',
            '"${TFSTATE_AWS_LB_TARGET_GROUP_MAIN_ARN}"',
            id="Terraform's",
        ),
        pytest.param('{"a": {{ env `COUNT` `2` }}}', '{"a": 2}', id="a number with a fall-back"),
    ],
)
def test_a_template(text, expected):
    assert convert_templates(text, JSON).text == expected


def test_what_a_template_leaves():
    text = '["{{ must_env `A` }}", "{{ env `B` `C` `x` }}", "{{ cfn_export `Role` }}", {{ env `N` `3` }}]'
    made = convert_templates(text, JSON)
    assert made.names == {"A", "B"}
    assert made.defaults == {"B": "x"}
    assert made.by_hand == {"CFN_EXPORT_ROLE": "cfn_export `Role`"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("{\n{{ if eq (env `X`) `1` }}\n}", "ecs-task-def.json:2: the template {{ if", id="a condition"),
        pytest.param('"{{ range $i }}"', "decides what the text is", id="a loop"),
        pytest.param('"{{ env (printf `A%s` `B`) }}"', "decides what the text is", id="a call within a call"),
        pytest.param(
            '{"a": {{ must_env `COUNT` }}}', ":1: {{ must_env `COUNT` }} stands outside of a string", id="a number"
        ),
        pytest.param('{"a": {{ env `COUNT` `many` }}}', "stands outside of a string", id="a fall-back that is no JSON"),
    ],
)
def test_a_template_that_decides_what_the_text_is_is_refused(text, message):
    with pytest.raises(UsageError) as refused:
        convert_templates(text, JSON)
    assert message in refused.value.message
    assert refused.value.hint


def test_in_yaml_a_template_need_not_be_in_a_string():
    assert convert_templates("service: {{ must_env `NAME` }}", YAML).text == "service: ${NAME}"


@pytest.mark.parametrize(
    ("document", "message"),
    [
        pytest.param([], "no configuration of ecspresso", id="a list"),
        pytest.param("text", "no configuration of ecspresso", id="a text"),
        pytest.param({"services": {}}, "task_definition is missing", id="something else's file"),
        pytest.param({"task_definition": "t.json"}, "service is missing", id="a task alone"),
        pytest.param({"task_definition": "t.json", "service": "${NAME}"}, "${NAME} is not set", id="a variable"),
    ],
)
def test_a_configuration_that_is_none(document, message):
    with pytest.raises(UsageError, match=r".") as refused:
        read_configuration(document, {}, YAML)
    assert message in refused.value.message


def test_a_configuration():
    document = {"task_definition": "t.json", "service": "${ENV}-api", "region": "eu-west-1", "plugins": [], "new": 1}
    found = read_configuration(document, {"ENV": "prod"}, YAML)
    assert (found.service, found.cluster, found.region) == ("prod-api", "default", "eu-west-1")
    assert found.notes[0].startswith("plugins: ")
    assert found.notes[1] == "new: it is not known here"


def test_accounts():
    role, image = "arn:aws:iam::123456789012:role/x", "210987654321.dkr.ecr.eu-west-1.amazonaws.com/a:b"
    assert accounts_in([{"a": [role, {"b": image}], "c": "123456789013"}]) == ["123456789012", "210987654321"]
