"""Makes .venv from requirements.lock; run by ./fairway and ./test with whatever Python 3.11+ there is, so it uses the standard library alone.

Everything comes from the package index that pip is set up for, each file checked against a hash of ours. Nothing is built and
no interpreter is downloaded. A lock keeps two calls from doing it side by side; an interrupted call is begun anew.
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

INDEX_SETTINGS = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "cert": "SSL_CERT_FILE",
    "trusted-host": "UV_INSECURE_HOST",
}
"""pip's setting -> the variable by which uv takes the same."""


def main(root: Path) -> int:
    """Make it, unless somebody else just did."""
    lock = root / ".venv.lock"
    with lock.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another call that makes the environment")
            fcntl.flock(held, fcntl.LOCK_EX)
        stamp = root / ".venv" / "fairway-stamp"
        sources = [root / "requirements.lock", root / "pyproject.toml", root / "scripts" / "make_environment.py"]
        if stamp.exists() and all(source.stat().st_mtime <= stamp.stat().st_mtime for source in sources):
            return 0
        try:
            make(root, root / ".venv")
        except subprocess.CalledProcessError as error:
            print(f"error: {' '.join(map(str, error.cmd[:6]))} … ended with {error.returncode}", file=sys.stderr)
            print("  → see what it says above: most often the package index cannot be reached", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            shutil.rmtree(root / ".venv", ignore_errors=True)
            return 130
        stamp.touch()
    return 0


def make(root: Path, target: Path) -> None:
    """The environment: a venv, uv in it, and with uv all that is locked."""
    say(
        "making .venv: about 120 packages (260 MB) from your package index; they go into this folder and into uv's cache"
    )
    need_venv()
    # every file is checked against our hashes, so that it does not matter which of several indexes it comes from
    environment = os.environ | {
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    python = target / "bin" / "python"
    if not (target / "bin" / "uv").exists():
        shutil.rmtree(target, ignore_errors=True)
        venv.create(target, with_pip=True, symlinks=True)
        pinned = root / "scripts" / "uv-requirements.txt"
        pip: list[str | Path] = [
            python,
            "-m",
            "pip",
            "--quiet",
            "install",
            "--no-deps",
            "--require-hashes",
            "-r",
            pinned,
        ]
        subprocess.run(pip, check=True, env=environment)
    for setting, variable in INDEX_SETTINGS.items():
        value = pip_setting(python, setting)
        if value and variable not in environment:
            environment[variable] = value
    uv: list[str | Path] = [target / "bin" / "uv", "pip"]
    locked = root / "requirements.lock"
    subprocess.run(
        [
            *uv,
            "sync",
            "--quiet",
            "--python",
            python,
            "--require-hashes",
            locked,
            root / "scripts" / "uv-requirements.txt",
        ],
        check=True,
        env=environment,
    )
    packages = next((target / "lib").glob("python*/site-packages"))
    (packages / "fairway-checkout.pth").write_text(f"{root / 'src'}\n")


def need_venv() -> None:
    """Make sure that this Python can make environments; as root on Debian, install what that lacks."""
    if importlib.util.find_spec("ensurepip") is not None:
        return
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    if os.geteuid() == 0 and shutil.which("apt-get"):
        say(f"this Python has no ensurepip: apt-get install {package}")
        subprocess.run(["apt-get", "update", "-qq"], check=True)  # noqa: S607 - the system's own
        subprocess.run(["apt-get", "install", "-y", "-qq", package], check=True)  # noqa: S607
        return
    print("error: this Python cannot make virtual environments (it has no ensurepip)", file=sys.stderr)
    print(f"  → sudo apt-get install {package}, or your system's own way; then call this again", file=sys.stderr)
    sys.exit(2)


def pip_setting(python: Path, name: str) -> str:
    """What pip is set up with, by variable or by file; uv reads neither."""
    from_variable = os.environ.get("PIP_" + name.upper().replace("-", "_"))
    if from_variable:
        return from_variable
    asked = subprocess.run(
        [python, "-m", "pip", "config", "get", f"global.{name}"], check=False, capture_output=True, text=True
    )
    return asked.stdout.strip() if asked.returncode == 0 else ""


def say(line: str) -> None:
    """Progress goes to standard error: standard output belongs to the verb."""
    print(f"· {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
