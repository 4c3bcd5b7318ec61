"""The API's process: `python -m taskmanager.main`.

It stops without failing a request. At SIGTERM `/ready` answers 503 and each answer closes its connection, but it goes on
serving, since a balancer may hear of the stop later than the process does: until no request has come for QUIET_SECONDS, and
for DRAIN_SECONDS at most. Then it refuses new connections, ends the running requests, and closes its pools.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from typing import TYPE_CHECKING, Final

import structlog
import uvicorn
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from taskmanager.activity.router import router as activity
from taskmanager.apitokens.router import router as apitokens
from taskmanager.comments.router import router as comments
from taskmanager.db import Database
from taskmanager.deps import Services
from taskmanager.edge import Edge, Lifetime
from taskmanager.exports.links import Links
from taskmanager.exports.router import router as exports
from taskmanager.faults import begin
from taskmanager.jobqueue import Queue
from taskmanager.labels.router import router as labels
from taskmanager.logs import configure_logs
from taskmanager.members.router import router as members
from taskmanager.metrics import RequestMetrics
from taskmanager.notifications.router import router as notifications
from taskmanager.problem_answers import DESCRIBED, install_problem_handlers
from taskmanager.projects.router import router as projects
from taskmanager.ratelimits.limiter import RateLimiter
from taskmanager.ratelimits.policy import policy_of
from taskmanager.reminders.router import router as reminders
from taskmanager.sessions.router import router as sessions
from taskmanager.settings import EXIT_CONFIGURATION, ConfigurationError, Settings, load_settings
from taskmanager.tasks.router import lists
from taskmanager.tasks.router import router as tasks
from taskmanager.users.passwords import PasswordBox
from taskmanager.users.router import router as users
from taskmanager.users.tokens import Tokens
from taskmanager.web.browser import Browser
from taskmanager.web.router import router as web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import FrameType

SERVICE: Final = "taskmanager-api"
DRAIN_SECONDS: Final = 5.0
"""The longest drain, unless the variable says otherwise. With the time below it stays under the 30 s after which ECS kills."""
QUIET_SECONDS: Final = 2.0
"""Twice the second by which a balancer may be late: who has sent nothing for so long knows of the stop."""
GRACEFUL_SECONDS: Final = 15
KEEP_ALIVE_SECONDS: Final = 75
"""Longer than the 60 s after which a load balancer drops an idle connection: the one who sends must be the one who closes."""
_READY_SECONDS: Final = 2.0

ROUTERS: Final = (
    lists,  # first, since routes are tried one after the other
    users,
    sessions,
    apitokens,
    projects,
    members,
    labels,
    tasks,
    comments,
    activity,
    reminders,
    notifications,
    exports,
    web,
)
log = structlog.stdlib.get_logger(__name__)


def create_api() -> FastAPI:
    """The routes, and how they are described; whose services they use is told by `state`."""
    # the interactive pages of documentation load scripts from elsewhere: only the description is served
    api = FastAPI(
        title="Task Management System",
        version="1",
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
        responses=DESCRIBED,
    )
    install_problem_handlers(api)
    for router in ROUTERS:
        api.include_router(router)
    return api


@contextlib.asynccontextmanager
async def _lifespan(api: FastAPI) -> AsyncIterator[None]:
    services: Services = api.state.services
    yield
    await services.queue.close()
    await services.limiter.close()
    await services.database.close()


def create_app(settings: Settings, lifetime: Lifetime | None = None, *, api: FastAPI | None = None) -> Edge:
    """The application of the API; `api` is one that was made before, and serves nobody any more.

    Raises:
        ConfigurationError: the database's URL is wrong, or its driver is missing.
    """
    assert settings.database_url is not None
    assert settings.jwt_secret_key is not None
    database, key = Database(settings.database_url.get_secret_value()), settings.jwt_secret_key.get_secret_value()
    redis_url = settings.redis_url.get_secret_value() if settings.redis_url else None
    api = api or create_api()
    api.state.services = Services(
        database,
        Tokens(key),
        PasswordBox(),
        Queue(settings, database),
        Links(key),
        RateLimiter(redis_url),
        policy_of(settings),
        trusted_proxies=settings.proxies,
    )
    api.state.version = settings.app_version
    api.state.browser = Browser(key, is_secure=settings.secure_cookies)
    return Edge(
        api,
        service=SERVICE,
        version=settings.app_version,
        faults=settings.faults,
        metrics=RequestMetrics(settings.app_version),
        lifetime=lifetime or Lifetime(),
        is_ready=lambda: why_not_ready(database),
    )


async def why_not_ready(database: Database) -> str | None:
    """Why requests cannot be answered now; None when they can."""
    try:
        async with asyncio.timeout(_READY_SECONDS), database.read() as connection:
            # a table of ours, not only a connection: without the migrations nothing can be answered
            await connection.execute(text("SELECT version_num FROM alembic_version LIMIT 1"))
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        return f"database: {type(getattr(error, 'orig', None) or error).__name__}"
    return None


def drained_at(began: float, asked_at: float | None, drain_seconds: float) -> float:
    """When a drain ends, as far as one can tell now. Pure; seconds of one clock.

    began=100, at most 5 s: never asked -> 102     last asked at 101 -> 103     at 104 -> 105     at most 1 s -> 101
    """
    return began + min(drain_seconds, (began if asked_at is None else max(asked_at, began)) - began + QUIET_SECONDS)


class DrainingServer(uvicorn.Server):
    """uvicorn, which goes on serving for a while when it is told to stop."""

    def __init__(self, config: uvicorn.Config, lifetime: Lifetime, *, drain_seconds: float, ignore_stop: bool) -> None:
        super().__init__(config)
        self._lifetime, self._drain_seconds, self._ignore_stop = lifetime, drain_seconds, ignore_stop
        self._drains_since: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        # the base class notes the signal to raise it again at the end; a drained process ends with exit code 0
        if sig == signal.SIGTERM and self._ignore_stop:
            log.warning("SIGTERM is ignored: ignore_sigterm (TASKMANAGER_FAULTS)")
        elif sig == signal.SIGTERM and not self._lifetime.draining:
            self._lifetime.draining = True
        elif sig != signal.SIGTERM:
            self.force_exit, self.should_exit = self.should_exit, True

    async def on_tick(self, counter: int) -> bool:
        """Ask, each tenth of a second, whether to stop; the drain is counted here, out of the signal handler."""
        if self._lifetime.draining:
            now = time.monotonic()
            if self._drains_since is None:
                self._drains_since = now
                log.info("draining", at_most_seconds=self._drain_seconds)
            ends_at = drained_at(self._drains_since, self._lifetime.asked_at, self._drain_seconds)
            self.should_exit = self.should_exit or now >= ends_at
        return await super().on_tick(counter)


def serve(settings: Settings) -> int:
    """Serve until told to stop; the exit code."""
    lifetime = Lifetime()
    app = create_app(settings, lifetime)
    begin(settings.faults)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=2048,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
    )
    drain_seconds = DRAIN_SECONDS if settings.drain_seconds is None else settings.drain_seconds
    server = DrainingServer(config, lifetime, drain_seconds=drain_seconds, ignore_stop=settings.faults.ignore_sigterm)
    server.run()
    log.info("stopped")
    return 0 if server.started else 1


def main() -> int:
    try:
        settings = load_settings("database_url", "jwt_secret_key")
        configure_logs(settings.log_level, SERVICE, settings.app_version)
        return serve(settings)
    except ConfigurationError as error:
        print(f"{SERVICE}: {error}", file=sys.stderr)  # noqa: T201
        return EXIT_CONFIGURATION


if __name__ == "__main__":
    sys.exit(main())
