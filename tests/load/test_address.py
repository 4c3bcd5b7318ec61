from __future__ import annotations

import pytest

from fairway.errors import UsageError
from fairway.load.address import Address, read_address


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://127.0.0.1:8080", Address(8080)),
        ("127.0.0.1:8080/health?a=b", Address(8080, "/health?a=b")),
    ],
)
def test_an_address_of_this_machine(text, expected):
    assert read_address(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("http://example.com", "somebody else's system", id="another machine"),
        pytest.param("http://127.0.0.1.example.com:80", "somebody else's system", id="a name that looks like it"),
        pytest.param("http://127.0.0.1@example.com:80", "somebody else's system", id="a user that looks like it"),
        pytest.param("http://localhost:8080", "127.0.0.1 alone", id="a name that may be anything"),
        pytest.param("https://127.0.0.1:8443", "only http", id="https"),
        pytest.param("http://127.0.0.1", "port", id="no port"),
        pytest.param("http://127.0.0.1:99999", "port", id="no such port"),
    ],
)
def test_another_address_is_refused_with_the_reason(text, reason):
    with pytest.raises(UsageError, match=reason) as refusal:
        read_address(text)
    assert refusal.value.hint
