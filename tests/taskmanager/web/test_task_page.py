from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from tests.taskmanager.web.conftest import found, plain, problem_of, value_of


@pytest.fixture
async def project(ann):
    return await ann.project()


@pytest.fixture
async def task(ann, project):
    return await ann.task(project)


def section(page, name):
    return found(rf'<section id="{name}".*?</section>', page, 0)


async def test_every_field_is_changed(ann, project, task):
    await ann.task(project, "garden party")
    await ann.post("/app/settings/profile", name="ann", time_zone="Europe/Berlin")
    await ann.post(f"{project}/labels", name="bug")
    page = await ann.read(task)
    me = found(r'<option value="(\d+)"[^>]*>ann', page)
    label = found(r'name="label_ids" value="(\d+)"', page)
    fields = {
        "title": "dig deep",
        "description": "two\r\nlines",
        "status": "doing",
        "priority": "4",
        "assignee_id": me,
        "due_day": "2027-03-05",
        "due_time": "10:00",
        "parent": "gar-2",
        "label_ids": label,
        "labels_shown": "1",
        "etag": value_of(page, "etag"),
    }
    page = (await ann.post(task, fields, follow=True)).text
    assert "The task is saved." in page
    assert [value_of(page, name) for name in ("title", "due_day", "due_time", "parent")] == [
        "dig deep",
        "2027-03-05",
        "10:00",
        "GAR-2",
    ]
    assert "\ntwo\nlines</textarea>" in page
    for chosen in ("doing", "4", me):
        assert re.search(rf'<option value="{chosen}" selected', page)
    assert "checked" in page
    assert "Part of" in plain(page)
    page = (await ann.post(task, {"due_day": "2027-03-06", "due_time": "", "parent": "", "labels_shown": "1", "assignee_id": ""}, follow=True)).text  # fmt: skip
    assert [value_of(page, name) for name in ("title", "due_day", "due_time", "parent")] == [
        "dig deep",
        "2027-03-06",
        "",
        "",
    ]
    assert "checked" not in page


async def test_a_due_time_with_seconds_stays_when_it_is_not_touched(ann, task, database):
    async with database.transaction() as session:
        await session.execute(text("UPDATE tasks SET due_at = '2027-03-05 10:00:42.123456'"))
    shown = {"due_day": "2027-03-05", "due_time": "10:00"}
    for fields, expected in ((shown, "42.123456"), (shown | {"due_time": "10:01"}, "01:00")):
        await ann.post(task, fields, follow=True)
        async with database.read() as connection:
            due_at = (await connection.execute(text("SELECT due_at FROM tasks"))).scalar_one()
        assert expected in str(due_at)


async def test_a_field_that_a_page_does_not_have_stays(ann, task):
    await ann.post(task, {"description": "keep", "due_day": "2027-03-05"}, follow=True)
    page = (await ann.post(task, {"title": "other"}, follow=True)).text
    assert "\nkeep</textarea>" in page
    assert value_of(page, "due_day") == "2027-03-05"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        pytest.param({"title": ""}, "Fill this in.", id="no title"),
        pytest.param({"description": "x" * 10_001}, "At most 10000 characters.", id="a long description"),
        pytest.param({"status": "never"}, "Choose one of the list.", id="no status"),
        pytest.param({"due_day": "soon"}, "Write a day such as 2027-03-05.", id="no day"),
        pytest.param({"due_day": "2027-03-05", "due_time": "noon"}, "Write a time such as 09:30.", id="no time"),
        pytest.param({"due_day": "", "due_time": "10:00"}, "A time needs a day.", id="a time without a day"),
        pytest.param({"due_day": "1066-10-14"}, "The year is none of 1900 to 9998.", id="a day long ago"),
        pytest.param(
            {"parent": "GAR-99"},
            "There is no such task in this project; write one such as GAR-1.",
            id="an unknown parent",
        ),
        pytest.param(
            {"parent": "OPS-1"},
            "There is no such task in this project; write one such as GAR-1.",
            id="a parent of another project",
        ),
        pytest.param(
            {"parent": "1"},
            "Subtasks have one level: none of a subtask, of itself, or with subtasks.",
            id="itself as parent",
        ),
        pytest.param({"assignee_id": "999"}, "The assignee is no member of the project.", id="a stranger"),
        pytest.param(
            {"label_ids": "999", "labels_shown": "1"}, "A label is none of the project.", id="an unknown label"
        ),
    ],
)
async def test_what_a_task_cannot_be(ann, project, task, fields, said):
    await ann.post(f"{project}/labels", name="bug")
    answer = await ann.post(task, {"title": "mine", "description": "kept"} | fields)
    assert answer.status_code == 422
    assert said in problem_of(answer)
    assert 'aria-invalid="true"' in answer.text
    if "description" not in fields:
        assert "\nkept</textarea>" in answer.text
    assert plain(found("<h1.*?</h1>", await ann.read(task), 0)) == "GAR-1 dig", "nothing was changed"


async def test_a_conflict_shows_both_versions_and_loses_nothing(visitor, ann, project, task):
    bob = await visitor().register("bob")
    await ann.post(f"{project}/members", email="bob@example.org", role="editor")
    etag = value_of(await ann.read(task), "etag")
    page = await bob.read(task)
    await bob.post(task, {"title": "plant", "priority": "4", "etag": value_of(page, "etag")}, follow=True)
    mine = {
        "title": "dig deeper",
        "description": "my long text",
        "priority": "2",
        "due_day": "2027-03-05",
        "etag": etag,
    }
    answer = await ann.post(task, mine)
    assert answer.status_code == 412
    page = answer.text
    rows = {plain(row) for row in re.findall(r"<tr><th scope=\"row\">.*?</tr>", page)}
    assert rows == {
        "Title plant dig deeper",
        "Priority Highest Normal",
        "Description none my long text",
        "Due none 5 Mar 2027",
    }
    assert value_of(page, "title") == "dig deeper"
    assert "\nmy long text</textarea>" in page
    assert "Save mine" in page
    assert plain(found("<h1.*?</h1>", page, 0)) == "GAR-1 plant"
    page = (await ann.post(task, mine | {"etag": value_of(page, "etag")}, follow=True)).text
    assert value_of(page, "title") == "dig deeper"


async def test_subtasks(ann, task):
    page = await ann.post(f"{task}/subtasks", title="fetch a spade", follow=True)
    assert "GAR-2 fetch a spade" in plain(section(page.text, "subtasks"))
    child = found(r'href="(/app/tasks/\d+)"', section(page.text, "subtasks"))
    assert 'id="subtasks"' not in await ann.read(child)
    answer = await ann.post(f"{child}/subtasks", title="deeper")
    assert (answer.status_code, 'id="subtasks"' in answer.text) == (422, False)
    answer = await ann.post(f"{task}/subtasks", title="")
    assert (answer.status_code, problem_of(answer)) == (422, "Fill this in.")


async def test_a_subtask_whose_parent_an_older_release_has_deleted(ann, task, database):
    page = await ann.post(f"{task}/subtasks", title="fetch a spade", follow=True)
    child = found(r'href="(/app/tasks/\d+)"', section(page.text, "subtasks"))
    async with database.transaction() as session:
        await session.execute(text("DELETE FROM tasks WHERE title = 'dig'"))
    assert value_of(await ann.read(child), "parent") == ""


async def test_comments(visitor, ann, project, task):
    assert "Nobody has said anything yet." in await ann.read(task)
    page = await ann.post(f"{task}/comments", body="first\r\nsecond", follow=True)
    assert '<p class="prose">first\nsecond</p>' in page.text
    comment = found(r'id="comment-(\d+)"', page.text)
    answer = await ann.post(f"{task}/comments", body=" ")
    assert (answer.status_code, problem_of(answer)) == (422, "Fill this in.")
    answer = await ann.post(f"{task}/comments/{comment}", body="x" * 10_001)
    assert (answer.status_code, problem_of(answer)) == (422, "At most 10000 characters.")
    assert "<details open>" in answer.text
    page = await ann.post(f"{task}/comments/{comment}", body="changed", follow=True)
    assert "(changed)" in section(page.text, "comments")
    bob = await visitor().register("bob")
    await ann.post(f"{project}/members", email="bob@example.org", role="editor")
    assert "Change" not in plain(section(await bob.read(task), "comments"))
    for path in (f"{task}/comments/{comment}", f"{task}/comments/{comment}/delete"):
        assert (await bob.post(path, body="mine")).status_code == 403
    await ann.post(f"{task}/comments/{comment}/delete", follow=True)
    assert "Nobody has said anything yet." in await ann.read(task)


async def test_older_comments_and_lines_are_a_click_away(ann, task):
    for number in range(22):
        await ann.post(f"{task}/comments", body=f"comment {number}.")
    page = await ann.read(task)
    more = found(r'href="([^"]*\?comments=[^"]*)"', page)
    assert "comment 1." not in plain(section(page, "comments"))
    older = section(await ann.read(more), "comments")
    assert "comment 1." in plain(older)
    assert "comment 2." not in plain(older)
    more = found(r'href="([^"]*\?activity=[^"]*)"', page)
    assert (await ann.get(more)).status_code == 200


async def test_reminders(ann, task):
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date()
    page = await ann.post(f"{task}/reminders", remind_day=str(tomorrow), remind_time="09:30", follow=True)
    assert f"{tomorrow.day} " in section(page.text, "reminders")
    assert "09:30" in section(page.text, "reminders")
    for fields, said in (
        ({"remind_day": "2020-01-01", "remind_time": "09:30"}, "A reminder lies in the future."),
        ({"remind_day": "2090-01-01", "remind_time": "09:30"}, "A reminder lies within the next five years."),
        ({"remind_day": "", "remind_time": ""}, "Write a day such as 2027-03-05."),
        ({"remind_day": str(tomorrow), "remind_time": "x"}, "Write a time such as 09:30."),
        ({"remind_day": "0001-01-01", "remind_time": "00:00"}, "The year is none of 1900 to 9998."),
    ):
        answer = await ann.post(f"{task}/reminders", fields)
        assert (answer.status_code, problem_of(answer)) == (422, said)
        assert value_of(answer.text, "remind_time") == fields["remind_time"]
    answer = await ann.post(f"{task}/reminders", minutes_before="60")
    assert answer.status_code == 422
    await ann.post(task, {"due_day": str(tomorrow), "due_time": "12:00"})
    page = await ann.post(f"{task}/reminders", minutes_before="60", follow=True)
    assert "an hour before" in section(page.text, "reminders")
    answer = await ann.post(f"{task}/reminders", minutes_before="x")
    assert (answer.status_code, problem_of(answer)) == (422, "Write a whole number.")
    for path in re.findall(r'action="([^"]*/reminders/\d+/delete)"', page.text):
        await ann.post(path, follow=True)
    assert "You are not reminded of this task." in await ann.read(task)


async def test_a_viewer_reads_and_is_reminded(visitor, ann, project, task):
    bob = await visitor().register("bob")
    await ann.post(f"{project}/members", email="bob@example.org", role="viewer")
    page = await bob.read(task)
    assert 'name="title"' not in page
    assert 'name="body"' not in page
    for path, fields in ((task, {"title": "x"}), (f"{task}/comments", {"body": "x"}), (f"{task}/delete", {})):
        assert (await bob.post(path, fields)).status_code == 403
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date()
    await bob.post(f"{task}/reminders", remind_day=str(tomorrow), remind_time="09:30", follow=True)
    assert "You are not reminded" in await ann.read(task), "reminders are one's own"


async def test_a_task_is_deleted(ann, project, task):
    page = await ann.post(f"{task}/delete", follow=True)
    assert (page.url.path, "The task is deleted." in page.text) == (project, True)
    assert (await ann.get(task)).status_code == 404


async def test_a_row_of_an_older_release_gets_its_number(ann, project, task, database):
    async with database.transaction() as session:
        await session.execute(text("UPDATE tasks SET number = NULL"))
        await session.execute(text("UPDATE projects SET `key` = NULL"))
    assert "GAR-" in plain(await ann.read(project))
    assert "GAR-" in plain(await ann.read(task))
