"""What the process is told by its environment variables, checked once at start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from taskmanager.faults import Faults, parse_faults

if TYPE_CHECKING:
    from collections.abc import Mapping

EXIT_CONFIGURATION: Final = 78
"""Exit code of a process that refuses its configuration (EX_CONFIG of sysexits.h)."""
_PURPOSE: Final = {
    "environment": "local, development, test, staging or production",
    "database_url": "sqlite:///PATH or mysql://USER:PASSWORD@HOST/NAME",
    "jwt_secret_key": "the key that signs the tokens, at least 32 characters",
    "celery_broker_url": "redis://HOST:PORT/N, the queue of the worker",
}


class ConfigurationError(Exception):
    """The environment variables do not make a configuration; the text is one line and holds no value of a secret."""


class Settings(BaseSettings):
    """The variables of the deployment; each is read under its own name in capitals."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True)

    # a misspelt environment must not take the guard off the fault switches: only these are known
    environment: Literal["local", "development", "test", "staging", "production"]
    host: str = "127.0.0.1"
    """Where the API listens; the image of a container says 0.0.0.0, since all addresses there are its own."""
    port: int = Field(8000, ge=1, le=65535)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    database_url: SecretStr | None = None
    redis_url: SecretStr | None = None
    jwt_secret_key: SecretStr | None = Field(None, min_length=32)
    celery_broker_url: SecretStr | None = None
    celery_worker_concurrency: int = Field(4, ge=1, le=256)
    celery_worker_max_tasks_per_child: int = Field(1000, ge=1)
    celery_worker_pool: Literal["prefork", "solo"] = "prefork"
    metrics_port: int | None = Field(None, ge=1, le=65535)
    """Where a worker answers Prometheus, at HOST; not at all without it. The API has `/metrics`."""
    cloudwatch_metrics: bool | None = None
    """Whether workers publish to CloudWatch; unless it says so, where AWS's own variables name a region or an address."""
    aws_region: str | None = None
    aws_default_region: str | None = None
    aws_endpoint_url: str | None = None
    app_version: str = Field("unversioned", max_length=128)
    drain_seconds: float | None = Field(None, ge=0, le=100)
    """From the stop signal until connections are refused (API), or running jobs are put back (worker); each has its default."""
    taskmanager_faults: str = ""
    trusted_proxies: int | None = Field(None, ge=0, le=10)
    """Balancers of our own in front of the API: as many of the last addresses of X-Forwarded-For are believed."""
    rate_limit_user: int | None = Field(None, ge=0)
    """Requests of a user in a minute; 0: as many as they like. These four have defaults by the environment."""
    rate_limit_address: int | None = Field(None, ge=0)
    """Registrations, sign-ins and refreshes from an address in a minute."""
    rate_limit_account: int | None = Field(None, ge=0)
    """Failed sign-ins to an account from an address in a quarter of an hour; from all together, twenty times as many."""

    limit_unfinished_exports: int | None = Field(None, ge=1)
    """Exports of a user that no worker has written yet."""

    @property
    def _is_public(self) -> bool:
        return self.environment in {"staging", "production"}

    @property
    def secure_cookies(self) -> bool:
        """Browsers send them over HTTPS alone; a laptop has none."""
        return self._is_public

    @property
    def proxies(self) -> int:
        """Where the public reaches us, one balancer is in front."""
        return int(self._is_public) if self.trusted_proxies is None else self.trusted_proxies

    @property
    def user_limit(self) -> int:
        return self._limit(self.rate_limit_user, 600)

    @property
    def address_limit(self) -> int:
        return self._limit(self.rate_limit_address, 60)

    @property
    def account_limit(self) -> int:
        return self._limit(self.rate_limit_account, 10)

    @property
    def export_limit(self) -> int:
        return self._limit(self.limit_unfinished_exports, 5)

    def _limit(self, wanted: int | None, usual: int) -> int:
        if wanted is not None:
            return wanted
        # elsewhere all clients have one address, and tests ask as fast as they can
        return usual if self._is_public else 1000 * usual

    @property
    def faults(self) -> Faults:
        return parse_faults(self.taskmanager_faults)

    @property
    def publishes_to_cloudwatch(self) -> bool:
        if self.cloudwatch_metrics is not None:
            return self.cloudwatch_metrics
        return any((self.aws_region, self.aws_default_region, self.aws_endpoint_url))

    @property
    def broker_url(self) -> SecretStr | None:
        """The queue's address: its own variable, else the cache's server."""
        return self.celery_broker_url or self.redis_url


def load_settings(*needed: str, values: Mapping[str, object] | None = None) -> Settings:
    """The settings of this process; `needed` are the optional fields that its role cannot do without.

    Raises:
        ConfigurationError: says in one line each variable that is missing or wrong, and what it should be.
    """
    try:
        settings = Settings(**(values or {}))  # type: ignore[arg-type]  # pydantic checks them
    except ValidationError as error:
        raise ConfigurationError("; ".join(_explain(item["loc"], item["msg"]) for item in error.errors())) from None
    missing = [name for name in needed if _is_missing(settings, name)]
    if missing:
        raise ConfigurationError("; ".join(_explain((name,), "Field required") for name in missing))
    try:
        faults = settings.faults
    except ValueError as error:
        raise ConfigurationError(f"TASKMANAGER_FAULTS: {error}") from None
    if faults.any and settings.environment == "production":
        raise ConfigurationError(
            "TASKMANAGER_FAULTS is set and ENVIRONMENT is production: faults are never made in production; unset it"
        )
    return settings


def _is_missing(settings: Settings, name: str) -> bool:
    value = settings.broker_url if name == "celery_broker_url" else getattr(settings, name)
    return value is None


def _explain(location: tuple[int | str, ...], message: str) -> str:
    field = str(location[0])
    purpose = _PURPOSE.get(field)
    text = "is missing" if message == "Field required" else f"is wrong: {message}"
    return f"{field.upper()} {text}" + (f" ({purpose})" if purpose else "")
