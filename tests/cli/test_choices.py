from __future__ import annotations

import pytest

from fairway.cli.choices import read_duration, read_image, read_set
from fairway.errors import UsageError


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("90s", 90), ("1.5m", 90), ("2h", 7200), ("1d", 86400)])
def test_durations(text, seconds):
    assert read_duration(text, "--timeout") == seconds


@pytest.mark.parametrize("text", ["", "soon", "-1", "5w", "1 h"])
def test_what_is_no_duration(text):
    with pytest.raises(UsageError, match="no duration"):
        read_duration(text, "--timeout")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("shop:v2", ("", "shop:v2")),
        ("api=shop:v2", ("api", "shop:v2")),
        ("registry.example:5000/shop@sha256:0a", ("", "registry.example:5000/shop@sha256:0a")),
        ("registry.example/shop:a=b", ("", "registry.example/shop:a=b")),
    ],
)
def test_images(text, expected):
    assert read_image(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("api:A=1", ("api", None, "A", "1")),
        ("api/side:A=1", ("api", "side", "A", "1")),
        ("api:URL=http://a/b?c=d", ("api", None, "URL", "http://a/b?c=d")),
        ("api:EMPTY=", ("api", None, "EMPTY", "")),
    ],
)
def test_settings(text, expected):
    assert read_set(text) == expected


@pytest.mark.parametrize("text", ["api", "api:A", "A=1", ":A=1", "api/:A=1", "api:=1", "api:A B=1"])
def test_what_is_no_setting(text):
    with pytest.raises(UsageError, match="not SERVICE"):
        read_set(text)
