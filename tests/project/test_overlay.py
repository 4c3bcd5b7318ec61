"""What `${NAME}` becomes in a definition, by where it stands and who gives it a value."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fairway.errors import UsageError
from fairway.project.load import load_project
from fairway.project.overlay import OF_THE_CONTAINER, substitute

PROCESS = {"STAGE": "blue", "HOSTNAME": "runner-7", "AWS_REGION": "eu-west-1", "PATH": "/opt/ci"}


def filled(document, own=()):
    return substitute(document, {**PROCESS, **dict(own)}, (), own=dict(own))


@pytest.mark.parametrize(
    ("document", "own", "expected"),
    [
        pytest.param({"command": ["run", "${STAGE}"]}, {}, ["run", "blue"], id="a variable of the process"),
        pytest.param({"command": ["run", "$HOSTNAME"]}, {}, ["run", "$HOSTNAME"], id="without braces it is the shell's"),
        pytest.param({"command": ["run", "$${HOSTNAME}"]}, {}, ["run", "${HOSTNAME}"], id="the escape"),
        pytest.param({"command": ["$${A}-${STAGE}-$${B}"]}, {}, ["${A}-blue-${B}"], id="the escape beside a variable"),
        pytest.param({"command": ["$$${STAGE}"]}, {}, ["$${STAGE}"], id="a dollar before the escape stays"),
        pytest.param({"command": ["$$ ${STAGE}"]}, {}, ["$$ blue"], id="the shell's own process id"),
        pytest.param({"command": ["$${not a name}"]}, {}, ["$${not a name}"], id="no name, no escape"),
        pytest.param({"command": ["${HOSTNAME}"]}, {"HOSTNAME": "shop"}, ["shop"], id="the project's own value wins"),
        pytest.param({"command": ["${HOSTNAME}"]}, {"HOSTNAME": "${HOSTNAME}"}, ["${HOSTNAME}"], id="a value is not looked at again"),
        pytest.param({"options": ["${AWS_REGION}"]}, {}, ["eu-west-1"], id="outside of a command the process is asked"),
        pytest.param({"image": ["$${STAGE}"]}, {}, ["${STAGE}"], id="the escape outside of a command"),
    ],
)  # fmt: skip
def test_a_variable(document, own, expected):
    assert list(filled(document, own).values()) == [expected]


@pytest.mark.parametrize("name", sorted(OF_THE_CONTAINER))
@pytest.mark.parametrize(
    "document",
    [
        pytest.param(lambda text: {"command": ["sh", "-c", text]}, id="command"),
        pytest.param(lambda text: {"entryPoint": [text]}, id="entryPoint"),
        pytest.param(lambda text: {"healthCheck": {"command": ["CMD-SHELL", text]}}, id="health check"),
        pytest.param(lambda text: {"overrides": {"containerOverrides": [{"command": [text]}]}}, id="override"),
    ],
)
@pytest.mark.parametrize("process", [pytest.param(True, id="set"), pytest.param(False, id="not set")])
def test_what_the_container_has_is_not_put_in_from_here(name, document, process):
    variables = {name: "of this machine"} if process else {}
    with pytest.raises(UsageError, match="meant for the container's shell") as caught:
        substitute(document(f"echo x@${{{name}}}"), variables, (Path("api.task.json"),), own=())
    assert f"write ${name} (or $${{{name}}}" in (caught.value.hint or "")
    assert "export" not in (caught.value.hint or "")


def test_a_definition_of_a_project_is_named_with_its_line(tmp_path, monkeypatch):
    monkeypatch.setenv("HOSTNAME", "runner-7")
    (tmp_path / "deploy" / "environments").mkdir(parents=True)
    (tmp_path / "fairway.toml").write_text(
        '[project]\ndefault_environment = "local"\n[services.api]\ndefinition = "deploy/api.task.json"\n'
    )
    local = tmp_path / "deploy" / "environments" / "local.toml"
    local.write_text('region = "us-east-1"\ncluster = "c"\n')
    file = tmp_path / "deploy" / "api.task.json"
    container = {"name": "a", "image": "a:1", "healthCheck": {"command": ["CMD-SHELL", "ping w@${HOSTNAME}"]}}
    file.write_text(json.dumps({"family": "a", "containerDefinitions": [container]}, indent=1))
    with pytest.raises(UsageError, match=r"api.task.json:10: \$\{HOSTNAME\} in a command"):
        load_project(tmp_path)
    local.write_text(local.read_text() + '[variables]\nHOSTNAME = "shop"\n')
    (read,) = load_project(tmp_path).services["api"].definition["containerDefinitions"]
    assert read["healthCheck"]["command"] == ["CMD-SHELL", "ping w@shop"]
