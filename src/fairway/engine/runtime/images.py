"""The images that this machine has: folders named by the digest of their manifest.

images/HEX/manifest.json     what ECR has of it, byte for byte; its SHA-256 is the image's digest
images/HEX/config.json       command, user, environment, stop signal
images/HEX/app/              the application, readable by all
images/HEX/environment       -> ../../environments/KEY, the virtual environment, which several images share
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from fairway.engine.runtime.places import enterable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_DIGEST: Final = re.compile(r"sha256:([0-9a-f]{64})")
DEFAULT_STOP_SIGNAL: Final = "SIGTERM"


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """How the image wants to be run, unless a task definition says otherwise."""

    entry_point: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    user: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_signal: str | None = None
    python: str = ""
    """The version of Python that its environment is made with."""

    def document(self) -> dict[str, Any]:
        """As in an OCI image configuration."""
        return {
            "architecture": os.uname().machine,
            "os": os.uname().sysname.lower(),
            "config": {
                "Entrypoint": list(self.entry_point),
                "Cmd": list(self.command),
                "User": self.user or "",
                "Env": [f"{name}={value}" for name, value in sorted(self.environment.items())],
                "StopSignal": self.stop_signal or "",
                "Labels": {"fairway.python": self.python},
            },
        }

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> ImageConfig:
        inner = document["config"]
        return cls(
            entry_point=tuple(inner["Entrypoint"]),
            command=tuple(inner["Cmd"]),
            user=inner["User"] or None,
            environment=dict(item.split("=", 1) for item in inner["Env"]),
            stop_signal=inner["StopSignal"] or None,
            python=inner["Labels"]["fairway.python"],
        )


@dataclass(frozen=True, slots=True)
class Image:
    """An image of this machine."""

    digest: str
    folder: Path
    config: ImageConfig

    @property
    def app(self) -> Path:
        return self.folder / "app"

    @property
    def environment(self) -> Path:
        """Its virtual environment."""
        return (self.folder / "environment").resolve()


class ImageStore:
    """The images below a folder. What is named by its content is never changed, only added or removed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @cached_property
    def root(self) -> Path:
        """Where they really are: as root, in a place that every user can enter."""
        return enterable(self._folder)

    @property
    def images(self) -> Path:
        return self._made("images")

    @property
    def environments(self) -> Path:
        return self._made("environments")

    def find(self, digest: str | None) -> Image | None:
        """The image with a digest, if it is here whole."""
        match = _DIGEST.fullmatch(digest or "")
        if match is None:
            return None
        folder = self.images / match[1]
        try:
            config = ImageConfig.read(json.loads((folder / "config.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError):
            return None
        image = Image(match[0], folder, config)
        return image if (image.environment / "bin" / "python").exists() else None

    def manifest(self, image: Image) -> str:
        """The manifest, as ECR is to have it."""
        return (image.folder / "manifest.json").read_bytes().decode("utf-8")

    def _made(self, name: str) -> Path:
        folder = self.root / name
        if not folder.is_dir():
            folder.mkdir(exist_ok=True)
            folder.chmod(0o755)
        return folder


def digest_of(data: bytes) -> str:
    return "sha256:" + sha256(data).hexdigest()
