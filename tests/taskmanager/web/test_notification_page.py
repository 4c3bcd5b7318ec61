from __future__ import annotations

import re

from sqlalchemy import text
from tests.taskmanager.web.conftest import found

from taskmanager.notifications.service import notify


async def tell(database, number, kind="reminder", **subjects):
    async with database.transaction() as session:
        me = (await session.execute(text("SELECT id FROM users WHERE email = 'ann@example.org'"))).scalar_one()
        await notify(session, me, kind, f"<b>{kind} {number}", key=str(number), **subjects)


async def test_notifications_unread_ones_first(ann, eve, database):
    assert "You have read everything." in await ann.read("/app/notifications")
    project = await ann.project()
    task = await ann.task(project)
    task_id, project_id = (int(path.rsplit("/", 1)[1]) for path in (task, project))
    await tell(database, 1, task_id=task_id, project_id=project_id)
    await tell(database, 2, "comment", task_id=task_id, comment_id=7)
    await tell(database, 3, "export-written", project_id=project_id, export_id=5)
    await tell(database, 4, "of-a-later-release")
    page = await ann.read("/app/notifications")
    assert '<span class="badge">4' in page
    for link in (f'href="{task}"', f'href="{task}#comment-7"', f'href="{project}/exports"', "of-a-later-release"):
        assert link in page
    assert "&lt;b&gt;reminder 1" in page
    one = re.findall(r"/app/notifications/(\d+)/read", page)[-1]
    assert (await eve.post(f"/app/notifications/{one}/read")).status_code == 404
    page = (await ann.post(f"/app/notifications/{one}/read", follow=True)).text
    assert page.index("comment 2") < page.index("<h2>Earlier</h2>") < page.index("reminder 1")
    page = (await ann.post("/app/notifications/read-all", follow=True)).text
    assert "You have read everything." in page
    assert 'class="badge"' not in page


async def test_many_notifications_are_pages(ann, database):
    for number in range(27):
        await tell(database, number)
    page = await ann.read("/app/notifications")
    more = found(r'href="(/app/notifications\?cursor=[^"]*)"', page)
    page = await ann.read(more)
    assert "reminder 1" in page
    assert "reminder 2<" not in page
    await ann.post("/app/notifications/read-all")
    page = await ann.read("/app/notifications")
    more = found(r'href="(/app/notifications\?earlier=[^"]*)"', page)
    assert "reminder 0" in await ann.read(more)
    assert (await ann.get("/app/notifications?cursor=x")).status_code == 422


async def test_an_open_page_hears_of_what_arrives(visitor, ann, database):
    answer = await ann.get("/app/unread?after=0")
    assert ("badge" in answer.text, "hx-trigger" in answer.headers) == (False, False)
    await tell(database, 1)
    answer = await ann.get("/app/unread?after=0")
    assert answer.headers["hx-trigger"] == "arrived"
    assert 'hx-swap-oob="innerHTML:#said"' in answer.text
    assert "&lt;b&gt;reminder 1" in answer.text
    newest = found(r"after=(\d+)", answer.text)
    answer = await ann.get(f"/app/unread?after={newest}")
    assert ("badge" in answer.text, "hx-trigger" in answer.headers) == (True, False)
    for odd in ("x", "-1", "9" * 30):
        assert (await ann.get(f"/app/unread?after={odd}")).status_code == 200
    answer = await visitor().get("/app/unread")
    assert (answer.status_code, answer.text) == (286, ""), "somebody who has signed out is left where they are"
