"""`.ci/run` on a bare machine: what it installs, and that a package nobody has fails nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NEEDED = "ca-certificates git python3 python3-venv"
APT = """#!/bin/sh
[ "$1" = install ] || exit 0
echo "$* policy=$(cat "$POLICY_RC_D" | tail -1)" >>"$FOLDER/installed"
case "$*" in *"$BROKEN"*) exit 100;; esac
"""


@pytest.fixture
def ci(tmp_path):
    """Runs a copy of the script beside a test command of its own, with programs that pretend."""
    (tmp_path / ".ci").mkdir()
    (tmp_path / "bin").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci")
    stand_ins = {"apt-get": APT, "id": "#!/bin/sh\necho 0\n", "ss": "#!/bin/sh\n"}
    stand_ins["dpkg-query"] = '#!/bin/sh\ncase " $THERE " in *" $3 "*) printf installed;; esac\n'
    for name, text in stand_ins.items():
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "test").write_text("#!/bin/sh\necho tested\n")
    (tmp_path / "test").chmod(0o755)

    def run(*, there, broken="nothing"):
        known = {"FOLDER": str(tmp_path), "POLICY_RC_D": str(tmp_path / "policy"), "THERE": there, "BROKEN": broken}
        variables = os.environ | known | {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
        done = subprocess.run([tmp_path / ".ci" / "run"], env=variables, capture_output=True, text=True, check=False)
        installed = tmp_path / "installed"
        return done, installed.read_text().splitlines() if installed.exists() else []

    return run


def test_what_is_missing_is_installed_and_no_service_is_started(ci, tmp_path):
    done, installed = ci(there="git python3")
    assert done.stdout.splitlines()[-1] == "tested", done.stderr
    assert [line.split("--no-install-recommends ")[1] for line in installed] == [
        "ca-certificates python3-venv policy=exit 101",
        "mariadb-server policy=exit 101",
        "chromium fonts-dejavu-core policy=exit 101",
    ]
    assert not (tmp_path / "policy").exists(), "what forbids services to start goes with it"


def test_where_all_is_there_nothing_is_installed(ci):
    done, installed = ci(there=f"{NEEDED} mariadb-server chromium fonts-dejavu-core")
    assert (done.stdout, installed) == ("tested\n", [])


def test_without_a_database_or_a_browser_it_goes_on_and_says_so(ci, tmp_path):
    done, _ = ci(there=NEEDED, broken="mariadb-server")
    assert (done.returncode, done.stdout) == (0, "tested\n")
    assert "mariadb-server cannot be installed; the tests that need it are skipped" in done.stderr
    assert "chromium" not in done.stderr
    assert not (tmp_path / "policy").exists()


def test_without_what_everything_needs_it_ends(ci):
    done, _ = ci(there="git", broken="python3-venv")
    assert done.returncode == 100
    assert "tested" not in done.stdout
