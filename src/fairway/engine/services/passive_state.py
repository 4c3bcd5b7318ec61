"""Keeps moto's back ends in files, so that they outlive the engine: one file for each service."""

from __future__ import annotations

import io
import logging
import pickle
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger(__name__)

_SECRET_FILE: Final = 0o600
_PRIVATE: Final = 0o700


class BackEndFiles:
    """A folder with a pickle for each service that was changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _path(self, service: str) -> Path:
        return self._folder / f"{service}.pickle"

    def save(self, service: str, backends: Any) -> None:
        """Write all accounts and regions of a service; the file is whole at every moment."""
        state = {account: dict(backends[account]) for account in backends}
        self._folder.mkdir(mode=_PRIVATE, exist_ok=True)
        temporary = self._path(service).with_suffix(".new")
        temporary.touch(mode=_SECRET_FILE)
        temporary.write_bytes(_dump(state))
        temporary.replace(self._path(service))

    def restore(self, service: str, backends: Any) -> None:
        """Put what was saved into moto's back ends; a file that cannot be read is left out, and the log says so."""
        path = self._path(service)
        if not path.exists():
            return
        try:
            state = pickle.loads(path.read_bytes())  # noqa: S301 - our own file, in our own private directory
        except Exception as error:  # noqa: BLE001 - a pickle of another version of moto may fail in any way
            log.warning("the state of %s cannot be read and is left out: %s", service, error)
            return
        for account, regions in state.items():
            for region, backend in regions.items():
                dict.__setitem__(backends[account], region, backend)

    def delete(self) -> None:
        """Delete every file."""
        for path in self._folder.glob("*.pickle"):
            path.unlink(missing_ok=True)


def _load_private_key(data: bytes) -> Any:
    from cryptography.hazmat.primitives.serialization import load_der_private_key  # noqa: PLC0415 - only for KMS

    return load_der_private_key(data, password=None)


class _Pickler(pickle.Pickler):
    """Knows private keys, which moto's KMS holds and pickle does not know."""

    def reducer_override(self, obj: Any) -> Any:
        if not type(obj).__module__.startswith("cryptography."):
            return NotImplemented
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - only for KMS

        data = obj.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return _load_private_key, (data,)


def _dump(state: Any) -> bytes:
    buffer = io.BytesIO()
    _Pickler(buffer, protocol=pickle.HIGHEST_PROTOCOL).dump(state)
    return buffer.getvalue()
