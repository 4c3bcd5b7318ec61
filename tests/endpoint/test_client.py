"""One request against a real server that misbehaves."""

from __future__ import annotations

import socket

import pytest
from tests.endpoint.server import cut, drip, hang, huge, make_certificate, no_http, says, serving

from fairway.clock import monotonic
from fairway.endpoint import client
from fairway.endpoint.client import LARGEST_BODY, NoAnswer, Question, Unreachable, ask

pytestmark = pytest.mark.slow


def question(server, path="/", scheme="http", host="127.0.0.1", **fields):
    return Question(f"{scheme}://{host}:{server.port}", path, **fields)


@pytest.fixture
def fresh_trust(monkeypatch):
    client._tls.cache_clear()
    yield monkeypatch
    client._tls.cache_clear()


def test_an_answer_and_what_was_sent():
    with serving(other=says({"ok": True}, status=201)) as server:
        url = f"http://127.0.0.1:{server.port}/base"
        answer = ask(Question(url, "/tasks?a=b", "POST", (("X-Key", "k"),), b"{}"))
        assert (answer.status, answer.body, answer.is_cut) == (201, b'{"ok": true}', False)
        method, path, headers, body = server.asked[0]
        assert (method, path, body) == ("POST", "/base/tasks?a=b", b"{}")
        assert headers["X-Key"] == "k"
        assert headers["Host"] == f"127.0.0.1:{server.port}"
        assert headers["Connection"] == "close"


def test_each_request_has_a_connection_of_its_own():
    with serving(other=says({})) as server:
        for _ in range(3):
            ask(question(server))
        assert server.connections == 3


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        pytest.param(hang, "no whole answer within 0.3 s", id="hangs"),
        pytest.param(drip, "no whole answer within 0.3 s", id="drips for ever"),
        pytest.param(cut, "the answer was cut off", id="promises more than it sends"),
        pytest.param(no_http, "what came is no HTTP answer", id="speaks something else"),
    ],
)
def test_no_answer(answer, why):
    with serving(other=answer) as server:
        began = monotonic()
        with pytest.raises(NoAnswer, match=f"^{why}$"):
            ask(question(server), timeout=0.3)
        assert monotonic() - began < 5


def test_a_huge_answer_is_not_read_to_its_end():
    with serving(other=huge) as server:
        answer = ask(question(server))
        assert answer.is_cut
        assert len(answer.body) == LARGEST_BODY


@pytest.mark.parametrize(
    ("location", "named"),
    [
        ("https://evil.example.com/?token=abc", "https://evil.example.com"),
        ("/login", "http://127.0.0.1"),
        ("http://[", "somewhere that is no address"),
    ],
)
def test_a_redirect_is_not_followed_and_names_its_host_alone(location, named):
    with serving(other=says({}, status=302, Location=location)) as server:
        answer = ask(question(server))
        assert (answer.status, answer.redirected_to) == (302, named)
        assert len(server.asked) == 1


def test_nobody_listens():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        with pytest.raises(Unreachable, match=rf"127.0.0.1:{port} refuses connections"):
            ask(Question(f"http://127.0.0.1:{port}", "/"))


def test_a_name_that_nobody_knows():
    with pytest.raises(Unreachable, match=r"no-such-host.invalid:443 (is not known here|cannot be reached)"):
        ask(Question("https://no-such-host.invalid", "/"), timeout=3)


def test_a_header_that_would_begin_another_line_is_not_sent_and_not_told():
    with serving(other=says({})) as server:
        with pytest.raises(NoAnswer) as caught:
            ask(question(server, headers=(("X-Key", "planted\r\nX-Other: 1"),)))
        assert "planted" not in str(caught.value)
        assert server.asked == []


def test_a_certificate_that_nobody_vouches_for(tmp_path, fresh_trust):
    with serving(certificate=make_certificate(tmp_path, "127.0.0.1"), other=says({})) as server:
        with pytest.raises(NoAnswer, match=r"the certificate of 127.0.0.1 is not valid: self.signed"):
            ask(question(server, scheme="https"))
        assert server.asked == []


def test_a_certificate_of_another_host(tmp_path, fresh_trust):
    certificate = make_certificate(tmp_path, "shop.example.com")
    fresh_trust.setenv("SSL_CERT_FILE", str(certificate[0]))
    with serving(certificate=certificate, other=says({})) as server:
        with pytest.raises(NoAnswer, match=r"not valid: (IP address mismatch|Hostname mismatch)"):
            ask(question(server, scheme="https"))
        assert server.asked == []


def test_a_certificate_that_is_trusted(tmp_path, fresh_trust):
    certificate = make_certificate(tmp_path, "127.0.0.1")
    fresh_trust.setenv("SSL_CERT_FILE", str(certificate[0]))
    with serving(certificate=certificate, other=says({"ok": True})) as server:
        assert ask(question(server, scheme="https")).status == 200


def test_plain_http_behind_https_is_a_failure_and_not_unreachable():
    with serving(other=says({})) as server, pytest.raises(NoAnswer, match=r"no TLS connection to 127.0.0.1"):
        ask(question(server, scheme="https"), timeout=2)


def test_no_proxy_stands_between_us_and_this_machine(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with serving(other=says({})) as server:
        assert ask(question(server)).status == 200
        assert ask(question(server, host="localhost")).status == 200


def test_a_proxy_is_used_for_other_hosts(monkeypatch):
    with serving(other=says({"by": "proxy"})) as proxy:
        monkeypatch.setenv("http_proxy", f"http://user:pass@127.0.0.1:{proxy.port}")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        answer = ask(Question("http://shop.example.com", "/health"))
        assert answer.body == b'{"by": "proxy"}'
        _, path, headers, _ = proxy.asked[0]
        assert (path, headers["Host"]) == ("http://shop.example.com/health", "shop.example.com")
