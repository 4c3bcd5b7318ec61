from __future__ import annotations

import hashlib
import re
from importlib import resources

import pytest

from taskmanager.web.static import static_path

FOLDER = resources.files("taskmanager.web") / "static"


async def test_the_first_page_shows_the_release_and_loads_nothing_from_elsewhere(client):
    page = await client.get("/")
    assert page.status_code == 200
    assert '<strong id="version">v7</strong>' in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    paths = re.findall(r'(?:href|src)="([^"]+)"', page.text)
    assert {path for path in paths if path.startswith("/static/")} == {
        static_path(name) for name in ("icon.svg", "pages.css", "htmx.js", "pages.js")
    }
    assert all(path.startswith(("/static/", "/app/", "/", "#")) and not path.startswith("//") for path in paths)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("pages.css", "text/css"),
        ("pages.js", "text/javascript"),
        ("htmx.js", "text/javascript"),
        ("icon.svg", "image/svg+xml"),
        ("app.js", "text/javascript"),
        ("app.css", "text/css"),
    ],
)
async def test_a_file_is_kept_under_its_hash_alone(client, name, kind):
    path = static_path(name)
    assert re.fullmatch(r"/static/[a-z]+\.[0-9a-f]{12}\.[a-z]+", path)
    stem, _, suffix = name.partition(".")
    for asked, cache in {
        path: "public, max-age=31536000, immutable",
        # a page of the release before, or after: it gets what there is, and asks again next time
        f"/static/{stem}.000000000000.{suffix}": "no-cache",
        f"/static/{name}": "no-cache",
    }.items():
        file = await client.get(asked)
        assert (file.status_code, file.headers["content-type"].split(";")[0]) == (200, kind), asked
        assert (file.headers["cache-control"], file.headers["x-content-type-options"]) == (cache, "nosniff")
        assert file.content == (await client.get(path)).content


@pytest.mark.parametrize(
    "path",
    [
        "/static/pages.py",
        "/static/other.000000000000.css",
        "/static/pages.00000000000g.css",
        "/static/..%2fstatic.py",
        "/static/vendor%2fREADME.md",
    ],
)
async def test_nothing_else_is_served(client, path):
    answer = await client.get(path)
    assert answer.status_code == 404
    assert "immutable" not in answer.headers.get("cache-control", "")


async def test_what_a_page_of_the_release_before_needs_is_there(client, sign_in):
    """It was loaded before the deployment: its files, and what its script asks of the API."""
    script = (await client.get("/static/app.js")).text
    assert "sessionStorage" in script
    assert "max-width" in (await client.get("/static/app.css")).text
    headers = await sign_in()
    asked = set(re.findall(r'call\("(GET|POST|PATCH)", "(/[a-z]+)', script))
    assert asked == {("GET", "/tasks"), ("GET", "/projects"), ("POST", "/projects"), ("PATCH", "/tasks"), ("POST", "/login"), ("POST", "/users")}  # fmt: skip
    for path in ("/tasks?limit=50", "/projects?limit=200"):
        assert (await client.get(path, headers=headers)).json()["results"] == []


def test_htmx_is_the_release_that_its_note_names():
    note = (FOLDER / "vendor" / "README.md").read_text()
    known = re.search(r"sha256\s+([0-9a-f]{64})", note)
    assert known is not None
    assert hashlib.sha256((FOLDER / "vendor" / "htmx.js").read_bytes()).hexdigest() == known[1]
    assert "Zero-Clause BSD" in (FOLDER / "vendor" / "htmx-LICENSE.txt").read_text()
