from __future__ import annotations

import pytest

from fairway.load.answer import AnswerReader, BrokenAnswer

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "status", "keep_alive"),
    [
        pytest.param(OK + b"Content-Length: 3\r\n\r\nabc", 200, True, id="by length"),
        pytest.param(OK + b"Content-Length: 0\r\n\r\n", 200, True, id="no body"),
        pytest.param(b"HTTP/1.1 204 None\r\n\r\n", 204, True, id="a status without a body"),
        pytest.param(OK + b"connection: CLOSE\r\ncontent-length: 1\r\n\r\na", 200, False, id="the server will close"),
        pytest.param(b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", 200, False, id="HTTP/1.0"),
        pytest.param(CHUNKED + b"3\r\nabc\r\n0\r\n\r\n", 200, True, id="chunks"),
        pytest.param(CHUNKED + b"3;x=y\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\nA: b\r\n\r\n", 200, True, id="all of chunks"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 1\r\n\r\na", 200, True, id="an interim answer"),
        pytest.param(b"HTTP/1.1 502 Bad\r\nContent-Length: 2\r\n\r\nno", 502, True, id="another status"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_an_answer_is_whole_with_its_last_byte(data, status, keep_alive, piece):
    reader = AnswerReader()
    pieces = [data[start : start + piece] for start in range(0, len(data), piece)]
    assert [reader.feed(part) for part in pieces] == [False] * (len(pieces) - 1) + [True]
    assert (reader.status, reader.keep_alive) == (status, keep_alive)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"nonsense\r\n", id="no HTTP"),
        pytest.param(b"HTTP/1.1 abc\r\n\r\n", id="no status"),
        pytest.param(OK + b"Content-Length: 1\r\n\r\nab", id="more than was promised"),
        pytest.param(CHUNKED + b"xyz\r\n", id="a chunk without a size"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 20_000, id="a head without an end"),
    ],
)
def test_what_is_no_answer_is_told(data):
    with pytest.raises(BrokenAnswer):
        AnswerReader().feed(data)


@pytest.mark.parametrize(
    ("data", "whole"),
    [
        pytest.param(OK + b"\r\nuntil the end", True, id="no length: the end is the end"),
        pytest.param(OK + b"Content-Length: 5\r\n\r\nabc", False, id="cut off"),
        pytest.param(CHUNKED + b"3\r\nabc\r\n", False, id="cut off between chunks"),
        pytest.param(OK, False, id="cut off in the head"),
    ],
)
def test_the_end_of_the_connection(data, whole):
    reader = AnswerReader()
    assert not reader.feed(data)
    assert reader.end() is whole
