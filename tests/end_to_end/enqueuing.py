"""Jobs asked for through the load balancer, by clients that ask again until they are sure: each request wants one effect."""

from __future__ import annotations

import http.client
import itertools
import json
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from fairway.clock import monotonic, sleep

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.end_to_end.stack import Stack

CLIENTS = 4
_AGAIN_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Failed:
    """A request that was not answered as it should be."""

    number: int
    at: float
    why: str

    @property
    def is_under_way(self) -> bool:
        """The one who answered before was killed: until its claim of the key ends, nobody knows whether it had done it."""
        return "idempotency-key-under-way" in self.why


class Enqueuing:
    """Tasks that are given to somebody else, who is told by the worker: one job, one notification with the task's title."""

    def __init__(
        self, stack: Stack, number: int, rate: float, project: str, assignee: str, token: Callable[[], str]
    ) -> None:
        self.failed: list[Failed] = []
        self.done = 0
        self._address = urlsplit(stack.address)
        self._path = f"/projects/{project}/tasks"
        self._assignee, self._token, self._number, self._rate = assignee, token, number, rate
        self._turns = iter(range(number))
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(CLIENTS)]

    @staticmethod
    def title(number: int) -> str:
        return f"task {number}"

    def __enter__(self) -> Self:
        self._began = monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._turns = itertools.islice((), 0)
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()

    def wait_for(self, part: float, seconds: float = 600.0) -> None:
        """Until this part of all is enqueued."""
        deadline = monotonic() + seconds
        while self.done < part * self._number:
            assert monotonic() < deadline, (
                f"{self.done} of {self._number} are enqueued; the last failures: {self.failed[-3:]}"
            )
            sleep(0.05)

    def _run(self) -> None:
        connection: http.client.HTTPConnection | None = None
        while True:
            with self._lock:
                number = next(self._turns, None)
            if number is None:
                break
            # open loop: what is late is not waited for once more
            sleep(max(0.0, self._began + number / self._rate - monotonic()))
            while True:
                connection = connection or http.client.HTTPConnection(
                    str(self._address.hostname), self._address.port, timeout=30
                )
                why = self._ask(connection, number)
                if why is None:
                    break
                self.failed.append(Failed(number, monotonic(), why))
                connection.close()
                connection = None
                sleep(_AGAIN_SECONDS)
            with self._lock:
                self.done += 1
        if connection is not None:
            connection.close()

    def _ask(self, connection: http.client.HTTPConnection, number: int) -> str | None:
        """None: the task is made, now or by an earlier try whose answer was lost."""
        headers = {
            "Content-Type": "application/json",
            "Authorization": f"Bearer {self._token()}",
            "Idempotency-Key": f"enqueued-{number}",
        }
        body = json.dumps({"title": self.title(number), "assignee_id": self._assignee})
        try:
            connection.request("POST", self._path, body, headers)
            answer = connection.getresponse()
            said = answer.read()
        except (OSError, http.client.HTTPException) as error:
            return f"{type(error).__name__}: {error}"
        return None if answer.status == http.client.CREATED else f"{answer.status}: {said[:200]!r}"
