"""Texts, the lines of their members, and what is wrong with them."""

from __future__ import annotations

import pytest
from tests.lint.linting import lint_text, lint_texts

from fairway.lint.finding import Place
from fairway.lint.json_text import Malformed, read_json
from fairway.lint.markdown import read_blocks
from fairway.lint.reading import LARGEST, Reading, language_of
from fairway.lint.toml_text import read_toml
from fairway.lint.yaml_text import read_yaml

TASK = '{"family": "f", "containerDefinitions": [{"name": "a", "image": "a:1"}]}'


def lines(document):
    return {path: place.line for path, place in document.places.items()}


def test_members_of_json_have_lines():
    document, _ = read_json('{\n "a": [\n  1,\n  {"b": 2}\n ],\r\n\n "c":\n  "x"\n}', "f.json")
    assert document.value == {"a": [1, {"b": 2}], "c": "x"}
    assert lines(document) == {(): 1, ("a",): 2, ("a", 0): 3, ("a", 1): 4, ("a", 1, "b"): 4, ("c",): 7}


def test_members_of_yaml_have_lines():
    [first, second] = read_yaml("a:\n  - 1\n  - b: yes\non: x\n---\nz: |\n  text\n", "f.yaml")
    assert first.value == {"a": [1, {"b": True}], "on": "x"}
    assert lines(first) == {(): 1, ("a",): 1, ("a", 0): 2, ("a", 1): 3, ("a", 1, "b"): 3, ("on",): 4}
    assert second.value == {"z": "text\n"}
    assert second.value["z"].first_line == 7


TOML = """# first
a = 1
[b."c d"]   # a table
e.f = [
  "x", # one
  { g = '#"', h = [1, 2] },
]
text = \"\"\"
[no] table = 1
\"\"\"
[[k]]
l = 1979-05-27T07:32:00Z
[[k]]
[k.m]
n = true
[[k.o]]
p = -1.5e3
"""


@pytest.mark.parametrize("ends", ["\n", "\r\n"], ids=["unix", "windows"])
def test_members_of_toml_have_lines(ends):
    document = read_toml(TOML.replace("\n", ends), "f.toml")
    assert document.value["k"][1] == {"m": {"n": True}, "o": [{"p": -1500.0}]}
    table = ("b", "c d")
    expected = {
        ("a",): 2, table: 3, (*table, "e"): 4, (*table, "e", "f"): 4, (*table, "e", "f", 0): 5, (*table, "e", "f", 1): 6,
        (*table, "e", "f", 1, "g"): 6, (*table, "e", "f", 1, "h", 1): 6, (*table, "text"): 8, ("k", 0): 11, ("k", 0, "l"): 12,
        ("k", 1): 13, ("k", 1, "m", "n"): 15, ("k", 1, "o", 0, "p"): 17,
    }  # fmt: skip
    assert {path: lines(document)[path] for path in expected} == expected


@pytest.mark.parametrize(
    ("name", "text", "line", "message"),
    [
        pytest.param("a.json", '{"family":\n "f",\n}', 3, "Expecting property name", id="a comma too much"),
        pytest.param("a.json", "", 1, "Expecting value", id="nothing"),
        pytest.param("a.json", '{"a": 1} x', 1, "Extra data", id="something behind it"),
        pytest.param("a.json", '{"a": "\n"}', 1, "Invalid control character", id="a line end in a string"),
        pytest.param("a.json", "[" * 100_000, 1, "nested deeper", id="deep JSON"),
        pytest.param("a.json", '{"a": ' + "9" * 5000 + "}", 1, "4300 digits", id="a very large number"),
        pytest.param("a.yaml", "a: b\n c: d\n", 2, "mapping values are not allowed", id="YAML that is indented wrongly"),
        pytest.param("a.yaml", "a:\n\t- b\n", 2, "cannot start any token", id="a tab in YAML"),
        pytest.param("a.yaml", "[" * 5000, 1, "nested deeper", id="deep YAML"),
        pytest.param("a.yaml", "a: *b\n", 1, "undefined alias", id="an alias of nothing"),
        pytest.param("a.yaml", "a: \x01\n", 1, "not YAML", id="a control character"),
    ],
)  # fmt: skip
def test_what_is_malformed_has_a_place_and_a_remedy(name, text, line, message):
    [finding] = lint_text(text, name)
    assert finding.code == "unreadable"
    assert (finding.place, message in finding.message) == (Place(name, line), True), finding.message
    assert finding.remedy


def test_aliases_cannot_fill_the_memory():
    text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
    )
    [finding] = lint_text(text, "a.yaml")
    assert "more than 100000 members" in finding.message


def test_deep_toml_is_malformed():
    with pytest.raises(Malformed, match="nested too deeply"):
        read_toml("a = " + "[" * 5000, "f.toml")


def test_bytes_that_are_no_text():
    reading = Reading()
    reading.add(b'{"a":\n "\xff"}', "a.json")
    reading.add(b"x" * (LARGEST + 1), "b.json")
    found = [(finding.place, finding.message) for finding in reading.findings]
    assert found[0] == (Place("a.json", 2), "not UTF-8: invalid start byte")
    assert found[1][0] == Place("b.json", 1)
    assert "larger than what is read" in found[1][1]


def test_a_byte_order_mark_is_told_and_read_over():
    assert {finding.code for finding in lint_text("\ufeff" + TASK, "a.json")} >= {"byte-order-mark", "logs-missing"}


def test_a_file_in_a_folder_may_be_anything():
    reading = Reading()
    reading.add(b'{"compilerOptions": {}, // comment\n}', "tsconfig.json", is_named=False)
    reading.add(b'{"name": "web"}', "package.json", is_named=False)
    reading.add(b'{"containerDefinitions": [}', "task.json", is_named=False)
    assert [(name, why.partition(":")[0]) for name, why in reading.skipped] == [
        ("tsconfig.json:1", "not JSON"),
        ("package.json", "nothing of ECS is recognised in it"),
    ]
    assert [finding.place.path for finding in reading.findings] == ["task.json"]


@pytest.mark.parametrize(
    "text",
    [
        '{"AWSTemplateFormatVersion": "2010-09-09", "Resources": {}}',
        '{"Resources": {"Task": {"Type": "AWS::ECS::TaskDefinition"}}}',
    ],
)
def test_cloudformation_is_said_to_be_out_of_scope(text):
    [finding] = lint_text(text, "stack.json")
    assert finding.code == "not-recognised"
    assert "CloudFormation" in finding.message


def test_blocks_of_markdown_have_their_lines():
    text = "# T\n\n~~~~yaml\na: 1\n~~~\n~~~~\n\n  ```sh title=x\n  ls\n  ```\n\n```\nplain\n```\n```json\n{\n"
    blocks, prose = read_blocks(text)
    assert [(block.language, block.first_line, block.text) for block in blocks] == [
        ("yaml", 4, "a: 1\n~~~"),
        ("shell", 9, "ls"),
    ]
    assert "plain" in prose
    assert "ls" not in prose
    assert prose.count("\n") == text.count("\n")


@pytest.mark.parametrize("ends", ["\n", "\r\n"], ids=["unix", "windows"])
def test_a_block_is_linted_with_the_lines_of_its_file(ends):
    text = ends.join(["# T", "", "```json", "{", ' "family": "f",', ' "containerDefinitions": [', '  {"name": "a", "image": "a"}', " ]", "}", "```"])  # fmt: skip
    assert ("moving-tag", 7) in {(finding.code, finding.place.line) for finding in lint_text(text, "t.md")}


def test_a_block_that_is_no_document_is_skipped_with_its_line():
    reading = Reading()
    reading.add(b"```json\n{...}\n```\n\n```json\n{}\n```\n", "t.md")
    assert [name for name, _ in reading.skipped] == ["t.md:2", "t.md:6"]
    assert reading.findings == []


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (TASK, "json"),
        ("#!/usr/bin/env python3\nprint()", "python"),
        ("#!/bin/sh\nls", "shell"),
        ("import boto3\n", "python"),
        ("aws ecs list-services\n", "shell"),
        ("version: 0.0\nResources:\n", "yaml"),
        ("# T\n\n```json\n{}\n```\n", "markdown"),
        ("nothing that is known", "unknown"),
    ],
)
def test_standard_input_is_known_by_its_content(text, language):
    assert language_of("<stdin>", text) == language


def test_documents_of_several_files_are_looked_at_together():
    service = '{"serviceName": "s", "taskDefinition": "f:3", "desiredCount": 1, "loadBalancers": [{"containerName": "b", "containerPort": 1}]}'
    assert "balancer-target" in {finding.code for finding in lint_texts({"a.json": TASK, "b.json": service})}
    assert "balancer-target" not in {finding.code for finding in lint_texts({"b.json": service})}


def test_two_task_definitions_of_one_family_are_nobodys():
    service = '{"serviceName": "s", "taskDefinition": "f:3", "desiredCount": 1, "loadBalancers": [{"containerName": "b", "containerPort": 1}]}'
    files = {"a.json": TASK, "c.json": TASK, "b.json": service}
    assert "balancer-target" not in {finding.code for finding in lint_texts(files)}
