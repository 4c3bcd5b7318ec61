from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import zipfile
from typing import TYPE_CHECKING

import pytest
from tests.engine.runtime.test_process import APP
from tests.engine.runtime.worlds import a_world, folder  # noqa: F401 - a fixture

from fairway.engine.model.facts import ContainerExited
from fairway.engine.runtime.build import build_image
from fairway.engine.runtime.image_definition import read_definition
from fairway.engine.runtime.images import ImageStore
from fairway.engine.runtime.installer import Installer, InstallFailed, pip_settings
from fairway.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DEFINITION = """\
requirements = "requirements.lock"
sources = ["../src/product"]
entry_point = ["python", "-m"]
command = ["product.main"]
user = "1000:1000"
environment = { APP_VERSION = "{{ tag }}" }
stop_signal = "SIGINT"
"""
MAIN = "import os, greeting; print(greeting.TEXT, os.environ['APP_VERSION'], __file__)"


def write_wheel(place: Path, text: str = "hello") -> str:
    """A wheel with one module, `greeting`; the line of a lock file that asks for it."""
    place.mkdir(exist_ok=True)
    path = place / "greeting-1.0-py3-none-any.whl"
    files = {
        "greeting.py": f"TEXT = {text!r}\n",
        "greeting-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n",
        "greeting-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "greeting-1.0.dist-info/RECORD"
    lines = []
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(content.encode()).digest()).rstrip(b"=").decode()
            lines.append(f"{name},sha256={digest},{len(content)}\n")
            archive.writestr(zipfile.ZipInfo(name), content)
        archive.writestr(zipfile.ZipInfo(record), "".join(lines) + f"{record},,\n")
    return f"greeting==1.0 --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


@pytest.fixture
def project(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:  # noqa: F811
    root = folder / "project"
    (root / "docker").mkdir(parents=True)
    (root / "src" / "product" / "__pycache__").mkdir(parents=True)
    (root / "src" / "product" / "main.py").write_text(MAIN)
    (root / "src" / "product" / "__pycache__" / "main.pyc").write_text("stale")
    (root / "docker" / "api.image.toml").write_text(DEFINITION)
    (root / "docker" / "requirements.lock").write_text(write_wheel(folder / "wheels"))
    monkeypatch.setenv("UV_FIND_LINKS", str(folder / "wheels"))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(folder / "cache"))
    return root


@pytest.fixture
def build(folder: Path, project: Path) -> Callable[..., object]:  # noqa: F811
    store = ImageStore(folder / "images")
    return lambda tag="v1", **options: build_image(store, project / "docker" / "api.image.toml", tag, **options)


def git(root: Path, *words: str) -> None:
    author = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *author, *words], cwd=root, check=True, capture_output=True)


# -- building ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_a_built_image_runs_as_its_user_with_its_own_environment(folder, build):  # noqa: F811
    built = build("v7")
    async with a_world(folder) as world:
        world.image = built.image
        world.runtime.start(world.spec(APP, "", command=None))
        exited = await world.fact(ContainerExited, APP)
        assert world.lines() == [f"hello v7 {built.image.app / 'product' / 'main.py'}"]
        assert exited.exit_code == 0
    assert built.image.config.stop_signal == "SIGINT"
    assert not (built.image.app / "product" / "__pycache__" / "main.pyc").exists()
    assert list((built.image.app / "product" / "__pycache__").glob("main.cpython-*.pyc"))


@pytest.mark.slow
def test_the_same_content_is_the_same_image_and_each_change_is_another(folder, project, build):  # noqa: F811
    first = build()
    again = build()
    assert (again.image.digest, again.is_new) == (first.image.digest, False)
    assert first.image.digest == "sha256:" + hashlib.sha256(first.manifest.encode()).hexdigest()
    digests = {first.image.digest, build("v2").image.digest}
    (project / "src" / "product" / "main.py").chmod(0o755)
    digests.add(build().image.digest)
    (project / "src" / "product" / "main.py").write_text(MAIN + "\n")
    digests.add(build().image.digest)
    (project / "docker" / "requirements.lock").write_text("# only this\n" + write_wheel(folder / "wheels"))
    digests.add(build().image.digest)
    (project / "docker" / "more.lock").write_text("# several are one\n")
    definition = project / "docker" / "api.image.toml"
    definition.write_text(definition.read_text().replace('"requirements.lock"', '["requirements.lock", "more.lock"]'))
    digests.add(build().image.digest)
    assert len(digests) == 6
    environments = [path for path in (folder / "images" / "environments").iterdir() if path.is_dir()]
    assert len(environments) == 3, "one for each set of lock files"


@pytest.mark.slow
def test_what_git_ignores_stays_out(project, build):
    git(project, "init")
    (project / ".gitignore").write_text("*.secret\n")
    (project / "src" / "product" / "new.py").write_text("")
    (project / "src" / "product" / "key.secret").write_text("")
    names = {path.name for path in (build().image.app / "product").iterdir()}
    assert names == {"main.py", "new.py", "__pycache__"}


@pytest.mark.slow
def test_a_commit_is_built_as_it_was_whatever_the_working_tree_has(folder, project, build):  # noqa: F811
    git(project, "init")
    git(project, "add", ".")
    git(project, "commit", "-m", "one")
    here = build()
    (project / "src" / "product" / "main.py").write_text("broken")
    (project / "docker" / "requirements.lock").unlink()
    (project / "docker" / "api.image.toml").unlink()
    assert build(commit="HEAD").image.digest == here.image.digest
    with pytest.raises(UsageError, match="git rev-parse"):
        build(commit="no-such-commit")


@pytest.mark.slow
def test_a_failed_or_interrupted_build_leaves_no_half_image(folder, project, build, monkeypatch):  # noqa: F811
    (project / "docker" / "requirements.lock").write_text("greeting==1.0 --hash=sha256:" + "0" * 64 + "\n")
    with pytest.raises(InstallFailed, match="greeting"):
        build()
    make = Installer.make

    def interrupted(self: Installer, place: Path, *rest: Path) -> None:
        make(self, place, *rest)
        raise KeyboardInterrupt

    (project / "docker" / "requirements.lock").write_text(write_wheel(folder / "wheels"))
    with monkeypatch.context() as patch:
        patch.setattr(Installer, "make", interrupted)
        with pytest.raises(KeyboardInterrupt):
            build()
    store = ImageStore(folder / "images")
    assert list(store.images.iterdir()) == []
    assert [path for path in store.environments.iterdir() if path.suffix != ".lock"] == []
    assert build().is_new


@pytest.mark.slow
def test_an_environment_that_was_killed_halfway_is_made_again(folder, build):  # noqa: F811
    built = build()
    (built.image.environment / "fairway-complete").unlink()
    (built.image.environment / "bin" / "python").unlink()
    assert ImageStore(folder / "images").find(built.image.digest) is None
    assert build().image.digest == built.image.digest
    assert ImageStore(folder / "images").find(built.image.digest) is not None


@pytest.mark.slow
def test_every_user_can_read_an_image(project, build):
    (project / "src" / "product" / "main.py").chmod(0o600)
    previous = os.umask(0o077)
    try:
        image = build().image
    finally:
        os.umask(previous)
    for path in (image.folder, *image.app.rglob("*"), image.environment, *image.environment.glob("*/**/*")):
        if not path.is_symlink():
            assert path.stat().st_mode & 0o004, path


# -- definitions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "message", "hint"),
    [
        ("stop_signal", "stop_signl", ":7: unknown key stop_signl", 'did you mean "stop_signal"'),
        ('"SIGINT"', '"SIGINTT"', ":7: stop_signal: there is no SIGINTT", 'did you mean "SIGINT"'),
        ("../src/product", "../src/produkt", ":2: sources: ../src/produkt does not exist", "relative"),
        ("requirements.lock", "requirement.lock", ":1: requirements: requirement.lock does not exist", "relative"),
        (
            '"requirements.lock"',
            '["requirements.lock", "no.lock"]',
            ":1: requirements: no.lock does not exist",
            "relative",
        ),
        ('"1000:1000"', "1000", ":5: user must be a string", None),
        ('["product.main"]', '"product.main"', ":4: command must be a list of strings", None),
        ("{ APP_VERSION", "{ OTHER = 1, APP_VERSION", ":6: environment must be a table of strings", None),
        ("sources = ", "sources = = ", "not TOML", None),
        ('["../src/product"]', '["../src/product", "../src/product"]', "several are called product", None),
    ],
)
def test_a_wrong_definition_names_file_line_and_remedy(project, old, new, message, hint):
    path = project / "docker" / "api.image.toml"
    path.write_text(DEFINITION.replace(old, new))
    with pytest.raises(UsageError) as caught:
        read_definition(path, "v1")
    assert str(path) in caught.value.message
    assert message in caught.value.message
    assert hint is None or hint in (caught.value.hint or "")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root builds for another user")
def test_a_user_that_is_not_there_is_said_when_building(project, build):
    path = project / "docker" / "api.image.toml"
    path.write_text(DEFINITION.replace("1000:1000", "no-such-user"))
    with pytest.raises(UsageError, match="unable to find user no-such-user"):
        build()


def test_uv_takes_over_the_index_settings_of_pip(tmp_path):
    (tmp_path / "pip.conf").write_text(
        "[global]\nindex-url = a\nfind-links =\n  b\n  c\n[install]\ntrusted-host = d e\n"
    )
    environment = {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf"), "HOME": str(tmp_path), "PIP_INDEX_URL": "f"}
    settings = pip_settings(environment)
    assert settings["UV_DEFAULT_INDEX"] == "f"
    assert settings["UV_FIND_LINKS"] == "b,c"
    assert settings["UV_INSECURE_HOST"] == "d e"
