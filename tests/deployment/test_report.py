"""The report of a deployment: what it says, where it goes, and that nothing in it is markup."""

from __future__ import annotations

import json
import threading
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from tests.deployment.builders import a_definition, at

from fairway.deployment.follow import Followed
from fairway.deployment.one_off import OneOffResult
from fairway.deployment.outcome import Ending, Outcome
from fairway.deployment.pipeline import Result
from fairway.deployment.publish import post_summary, split_address, upload_report, write_report
from fairway.deployment.register import Origin
from fairway.deployment.report import make_report, render_html, summary
from fairway.deployment.services import ServicesResult
from fairway.deployment.steps import Step
from fairway.deployment.subject import Finding, Health
from fairway.errors import UsageError

ORIGIN = Origin("run-1", "arn:aws:iam::123456789012:user/anna", "v2", "3f2a", ci="https://ci.example/1")
WHERE = {"name": "production", "account": "123456789012", "region": "us-east-1", "cluster": "shop"}
MARKUP = "<script>alert('x')</script>"


def followed(ending, text, key="api"):
    return {key: Followed(key, "arn:deployment", a_definition(), outcome=Outcome(ending, text))}


def a_report(result, **options):
    fields = {"project": "shop", "environment": WHERE, "began": at(0), "ended": at(60), "seconds": 60.0} | options
    return make_report(result, ORIGIN, **fields)


def good(**fields):
    return Result(services=ServicesResult(followed=followed(Ending.SUCCEEDED, "it serves")), **fields)


def rolled_back():
    return Result(exit_code=4, services=ServicesResult(followed=followed(Ending.ROLLED_BACK, "ECS rolled back")))


@pytest.mark.parametrize(
    ("result", "words"),
    [
        pytest.param(good(), "shop v2 → shop (production): deployed (api) in 60 s", id="good"),
        pytest.param(
            good(pending=(Step.VERIFY, Step.MONITOR)),
            "deployed; verify and monitor are left (api)",
            id="left for later",
        ),
        pytest.param(rolled_back(), "failed, and rolled back (api) in 60 s. api: ECS rolled back", id="rolled back"),
        pytest.param(
            good(exit_code=6, watched={"api": Finding(Health.INCONCLUSIVE, "412 requests are missing")}),
            "api: 412 requests are missing",
            id="inconclusive",
        ),
        pytest.param(
            Result(
                exit_code=5, one_off=OneOffResult("migrations", None, a_definition(), succeeded=False, text="exit 1")
            ),
            "migrations: exit 1",
            id="a migration failed",
        ),
    ],
)
def test_one_sentence_says_how_it_ended(result, words):
    assert words in summary(a_report(result))


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.texts, self.links = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in {"src", "href"}]

    def handle_data(self, data):
        self.texts.append(data)


def test_the_page_needs_nothing_else_and_whatever_is_told_stays_text():
    timeline = [{"at": at(5).isoformat(), "kind": "task", "service": "api", "text": MARKUP, "problem": True}]
    cause = {"title": MARKUP, "facts": [MARKUP], "likely": MARKUP, "remedy": "", "log": [MARKUP, "second"]}
    result = rolled_back()
    result.watched = {"api": Finding(Health.UNHEALTHY, MARKUP, {"minutes": [{"requests": 5, "p95": 0.3}]})}
    page = render_html(a_report(result, timeline=timeline, diagnoses={"api": {"headline": MARKUP, "causes": [cause]}}))
    read = Tags()
    read.feed(page)
    assert "script" not in read.tags
    assert read.links == []
    assert read.texts.count(MARKUP) >= 5
    assert any("requests 5, p95 0.3" in text for text in read.texts)


def test_both_forms_are_written(tmp_path):
    report = a_report(good())
    page = write_report(report, tmp_path)
    assert page.read_text().startswith("<!doctype html>")
    assert json.loads((tmp_path / ".fairway" / "reports" / "run-1.json").read_text()) == report


@pytest.mark.parametrize(
    ("address", "parts"),
    [("s3://bucket", ("bucket", "")), ("s3://bucket/a/b/", ("bucket", "a/b/"))],
)
def test_a_place_in_s3(address, parts):
    assert split_address(address) == parts


@pytest.mark.parametrize("address", ["bucket", "https://bucket/a", "s3:///a"])
def test_no_place_in_s3(address):
    with pytest.raises(UsageError, match="no place in S3"):
        split_address(address)


# -- a chat, and a bucket ----------------------------------------------------------------------------------------------


@pytest.fixture
def server():
    """(port, what it is sent); it answers with the status that the path names."""
    kept = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            kept.append((self.command, self.path, body))
            self.send_response(int(self.path.rsplit("/", 1)[-1]) if self.path.startswith("/status/") else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_PUT(self):
            self.do_POST()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield made.server_port, kept
        made.shutdown()
        thread.join()


def test_a_chat_is_told_one_sentence(server):
    port, kept = server
    assert post_summary(a_report(rolled_back()), f"http://127.0.0.1:{port}/services/T0/B0/secret") is None
    [(_, path, body)] = kept
    assert path == "/services/T0/B0/secret"
    assert json.loads(body) == {"text": summary(a_report(rolled_back()))}


def test_a_chat_that_fails_is_named_without_its_address(server):
    port, _ = server
    assert post_summary(a_report(good()), f"http://127.0.0.1:{port}/status/500") == "it answered 500"
    refused = post_summary(a_report(good()), "http://127.0.0.1:1/services/T0/B0/secret")
    assert refused is not None
    assert "secret" not in refused


def test_both_forms_are_put_into_a_bucket(server):
    port, kept = server
    from fairway.aws.session import Aws  # noqa: PLC0415 - heavy
    from fairway.project.model import Environment  # noqa: PLC0415

    aws = Aws(Environment("local", "shop", "us-east-1", endpoint_url=f"http://127.0.0.1:{port}"))
    assert upload_report(aws, a_report(good()), "s3://bucket/fairway") is None
    assert [(method, path.partition("?")[0]) for method, path, _ in kept] == [
        ("PUT", "/bucket/fairway/run-1.json"),
        ("PUT", "/bucket/fairway/run-1.html"),
    ]
