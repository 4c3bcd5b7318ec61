"""AWS throttles, and AWS is far away: a deployment ends as it would have.

A proxy stands between the tool and an engine. It answers one call in three as AWS does when it throttles, or holds each
answer back for half a second; the engine knows nothing of it.
"""

from __future__ import annotations

import contextlib
import http.client
import http.server
import json
import threading
import time

import pytest
from tests.ports import free_port

pytestmark = pytest.mark.slow
THROTTLED = json.dumps({"__type": "ThrottlingException", "message": "Rate exceeded"}).encode()
HOP_BY_HOP = {"transfer-encoding", "connection", "content-length"}


class Proxy(http.server.ThreadingHTTPServer):
    """Forwards to an engine; what it does to calls is set by its attributes."""

    daemon_threads = True

    def __init__(self, port, engine_port, *, throttle_each=0, delay_seconds=0.0):
        super().__init__(("127.0.0.1", port), Forward)
        self.engine_port = engine_port
        self.throttle_each = throttle_each
        self.delay_seconds = delay_seconds
        self.lock = threading.Lock()
        self.calls: list[str] = []
        self.throttled = 0

    def counts(self, target):
        """Whether this call is to be throttled."""
        with self.lock:
            self.calls.append(target)
            if self.throttle_each and len(self.calls) % self.throttle_each == 0:
                self.throttled += 1
                return True
            return False


class Forward(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Proxy

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        target = self.headers.get("X-Amz-Target", "").rsplit(".", 1)[-1]
        if self.server.counts(target) and target:
            self._answer(400, [("Content-Type", "application/x-amz-json-1.1"), ("x-fairway-engine", "1")], THROTTLED)
            return
        if self.server.delay_seconds:
            time.sleep(self.server.delay_seconds)
        upstream = http.client.HTTPConnection("127.0.0.1", self.server.engine_port, timeout=30)
        with contextlib.closing(upstream):
            headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
            headers["Host"] = f"127.0.0.1:{self.server.engine_port}"
            upstream.request("POST", self.path, body, headers)
            answer = upstream.getresponse()
            content = answer.read()
            kept = [(name, value) for name, value in answer.getheaders() if name.lower() not in HOP_BY_HOP]
        self._answer(answer.status, kept, content)

    def _answer(self, status, headers, content):
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextlib.contextmanager
def a_proxy(engine, **options):
    proxy = Proxy(free_port(), engine.port, **options)
    thread = threading.Thread(target=proxy.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        proxy.server_close()
        thread.join()


def through(project, engine, proxy):
    """The project speaks to the engine through the proxy."""
    path = project.root / "deploy" / "environments" / "local.toml"
    path.write_text(path.read_text().replace(engine.endpoint, f"http://127.0.0.1:{proxy.server_address[1]}"))


@pytest.mark.timeout(240)
def test_one_call_in_three_is_throttled(project, fairway, engine, ecs):
    with a_proxy(engine, throttle_each=3) as proxy:
        through(project, engine, proxy)
        code, out, err = fairway("deploy", "api", "--tag", "v1")
        assert code == 0, out + err
        project.label("api", exit_after="0", exit_code="1")
        code, out, err = fairway("deploy", "api", "--tag", "v2")
        assert code == 4, out + err
        assert "likely cause: the program ended with exit code 1" in out
    assert proxy.throttled > 10
    updates = proxy.calls.count("UpdateService")
    assert updates <= 2, "a throttled update is sent again, and only once"
    records = ecs.list_service_deployments(cluster=project.cluster, service="api")["serviceDeployments"]
    assert [record["status"] for record in records] == ["ROLLBACK_SUCCESSFUL", "SUCCESSFUL"]


@pytest.mark.timeout(240)
def test_half_a_second_away(project, fairway, engine, ecs):
    with a_proxy(engine, delay_seconds=0.5) as proxy:
        through(project, engine, proxy)
        code, out, err = fairway("deploy", "worker", "--tag", "v1")
        assert code == 0, out + err
        code, out, err = fairway("status", "worker")
        assert code == 0, out + err
    assert proxy.calls.count("CreateService") == 1
