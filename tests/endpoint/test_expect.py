from __future__ import annotations

import pytest

from fairway.endpoint.expect import Unknown, difference, fill, value_at


@pytest.mark.parametrize(
    ("expected", "found", "where"),
    [
        pytest.param({"a": 1}, {"a": 1, "b": 2}, None, id="an answer may have more members"),
        pytest.param({"a": {"b": [1, {"c": "x"}]}}, {"a": {"b": [1, {"c": "x", "d": 0}]}}, None, id="deep inside too"),
        pytest.param({"a": {"b": [1, {"c": "x"}]}}, {"a": {"b": [1, {"c": "y"}]}}, "a.b.1.c", id="the member is named"),
        pytest.param({"a": [1]}, {"a": [1, 2]}, "a", id="a list has as many items"),
        pytest.param({"a": None}, {}, "a", id="null is not the same as nothing"),
        pytest.param({"a": None}, {"a": None}, None, id="null is null"),
        pytest.param({"a": 1}, {"a": True}, "a", id="true is not one"),
        pytest.param({"a": 1}, {"a": 1.0}, None, id="numbers are equal as numbers"),
        pytest.param({"a": "1"}, {"a": 1}, "a", id="text is no number"),
        pytest.param([], {}, "the answer", id="another kind"),
        pytest.param("ok", "ok", None, id="a single value"),
        pytest.param({}, {"any": 1}, None, id="nothing is asked for"),
    ],
)
def test_difference(expected, found, where):
    assert difference(expected, found) == where


def test_value_at():
    document = {"results": [{"id": 7}], "token": "t"}
    assert value_at(document, "results.0.id") == 7
    assert value_at(document, "token") == "t"
    for missing in ("results.1.id", "results.x", "token.0", "none"):
        with pytest.raises(KeyError):
            value_at(document, missing)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        pytest.param("{{ id }}", 7, id="a value alone keeps its kind"),
        pytest.param("/tasks/{{ id }}", "/tasks/7", id="within a text it is text"),
        pytest.param(
            {"a": ["Bearer {{token}}", 3]}, {"a": ["Bearer ${KEY}", 3]}, id="what a value holds is not looked into"
        ),
        pytest.param("${KEY}/{{ id }}", "s3cret/7", id="variables"),
    ],
)
def test_fill(document, expected):
    assert fill(document, {"id": 7, "token": "${KEY}"}, {"KEY": "s3cret"}) == expected


def test_a_value_stays_within_its_part_of_a_path():
    assert fill("/tasks/{{ id }}", {"id": "../users?x#y"}, {}, in_path=True) == "/tasks/..%2Fusers%3Fx%23y"


@pytest.mark.parametrize("document", ["{{ other }}", "a {{ other }}", "${OTHER}", "${EMPTY}", "{{ none }}"])
def test_a_name_without_a_value_is_said(document):
    with pytest.raises(Unknown) as caught:
        fill(document, {"none": None}, {"EMPTY": ""})
    assert any(name in caught.value.text for name in ("other", "OTHER", "EMPTY", "none"))
