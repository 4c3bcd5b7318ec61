from __future__ import annotations

import pytest

from taskmanager.db import database_url
from taskmanager.settings import ConfigurationError, Settings, load_settings

GOOD = {"ENVIRONMENT": "local", "DATABASE_URL": "sqlite:///x.db", "JWT_SECRET_KEY": "k" * 32}


@pytest.fixture
def variables(monkeypatch):
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)

    def set_all(changes):
        for name, value in (GOOD | changes).items():
            if value is not None:
                monkeypatch.setenv(name, value)

    return set_all


def test_the_document_s_variables_are_read(variables):
    variables(
        {
            "PORT": "8000",
            "LOG_LEVEL": "INFO",
            "CELERY_WORKER_CONCURRENCY": "4",
            "CELERY_WORKER_MAX_TASKS_PER_CHILD": "9",
        }
    )
    settings = load_settings("database_url", "jwt_secret_key")
    assert (settings.port, settings.log_level) == (8000, "INFO")
    assert (settings.celery_worker_concurrency, settings.celery_worker_max_tasks_per_child) == (4, 9)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"DATABASE_URL": None}, "DATABASE_URL is missing (sqlite:///PATH or mysql://USER:PASSWORD@HOST/NAME)", id="missing"),
        pytest.param({"DATABASE_URL": ""}, "DATABASE_URL is missing (", id="an empty one is missing too"),
        pytest.param({"ENVIRONMENT": None}, "ENVIRONMENT is missing (local, development, ", id="no environment"),
        pytest.param({"ENVIRONMENT": "prodution"}, "ENVIRONMENT is wrong: Input should be 'local', ", id="a misspelt environment takes no guard off"),
        pytest.param({"PORT": "http"}, "PORT is wrong: ", id="no number"),
        pytest.param({"PORT": "70000"}, "PORT is wrong: ", id="out of range"),
        pytest.param({"JWT_SECRET_KEY": "short"}, "JWT_SECRET_KEY is wrong: ", id="a short key"),
        pytest.param({"TASKMANAGER_FAULTS": "crash"}, "TASKMANAGER_FAULTS: unknown fault 'crash'", id="an unknown fault"),
        pytest.param({"TASKMANAGER_FAULTS": "latency_ms=1", "ENVIRONMENT": "production"}, "TASKMANAGER_FAULTS is set and ENVIRONMENT is production", id="faults in production"),
    ],
)  # fmt: skip
def test_a_wrong_configuration_is_one_line(variables, changes, message):
    variables(changes)
    with pytest.raises(ConfigurationError) as caught:
        load_settings("database_url", "jwt_secret_key")
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
    assert "short" not in str(caught.value).removeprefix(message), "a message never holds a value"


def test_all_that_is_missing_is_named_at_once(variables):
    variables({"DATABASE_URL": None, "JWT_SECRET_KEY": None})
    with pytest.raises(ConfigurationError, match=r"DATABASE_URL is missing .*; JWT_SECRET_KEY is missing"):
        load_settings("database_url", "jwt_secret_key")


def test_without_a_broker_of_its_own_the_cache_s_server_is_used(variables):
    variables({"REDIS_URL": "redis://cache:6379/0"})
    url = load_settings("celery_broker_url").broker_url
    assert url is not None
    assert url.get_secret_value() == "redis://cache:6379/0"


def test_settings_show_no_secret(variables):
    variables({"DATABASE_URL": "mysql://root:hunter22@db/x"})
    assert "hunter22" not in repr(load_settings())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("hunter22", "DATABASE_URL is no URL", id="no URL"),
        pytest.param("postgresql://u:hunter22@h/d", "DATABASE_URL: postgresql is not supported", id="another database"),
    ],
)
def test_a_wrong_database_url_is_named_without_its_password(text, message):
    with pytest.raises(ConfigurationError) as caught:
        database_url(text)
    assert str(caught.value).startswith(message)
    assert "hunter22" not in str(caught.value)


def test_a_missing_driver_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ConfigurationError, match="the driver asyncmy is not installed"):
        database_url("mysql://u:p@h/d")


def test_a_bare_url_gets_the_asynchronous_driver(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: True)
    assert database_url("mysql://u:p@h/d").drivername == "mysql+asyncmy"
    assert database_url("mysql+pymysql://u:p@h/d").drivername == "mysql+asyncmy"
    assert database_url("sqlite:////x/y.db").render_as_string() == "sqlite+aiosqlite:////x/y.db"
