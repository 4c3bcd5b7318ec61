"""What is hidden, and what is not."""

from __future__ import annotations

import json

import pytest

from fairway.masking import HIDDEN, is_secret_name, masked, masked_text


@pytest.mark.parametrize(
    "name",
    ["DB_PASSWORD", "PASSWORD", "db.passwd", "JWT_SECRET_KEY", "SECRET", "ClientSecret", "apiKey", "API_KEY", "STRIPE_KEY", "splunk-token", "GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "SENTRY_DSN", "PRIVATE_KEY", "REDIS_AUTH", "SLACK_WEBHOOK_URL", "HASH_SALT", "SESSION_COOKIE", "PIN", "DB_PWD", "credentials", "HTTP_SIGNATURE"],
)  # fmt: skip
def test_a_name_that_says_secret(name):
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    ["LOG_LEVEL", "PORT", "ENVIRONMENT", "MONKEY", "KEYBOARD", "TURKEY", "AUTHOR", "COMPASS", "BYPASS", "PINNED", "SPIN", "JWT_PUBLIC_KEY", "TOKEN_TTL", "PASSWORD_FILE", "SECRET_ARN", "TOKEN_TIMEOUT_SECONDS", "KEY_PREFIX", "SECRET_NAME", ""],
)  # fmt: skip
def test_a_name_that_does_not(name):
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("mysql://app:hunter2@db/shop", f"mysql://app:{HIDDEN}@db/shop", id="password of an address"),
        pytest.param("redis://:hunter2@cache:6379/0", f"redis://:{HIDDEN}@cache:6379/0", id="password without a user"),
        pytest.param("--password=hunter2 --verbose", f"--password={HIDDEN} --verbose", id="option of a command"),
        pytest.param("TOKEN=abc123 exec app", f"TOKEN={HIDDEN} exec app", id="variable of a command"),
        pytest.param('{"password": "hunter2", "level": 2}', f'{{"password": "{HIDDEN}", "level": 2}}', id="JSON in a text"),
        pytest.param("db://h/x?user=a&password=hunter2&ssl=1", f"db://h/x?user=a&password={HIDDEN}&ssl=1", id="query of an address"),
        pytest.param("Authorization: Bearer abcdef123456", f"Authorization: Bearer {HIDDEN}", id="bearer"),
        pytest.param("AKIAIOSFODNN7EXAMPLE", HIDDEN, id="access key"),
        pytest.param("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc_def", HIDDEN, id="JSON web token"),
        pytest.param("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", HIDDEN, id="key in PEM"),
        pytest.param("ghp_abcdefghijklmnop1234", HIDDEN, id="GitHub's token"),
        pytest.param("wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY9", HIDDEN, id="random letters and digits"),
        pytest.param("9f86d081884c7d659a2feaa0c55ad015", HIDDEN, id="long hexadecimal"),
    ],
)  # fmt: skip
def test_a_text_that_looks_like_a_secret(text, shown):
    assert masked_text(text) == shown


@pytest.mark.parametrize(
    "text",
    ["INFO", "production", "8000", "curl -f http://localhost:8000/health || exit 1", "http://api.internal:8080/v1", "123456789012.dkr.ecr.us-east-1.amazonaws.com/taskmanager-api:v1.2.3", f"shop/api@sha256:{'ab12' * 16}", "arn:aws:secretsmanager:us-east-1:123456789012:secret:shop/database-url-AbCdEf", "subnet-0fa1000000000000a", "CodeDeployDefault.ECSLinear10PercentEvery3Minutes", "/aws/ecs/taskmanager-api", "celery -A taskmanager.celery inspect"],
)  # fmt: skip
def test_an_ordinary_text_is_shown(text):
    assert masked_text(text) == text


def test_a_commit_may_be_shown():
    assert masked({"GIT_COMMIT": "a" * 20 + "b" * 20}) == {"GIT_COMMIT": "a" * 20 + "b" * 20}


def test_a_document_is_masked_all_the_way_down():
    document = {
        "environment": {"DB_PASSWORD": "hunter2", "LOG_LEVEL": "INFO"},
        "secrets": {"DB_PASSWORD": "/shop/db-password"},
        "logConfiguration": {"options": {"splunk-token": "hunter2"}},
        "command": ["app", "--password", "hunter2", "--level", "2"],
        "list": [{"name": "API_KEY", "value": "hunter2"}],
        "port": {"PIN": 1234},
    }
    shown = masked(document)
    assert "hunter2" not in json.dumps(shown)
    assert "1234" not in json.dumps(shown)
    assert shown["environment"]["LOG_LEVEL"] == "INFO"
    assert shown["secrets"] == document["secrets"], "what a secret is called is none"
    assert shown["command"][-2:] == ["--level", "2"]
