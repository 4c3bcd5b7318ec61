"""Celery's way to Redis, which outlives entries of the queue that are no messages.

Celery's own ends the worker at such an entry, after it was taken out of the queue. Here it goes into a list of its own, from
which the upkeep parks it: the database may be away just now, and the queue is not to wait for it.
"""

from __future__ import annotations

import logging
from queue import Empty
from typing import Any, Final

from kombu.transport import redis
from kombu.utils.encoding import bytes_to_str
from kombu.utils.json import loads

UNREADABLE: Final = "taskmanager-unreadable"
"""The list, in the broker."""

log = logging.getLogger(__name__)


class PatientChannel(redis.Channel):
    """Celery's channel; it loses nothing that it cannot read."""

    def _brpop_read(self, **options: Any) -> bool:
        """As kombu's, but for what it does with the entry."""
        try:
            try:
                found = self.client.parse_response(self.client.connection, "BRPOP", **options)
            except self.connection_errors:
                self.client.connection.disconnect()
                raise
            if not found:
                raise Empty
            source, entry = found
            queue = bytes_to_str(source).rsplit(self.sep, 1)[0]
            self._queue_cycle.rotate(queue)
            message = self._message_in(entry)
            if message is not None:
                self.connection._deliver(message, queue)  # noqa: SLF001
            return True
        finally:
            self._in_poll = None  # type: ignore[assignment]  # kombu's own value of a poll that is over
            self._flush_brpop_reauth()  # type: ignore[no-untyped-call]

    def _message_in(self, entry: bytes) -> dict[str, Any] | None:
        try:
            message: dict[str, Any] = loads(bytes_to_str(entry))
            self.Message(message, channel=self)  # type: ignore[no-untyped-call]
            dict(message["properties"]["delivery_info"])
        except Exception as error:  # noqa: BLE001  # whatever is wrong with it
            log.error("an entry of the queue is no message: it is parked: %s", type(error).__name__)  # noqa: TRY400
            with self.conn_or_acquire() as client:
                client.lpush(UNREADABLE, entry)
            return None
        return message


class PatientTransport(redis.Transport):
    """Celery's transport, with that channel."""

    Channel = PatientChannel
