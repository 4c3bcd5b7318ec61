"""The worker's process: `python -m taskmanager.worker`.

It is named `celery@$HOSTNAME`, as the health command expects. At SIGTERM it takes no more jobs and ends as soon as the
running ones are done; those that are not done after DRAIN_SECONDS go back to the queue.
"""

from __future__ import annotations

import os
import signal
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from celery import signals
from celery.exceptions import Reject
from celery.worker import state

from taskmanager import heartbeat
from taskmanager.broker import create_celery
from taskmanager.consumer import Heartbeat
from taskmanager.faults import begin
from taskmanager.logs import configure_logs
from taskmanager.settings import EXIT_CONFIGURATION, ConfigurationError, Settings, load_settings
from taskmanager.stopping import cancel_running
from taskmanager.upkeep import Upkeep

if TYPE_CHECKING:
    from types import FrameType

SERVICE: Final = "taskmanager-worker"
DRAIN_SECONDS: Final = 18.0
"""Unless the variable says otherwise. ECS kills after 30 s; putting jobs back takes up to ten."""


def main() -> int:
    try:
        settings = load_settings("database_url", "celery_broker_url")
        app = create_celery(settings)
    except ConfigurationError as error:
        print(f"{SERVICE}: {error}", file=sys.stderr)  # noqa: T201
        return EXIT_CONFIGURATION
    configure_logs(settings.log_level, SERVICE, settings.app_version)
    begin(settings.faults)
    app.steps["consumer"].add(Heartbeat)
    upkeep = Upkeep(settings)
    _connect_signals(settings, upkeep)
    app.set_default()
    # nobody needs gossip, mingling and heartbeats: the workers of one queue have nothing to tell each other, and mingling
    # costs a second at start
    quietly = ("--without-gossip", "--without-mingle", "--without-heartbeat")
    node = f"celery@{heartbeat.hostname()}"
    app.worker_main(["--quiet", "worker", "-n", node, "--loglevel", settings.log_level, *quietly])
    return 0


def _connect_signals(settings: Settings, upkeep: Upkeep) -> None:
    drain_seconds = DRAIN_SECONDS if settings.drain_seconds is None else settings.drain_seconds

    def keep_logs(**_: Any) -> None:
        """Celery sets up no logs when somebody listens to this."""

    def on_ready(**_: Any) -> None:
        # a connection that was lost makes the worker ready once more
        if not upkeep.is_alive():
            upkeep.start()
        signal.signal(signal.SIGALRM, partial(_put_back, pool=settings.celery_worker_pool))
        if settings.faults.unhealthy_after is not None:
            heartbeat.end_after(settings.faults.unhealthy_after)
        if settings.faults.ignore_sigterm:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)

    def on_shutting_down(how: str = "", **_: Any) -> None:
        if how == "Warm":
            signal.setitimer(signal.ITIMER_REAL, max(drain_seconds, 0.001))

    signals.setup_logging.connect(keep_logs, weak=False)
    signals.worker_ready.connect(on_ready, weak=False)
    signals.worker_shutting_down.connect(on_shutting_down, weak=False)
    signals.worker_shutdown.connect(lambda **_: upkeep.stop(), weak=False)


def _put_back(_signal: int, _frame: FrameType | None, pool: str) -> None:
    """The deadline: what is not acknowledged goes back to the queue.

    A pool of processes is ended by Celery's cold shutdown. Without one, the job runs in this very thread, below this call:
    an exception ends it, or the cancellation of its coroutine.

    Raises:
        Reject: through the running job.
    """
    if pool == "solo" and state.active_requests:
        if cancel_running():
            return
        raise Reject("the worker stops", requeue=True)
    os.kill(os.getpid(), signal.SIGQUIT)


if __name__ == "__main__":
    sys.exit(main())
