"""Hands the rest to moto, in process: IAM, KMS, the network part of EC2, SNS, EventBridge.

Each is imported at its first use: all together they take as much memory as the engine itself. The state of IAM and EC2
is kept across restarts by pickling their back ends; the others' state cannot be kept, so that they are emptied by a restart.
"""

from __future__ import annotations

import asyncio
import logging
import pickle
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fairway.engine.store.store import Store

log = logging.getLogger(__name__)

KEPT: Final = ("iam", "ec2")
_SECRET_FILE: Final = 0o600


class Passive:
    """moto's back ends behind one function."""

    def __init__(self, store: Store, root: Path) -> None:
        self._store = store
        self._file = root / "passive.pickle"
        self._used: set[str] = set()
        self._application: Any = None
        self._lock = asyncio.Lock()

    async def handle(
        self, service: str, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Answer a request of one of moto's services."""
        async with self._lock:
            return await asyncio.to_thread(self._answer, service, method, url, headers, body)

    async def save(self) -> None:
        """Keep what can be kept, if anything was used."""
        if self._used & set(KEPT):
            async with self._lock:
                await asyncio.to_thread(self._save)

    async def reset(self) -> None:
        """Forget everything."""
        self._file.unlink(missing_ok=True)
        if self._used:
            async with self._lock:
                await asyncio.to_thread(self._forget)

    # -- in a thread -------------------------------------------------------------------------------------------------

    def _answer(
        self, service: str, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        from werkzeug.test import Client, EnvironBuilder  # noqa: PLC0415 - only when it is used
        from werkzeug.wrappers import Response  # noqa: PLC0415

        if self._application is None:
            self._application = self._load()
        self._used.add(service)
        parts = urlsplit(url)
        passed = {k: v for k, v in headers.items() if k not in {"content-length", "host", "transfer-encoding"}}
        builder = EnvironBuilder(
            path=parts.path,
            query_string=parts.query,
            method=method,
            headers=passed,
            data=body,
            base_url="http://localhost",
        )
        answer = Client(self._application, Response).open(builder)
        if service in KEPT and answer.status_code < 500:  # noqa: PLR2004 - HTTP
            self._save()
        return answer.status_code, dict(answer.headers), answer.get_data()

    def _load(self) -> Any:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app  # noqa: PLC0415

        if self._file.exists():
            self._restore()
        return DomainDispatcherApplication(create_backend_app)

    def _backends(self, service: str) -> Any:
        from moto.backends import get_backend  # noqa: PLC0415

        return get_backend(service)

    def _save(self) -> None:
        state = {}
        for service in KEPT:
            if service in self._used:
                backends = self._backends(service)
                state[service] = {account: dict(backends[account]) for account in backends}
        temporary = self._file.with_suffix(".new")
        temporary.touch(mode=_SECRET_FILE)
        temporary.write_bytes(pickle.dumps(state))
        temporary.replace(self._file)

    def _restore(self) -> None:
        try:
            state = pickle.loads(self._file.read_bytes())  # noqa: S301 - our own file, in our own private directory
        except (pickle.UnpicklingError, AttributeError, EOFError, ImportError) as error:
            log.warning("the state of IAM and EC2 cannot be read and is left out: %s", error)
            return
        for service, accounts in state.items():
            self._used.add(service)
            backends = self._backends(service)
            for account, regions in accounts.items():
                for region, backend in regions.items():
                    dict.__setitem__(backends[account], region, backend)

    def _forget(self) -> None:
        for service in self._used:
            backends = self._backends(service)
            for account in list(backends):
                for backend in backends[account].values():
                    backend.reset()
        self._used.clear()
