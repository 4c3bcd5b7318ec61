"""Two releases side by side, as in each deployment: the previous one on the new schema, and with the new one on one queue."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import urllib.error
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.taskmanager import processes
from tests.taskmanager.test_outbox_processes import all_written, api, sql, valkey, work  # noqa: F401  # fixtures
from tests.taskmanager.test_worker import Caller

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
PREVIOUS = "536765732303c9a1c76c2267c1f0840674ec2b02"
"""The release before. Whoever makes a release writes the commit of the last one here."""


@pytest.fixture(scope="module")
def previous(tmp_path_factory):
    """The previous release's files."""
    folder = tmp_path_factory.mktemp("previous")
    wanted = ["src/taskmanager", "tests/__init__.py", "tests/ports.py", "tests/taskmanager", "deploy", "fairway.toml", "pyproject.toml"]  # fmt: skip
    present = subprocess.run(["git", "ls-tree", "--name-only", PREVIOUS, *wanted], cwd=ROOT, check=False, capture_output=True)  # fmt: skip
    if present.returncode:
        pytest.skip(f"the commit {PREVIOUS[:7]} is not here (a shallow clone?)")
    names = present.stdout.decode().split()
    archive = subprocess.run(["git", "archive", PREVIOUS, *names], cwd=ROOT, check=True, capture_output=True)
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
        tar.extractall(folder, filter="data")
    return folder


@pytest.fixture
def as_previous(previous, monkeypatch):
    """What is started from now on is of the previous release."""

    def switch(to):
        monkeypatch.setattr(processes, "SOURCE", previous / "src" if to else ROOT / "src")

    yield switch
    switch(False)


def test_the_previous_release_passes_its_tests_on_the_new_schema(previous, tmp_path):
    tree = tmp_path / "tree"
    shutil.copytree(previous, tree)
    migrations = tree / "src/taskmanager/migrations"
    shutil.rmtree(migrations)
    shutil.copytree(ROOT / "src/taskmanager/migrations", migrations)
    tests = [f"tests/taskmanager/{name}.py" for name in ("test_api", "test_exports")]
    words = ["-m", "pytest", "-q", "-m", "not slow", "-p", "no:cacheprovider", "-p", "no:randomly", *tests]
    done = subprocess.run(
        [sys.executable, *words],
        cwd=tree,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{tree}/src:{tree}"},
        check=False,
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout


def test_the_previous_worker_does_what_it_knows_and_leaves_the_rest_to_the_new_one(api, work, valkey, sql, as_previous):  # noqa: F811
    valkey.start()
    caller = Caller(api)
    [task] = caller.call("GET", "/tasks")["results"]
    as_previous(True)
    old = work("old")
    known = caller.export()
    old.wait_for(lambda: all_written(caller, [known]))
    table = caller.call("POST", f"/projects/{caller.project}/export?format=csv")["id"]
    old.wait_for(lambda: "a job of a later release goes back" in old.output())
    moment = datetime.now(UTC) + timedelta(seconds=1)
    caller.call("POST", f"/tasks/{task['id']}/reminders", {"remind_at": moment.isoformat()})
    as_previous(False)
    new = work("new")
    # as in a deployment; until then what the old one does not know may come to it again and again
    old.popen.send_signal(signal.SIGTERM)
    assert old.popen.wait(30) == 0
    new.wait_for(lambda: all_written(caller, [table]))
    new.wait_for(lambda: caller.call("GET", "/notifications/unread-count")["unread"] == 2)
    assert sql("SELECT kind FROM notifications ORDER BY kind") == [("export-written",), ("reminder",)]
    [(content,)] = sql("SELECT content FROM export_files WHERE export_id = :id", id=int(table))
    assert content.startswith("id,title,")


def test_the_new_worker_does_what_the_previous_api_asks(run, work, valkey, as_previous):  # noqa: F811
    valkey.start()
    as_previous(True)
    old = run("taskmanager.main", CELERY_BROKER_URL=valkey.url, DRAIN_SECONDS="0").wait_until_ready()
    as_previous(False)
    caller = Caller(old)
    worker = work("new")
    export = caller.export()
    worker.wait_for(lambda: all_written(caller, [export]))
    assert [task["title"] for task in caller.call("GET", f"/exports/{export}/content")["tasks"]] == ["dig"]
    with pytest.raises(urllib.error.HTTPError) as caught:
        caller.call("GET", "/notifications")
    caught.value.close()
    assert caught.value.code == 404, "this is the previous release"
