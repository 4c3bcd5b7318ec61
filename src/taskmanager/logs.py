"""Logs: one JSON object a line on standard output, from this program and from its libraries alike."""

from __future__ import annotations

import logging
import sys
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

import orjson
import structlog

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor, WrappedLogger

request_id: Final[ContextVar[str | None]] = ContextVar("request_id", default=None)
"""The request that is being answered; every line written meanwhile carries it."""


def configure_logs(level: str, service: str, version: str) -> None:
    """Send all loggers of the process to standard output as JSON."""

    def describe(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["service"], event["version"] = service, version
        current = request_id.get()
        if current is not None:
            event.setdefault("request_id", current)
        return event

    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        describe,
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(serializer=_serialise),
        ],
    )
    handler = logging.StreamHandler(_STDOUT)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # each line of these would only say what ours says already, or what is of no use at INFO
    for name in ("uvicorn.access", "alembic.runtime.plugins", "aiosqlite", "kombu", "amqp"):
        logging.getLogger(name).setLevel("WARNING")


class _Stdout:
    """Standard output as it is at the moment of writing: a test's capture comes and goes."""

    def write(self, text: str) -> int:
        return sys.stdout.write(text)

    def flush(self) -> None:
        sys.stdout.flush()


_STDOUT: Final = _Stdout()


def _serialise(event: Any, **_: Any) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
