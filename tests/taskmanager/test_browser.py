"""The pages in a real browser: what only one shows."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import expect, sync_playwright
from tests.taskmanager.browser import ARGUMENTS, CHROMIUM, Site, sign_in, tab_to

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed here (Debian's package chromium)"),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory, empty_database):
    made = Site(tmp_path_factory.mktemp("site"), empty_database)
    yield made
    made.close()


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def begin(chromium):
    """Makes pages of browsers that nobody has used; at the end none may have complained."""
    contexts, complaints = [], []

    def make(*, allowed=(), **options):
        context = chromium.new_context(**options)
        context.set_default_timeout(15_000)
        contexts.append(context)
        page = context.new_page()

        def note(message):
            if message.type in {"error", "warning"} and not any(word in message.text for word in allowed):
                complaints.append(message.text)

        page.on("console", note)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return page

    yield make
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture(scope="module")
def world(site):
    """Somebody with one of everything."""
    ann, bob = site.person("ann"), site.person("bob")
    project = site.call("POST", "/projects", {"name": "Website", "key": "WEB", "description": "The new one."}, ann)[
        "id"
    ]
    base = f"/projects/{project}"
    site.call("POST", f"{base}/members", {"email": "bob@example.org", "role": "editor"}, ann)
    label = site.call("POST", f"{base}/labels", {"name": "bug", "colour": "#d62728"}, ann)["id"]
    late = (datetime.now(UTC) - timedelta(days=2)).isoformat()
    body = {
        "title": "Move the articles",
        "description": "All of them.",
        "due_at": late,
        "label_ids": [label],
        "priority": 4,
    }
    task = site.call("POST", f"{base}/tasks", body, ann)["id"]
    site.call("POST", f"{base}/tasks", {"title": "Write a script", "parent_id": task, "status": "done"}, ann)
    site.call("POST", f"{base}/tasks", {"title": "Begin", "status": "doing"}, ann)
    for number in range(26):
        site.call("POST", f"{base}/tasks", {"title": f"Translate page {number}"}, ann)
    site.call("POST", f"/tasks/{task}/comments", {"body": "Which ones?"}, ann)
    site.call("POST", f"/tasks/{task}/comments", {"body": "All."}, bob)
    ahead = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    site.call("POST", f"/tasks/{task}/reminders", {"remind_at": ahead}, ann)
    site.call("POST", "/tokens", {"name": "CI"}, ann)
    site.call("PATCH", f"/tasks/{task}", {"assignee_id": site.call("GET", "/users/me", token=ann)["id"]}, bob)
    site.call("POST", f"{base}/export?format=json", token=ann)
    site.api.wait_for(lambda: site.call("GET", "/notifications/unread-count", token=ann)["unread"] >= 2)
    site.call(
        "POST", f"/notifications/{site.call('GET', '/notifications', token=ann)['results'][0]['id']}/read", token=ann
    )
    return {"project": f"/app/projects/{project}", "task": f"/app/tasks/{task}"}


PAGES = {
    "projects": "/app/projects",
    "archived": "/app/projects?archived=1",
    "board": "{project}?q=t&sort=due",
    "members": "{project}/members",
    "labels": "{project}/labels",
    "exports": "{project}/exports",
    "activity": "{project}/activity",
    "project-settings": "{project}/settings",
    "task": "{task}",
    "notifications": "/app/notifications",
    "settings": "/app/settings",
    "problem": "/app/nowhere",
}


def test_every_page_is_accessible_in_light_and_dark_on_a_screen_and_a_phone(site, world, begin, tmp_path):
    page = begin(allowed=("404", "422"))
    page.goto(f"{site.address}/")
    look(page, "sign-in", tmp_path)
    page.goto(f"{site.address}/app/register")
    look(page, "register", tmp_path)
    sign_in(page, site, "ann")
    for name, path in PAGES.items():
        page.goto(site.address + path.format(**world))
        look(page, name, tmp_path)
    page.goto(f"{site.address}{world['task']}")
    page.fill("#parent", "WEB-999")
    page.click("#save")
    expect(page.locator("#parent-error")).to_be_visible()
    expect(page.locator("#parent")).to_be_focused()
    look(page, "errors", tmp_path)
    assert len(list(tmp_path.glob("*.png"))) == 4 * (len(PAGES) + 3)


def look(page, name, folder):
    """All of axe's rules on a screen and on a phone, and once more the contrast in the dark."""
    page.evaluate(Axe().axe_script)
    for width, height in ((1280, 800), (360, 740)):
        page.set_viewport_size({"width": width, "height": height})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            options = {"resultTypes": ["violations"]} | ({"runOnly": ["color-contrast"]} if scheme == "dark" else {})
            found = page.evaluate("options => axe.run(options)", options)
            assert found["violations"] == [], f"{name}, {scheme}, {width}"
            page.screenshot(path=folder / f"{name}-{scheme}-{width}.png")
        # a phone shows all of it, and so does a screen at 200 or 400 %
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{name} scrolls sideways at {width}"


def test_the_keyboard_alone_makes_a_project_and_a_task(site, begin):
    site.person("kim")
    page = begin()
    page.goto(f"{site.address}/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    tab_to(page, "#email")
    page.keyboard.type("kim@example.org")
    page.keyboard.press("Tab")
    page.keyboard.type("correct horse")
    page.keyboard.press("Enter")
    page.wait_for_url("**/app/projects")
    tab_to(page, "#name")
    page.keyboard.type("Garden")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/app/projects/\d+$"))
    tab_to(page, "#title")
    for title in ("dig", "plant"):
        page.keyboard.type(title)
        page.keyboard.press("Enter")
        expect(page.locator("#list-todo h3").first).to_have_text(title)
        expect(page.locator("#title")).to_be_focused()
        expect(page.locator("#title")).to_have_value("")
    tab_to(page, "button[value=doing]")
    page.keyboard.press("Enter")
    moved = page.locator("#list-doing a")
    expect(moved).to_have_text("plant")
    expect(moved).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url("**/app/tasks/*")
    tab_to(page, "#comment")
    page.keyboard.type("deep enough")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#comment-list")).to_contain_text("deep enough")
    expect(page.locator("#comment")).to_be_focused()


def test_without_javascript_the_same_works(site, begin):
    page = begin(java_script_enabled=False)
    page.goto(f"{site.address}/app/register")
    for name, text in {"name": "Noa", "email": "noa@example.org", "password": "correct horse"}.items():
        page.fill(f"#{name}", text)
    page.click("button.main")
    page.fill("#name", "Garden")
    page.click("text=Make the project")
    for title in ("dig", "plant"):
        page.fill("#title", title)
        page.click("#quick button")
    expect(page.locator("#said")).to_have_text("The task is added.")
    page.click("#list-todo li:first-child >> text=Start")
    expect(page.locator("#list-doing")).to_contain_text("plant")
    page.click("#list-doing a")
    page.fill("#description", "in rows")
    page.fill("#due_day", "2027-03-05")
    page.click("#save")
    expect(page.locator("#said")).to_have_text("The task is saved.")
    page.fill("#comment", "tulips")
    page.click("#comments button >> text=Comment")
    expect(page.locator("#comment-list")).to_contain_text("tulips")
    page.fill("#subtask", "buy bulbs")
    page.click("#subtasks button")
    expect(page.locator("#subtasks")).to_contain_text("buy bulbs")
    page.click("text=Sign out")
    expect(page.locator("#said")).to_have_text("You are signed out.")


def test_what_is_done_in_place_loads_no_page_anew(site, world, begin):
    page = begin()
    sign_in(page, site, "ann")
    page.goto(site.address + world["project"])
    page.evaluate("window.same = true")
    count = page.locator("#list-todo > li.task").count()
    page.click("#list-todo .more a")
    expect(page.locator("#list-todo > li.more")).to_have_count(0)
    assert page.locator("#list-todo > li.task").count() > count
    assert page.evaluate("document.activeElement.closest('#list-todo') !== null"), "the focus goes on in the list"
    page.click("#list-doing >> text=Done")
    expect(page.locator("#list-done")).to_contain_text("Begin")
    expect(page.locator("#said")).to_have_text("The task is moved.")
    page.click("#list-done li:has-text('Begin') >> text=Reopen")
    expect(page.locator("#list-done")).not_to_contain_text("Begin")
    assert page.evaluate("window.same")


def test_a_reminder_arrives_on_the_page_and_an_export_is_downloaded(site, begin):
    token = site.person("rob")
    project = site.call("POST", "/projects", {"name": "Garden"}, token)["id"]
    task = site.call("POST", f"/projects/{project}/tasks", {"title": "water <b>roses"}, token)["id"]
    page = begin()
    page.clock.install()
    sign_in(page, site, "rob")
    page.goto(f"{site.address}/app/notifications")
    expect(page.locator(".badge")).to_have_count(0)
    moment = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    site.call("POST", f"/tasks/{task}/reminders", {"remind_at": moment}, token)
    site.api.wait_for(lambda: site.call("GET", "/notifications/unread-count", token=token)["unread"] == 1)
    page.clock.run_for(15_500)  # the page asks four times a minute
    expect(page.locator(".badge")).to_contain_text("1")
    expect(page.locator("#said")).to_have_text("Reminder: water <b>roses")
    expect(page.locator("#new")).to_contain_text("Reminder: water <b>roses")
    page.clock.resume()
    page.click("#said a")
    page.wait_for_url("**/app/tasks/*")
    page.goto(f"{site.address}/app/projects/{project}/exports")
    page.click("text=Export as CSV")
    with page.expect_download() as downloading:
        page.click("#exports a.button")
    assert downloading.value.suggested_filename.endswith(".csv")
    assert "water <b>roses" in downloading.value.path().read_text()
    page.goto(f"{site.address}/app/notifications")
    page.click("text=Mark all as read")
    expect(page.locator(".badge")).to_have_count(0)
    expect(page.locator("#notifications")).to_contain_text("You have read everything.")


def test_a_conflict_and_a_server_that_is_gone_cost_no_text(site, begin):
    token = site.person("tom")
    project = site.call("POST", "/projects", {"name": "Garden"}, token)["id"]
    task = site.call("POST", f"/projects/{project}/tasks", {"title": "dig"}, token)["id"]
    page = begin(allowed=("412", "403", "ERR_CONNECTION_REFUSED", "htmx:"))
    sign_in(page, site, "tom")
    page.goto(f"{site.address}/app/tasks/{task}")
    page.fill("#description", "my long text")
    site.call("PATCH", f"/tasks/{task}", {"title": "plant"}, token)
    page.click("#save")
    expect(page.locator("#task table")).to_contain_text("my long text")
    expect(page.locator("#task .notice")).to_be_focused()
    expect(page.locator("h1")).to_contain_text("plant")
    expect(page.locator("#description")).to_have_value("my long text")
    page.click("text=Save mine")
    expect(page.locator("#said")).to_have_text("The task is saved.")
    page.fill("#comment", "not lost")
    page.evaluate("document.querySelectorAll('[name=form_token]').forEach(one => one.value = 'x')")
    page.evaluate("document.body.setAttribute('hx-headers', '{}')")
    page.click("#comments button >> text=Comment")
    expect(page.locator("#said")).to_contain_text("load it again and send the form once more")
    expect(page.locator("#comment")).to_have_value("not lost")
    site.stop_api()
    page.click("#comments button >> text=Comment")
    expect(page.locator("#said")).to_contain_text("The server did not answer.")
    expect(page.locator("#comment")).to_have_value("not lost")
    site.start_api()
    page.click("#comments button >> text=Comment")
    expect(page.locator("#said")).to_contain_text("load it again")


def test_a_page_of_the_release_before_goes_on_working_and_nobody_is_signed_out(site, begin):
    token = site.person("uma")
    project = site.call("POST", "/projects", {"name": "Garden"}, token)["id"]
    page = begin()
    sign_in(page, site, "uma")
    page.goto(f"{site.address}/app/projects/{project}")
    expect(page.locator("#version")).to_have_text("v7")
    site.stop_api()
    site.start_api("v8")
    page.fill("#title", "dig")
    page.keyboard.press("Enter")
    expect(page.locator("#list-todo")).to_contain_text("dig")
    expect(page.locator("#version")).to_have_text("v7")
    page.reload()
    expect(page.locator("#version")).to_have_text("v8")
    expect(page.locator("#list-todo")).to_contain_text("dig")
