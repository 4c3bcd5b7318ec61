from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from tests.taskmanager.web.conftest import found, plain, problem_of, value_of

MARKUP = "<script>alert('x')</script>\"'><img src=x onerror=alert(1)>{{ 1234*9 }}"
ESCAPED = "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"


def columns_of(page):
    """The titles of the tasks in each column."""
    parts = re.split(r'<section class="column (\w+)"', page)[1:]
    return {name: [plain(title) for title in re.findall(r"<h3>(.*?)</h3>", part)] for name, part in zip(parts[::2], parts[1::2], strict=True)}  # fmt: skip


async def let_in(ann, project, email, role):
    page = await ann.post(f"{project}/members", email=email, role=role, follow=True)
    assert "They are a member now." in page.text


async def test_somebody_new_is_told_what_to_do(ann):
    page = await ann.read("/app/projects")
    assert "You are in no project yet." in page
    assert "ann@example.org" in page
    project = await ann.project()
    page = await ann.read(project)
    assert "The project is made. Add its first task." in page
    assert "Write a task above and press Enter." in page


async def test_a_project_gets_a_key(ann):
    await ann.project("Customer Care")
    project = await ann.project("Ops", key="ops1", description="what\r\nfor")
    page = await ann.read("/app/projects")
    assert {"CC", "OPS1"} == set(re.findall(r'class="key">([^<]*)<', page))
    assert "what\nfor" in await ann.read(f"{project}/settings"), "lines end as everywhere"


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        pytest.param({"name": "   "}, 422, "Fill this in.", id="no name"),
        pytest.param({"name": "x" * 121}, 422, "At most 120 characters.", id="a long name"),
        pytest.param(
            {"key": "1A"}, 422, "2 to 10 capital letters or digits, beginning with a letter, such as OPS.", id="no key"
        ),
        pytest.param({"key": "GAR"}, 409, "Another project of its owner has this key.", id="a key that is taken"),
        pytest.param({"description": "x" * 10_001}, 422, "At most 10000 characters.", id="a long description"),
        pytest.param(
            {"name": "a\x00b"}, 422, "Control characters and line breaks are not allowed.", id="control characters"
        ),
    ],
)
async def test_what_is_wrong_is_told_beside_its_field_and_nothing_is_lost(ann, fields, status, said):
    await ann.project("Garden")
    known = {"name": "Orchard", "key": "ORC", "description": "apples <b>"} | fields
    answer = await ann.post("/app/projects", known)
    assert (answer.status_code, problem_of(answer)) == (status, said)
    [name] = fields
    assert re.search(rf'name="{name}"[^>]* aria-describedby="[^"]*{name}-error" aria-invalid="true"', answer.text)
    if "\x00" not in known["name"]:
        assert value_of(answer.text, "name") == known["name"]
    assert len(re.findall('class="card project"', answer.text)) == 1


async def test_archived_projects_are_shown_apart_and_read_only(ann):
    project = await ann.project("Garden")
    task = await ann.task(project)
    page = await ann.post(f"{project}/archive", follow=True)
    assert "archived: read only" in page.text
    assert 'id="quick"' not in page.text
    assert "Garden" not in plain(await ann.read("/app/projects"))
    assert "Garden" in plain(await ann.read("/app/projects?archived=1"))
    assert 'name="title"' not in await ann.read(task)
    for path, fields in (
        (f"{project}/tasks", {"title": "x"}),
        (task, {"title": "x"}),
        (f"{project}/labels", {"name": "x"}),
    ):
        answer = await ann.post(path, fields)
        assert (answer.status_code, "restore it before it is changed" in problem_of(answer)) == (409, True)
    await ann.post(f"{project}/restore", follow=True)
    assert 'id="quick"' in await ann.read(project)


async def test_a_project_is_deleted_by_whoever_types_its_key(ann):
    project = await ann.project("Garden")
    answer = await ann.post(f"{project}/delete", confirm="nothing")
    assert (answer.status_code, problem_of(answer)) == (422, "Type GAR to say that you mean it.")
    await ann.post(f"{project}/delete", confirm="gar", follow=True)
    assert (await ann.get(project)).status_code == 404


async def test_tasks_stand_in_columns_and_move(ann):
    project = await ann.project()
    await ann.task(project, "dig")
    task = await ann.task(project, "plant")
    assert columns_of(await ann.read(project)) == {"todo": ["plant", "dig"], "doing": [], "done": []}
    page = await ann.post(f"{task}/status", status="doing", back=project, follow=True)
    assert page.url.path == project
    assert columns_of(page.text) == {"todo": ["dig"], "doing": ["plant"], "done": []}
    assert "The task is moved." in page.text
    page = await ann.post(f"{task}/status", status="done", back="//evil.example", follow=True)
    assert page.url.path == task
    answer = await ann.post(f"{task}/status", status="never")
    assert (answer.status_code, "there is no such status" in problem_of(answer).lower()) == (422, True)


async def test_a_task_without_a_title_is_none(ann):
    project = await ann.project()
    for title, said in (("  ", "Fill this in."), ("x" * 201, "At most 200 characters.")):
        answer = await ann.post(f"{project}/tasks", title=title)
        assert (answer.status_code, problem_of(answer)) == (422, said)
        assert value_of(answer.text, "title") == title
    assert f'value="{project}"' in answer.text, "the way back is to the board, not to where the form was sent"


async def test_the_board_is_filtered_searched_and_sorted(ann, client):
    project = await ann.project()
    label_page = await ann.post(f"{project}/labels", name="bug", colour="#112233", follow=True)
    label = found(r"name-(\d+)", label_page.text)
    yesterday = (datetime.now(UTC) - timedelta(days=2)).date().isoformat()
    for title, fields in {
        "mine": {"assignee_id": "me"},
        "late": {"due_day": yesterday},
        "labelled": {"label_ids": label, "labels_shown": "1"},
        "urgent": {"priority": "4"},
    }.items():
        task = await ann.task(project, title)
        if fields.get("assignee_id"):
            fields["assignee_id"] = found(r'<option value="(\d+)"[^>]*>ann', await ann.read(task))
        await ann.post(task, {"title": title, **fields}, follow=True)
    for query, expected in {
        "mine=1": ["mine"],
        "overdue=1": ["late"],
        f"label={label}": ["labelled"],
        "q=urg": ["urgent"],
        "q=nothing": [],
        "sort=id": ["mine", "late", "labelled", "urgent"],
        "sort=-priority": ["urgent", "labelled", "late", "mine"],
        "sort=due": ["late", "mine", "labelled", "urgent"],
        # what is wrong filters nothing
        "label=x&sort=y&status=z": ["urgent", "labelled", "late", "mine"],
        "label=99999999999999999999": ["urgent", "labelled", "late", "mine"],
    }.items():
        page = await ann.read(f"{project}?{query}")
        assert columns_of(page)["todo"] == expected, query
    assert "overdue:" in page
    answer = await ann.post(f"{task}/status", status="done", back=f"{project}?q=urg", follow=True)
    assert columns_of(answer.text) == {"todo": [], "doing": [], "done": ["urgent"]}


async def test_a_long_column_goes_on_by_a_cursor(ann):
    project = await ann.project()
    for number in range(27):
        await ann.post(f"{project}/tasks", title=f"task {number}")
    page = await ann.read(f"{project}?sort=id")
    assert columns_of(page)["todo"] == [f"task {number}" for number in range(25)]
    more = found(r'href="([^"]*cursor=[^"]*)"', page).replace("&amp;", "&")
    page = await ann.read(more)
    assert columns_of(page) == {"todo": ["task 25", "task 26"]}
    assert f'href="{project}?sort=id"' in page
    answer = await ann.get(f"{project}?status=todo&cursor=x")
    assert answer.status_code == 422


async def test_members_are_added_changed_and_removed(visitor, ann):
    project = await ann.project()
    bob = await visitor().register("bob")
    assert (await bob.get(project)).status_code == 404
    await let_in(ann, project, "bob@example.org", "viewer")
    page = await bob.read(project)
    assert 'id="quick"' not in page
    assert (await bob.post(f"{project}/tasks", title="dig")).status_code == 403
    members = await ann.read(f"{project}/members")
    bob_id = found(r"role-(\d+)", members)
    page = await ann.post(f"{project}/members/{bob_id}", role="editor", follow=True)
    assert "Their role is changed." in page.text
    await bob.post(f"{project}/tasks", title="dig", follow=True)
    assert (await bob.post(f"{project}/members/{bob_id}", role="owner")).status_code == 403
    page = await bob.post(f"{project}/members/{bob_id}/remove", follow=True)
    assert (page.url.path, "You have left the project." in page.text) == ("/app/projects", True)
    await let_in(ann, project, "bob@example.org", "viewer")
    await ann.post(f"{project}/members/{bob_id}/remove", follow=True)
    assert (await bob.get(project)).status_code == 404
    answer = await ann.post(f"{project}/members/{bob_id}", role="king")
    assert answer.status_code == 422


@pytest.mark.parametrize(
    ("email", "status", "said"),
    [
        ("nobody@example.org", 422, "Nobody is registered with this address."),
        ("nobody", 422, "Write an address such as ann@example.org."),
        ("ann@example.org", 409, "They are a member of the project already."),
    ],
)
async def test_who_cannot_be_added(ann, email, status, said):
    project = await ann.project()
    answer = await ann.post(f"{project}/members", email=email)
    assert (answer.status_code, problem_of(answer)) == (status, said)
    assert value_of(answer.text, "email") == email


async def test_labels_are_made_changed_and_deleted(ann):
    project = await ann.project()
    assert "There are no labels yet." in await ann.read(f"{project}/labels")
    page = await ann.post(f"{project}/labels", name="bug", colour="#AA0000", follow=True)
    label = found(r"name-(\d+)", page.text)
    assert 'value="#aa0000"' in page.text
    answer = await ann.post(f"{project}/labels", name="bug")
    assert (answer.status_code, problem_of(answer)) == (409, "The project has a label of this name.")
    answer = await ann.post(f"{project}/labels/{label}", name="", colour="#aa0000")
    assert (answer.status_code, problem_of(answer)) == (422, "Fill this in.")
    assert f'aria-describedby="name-{label}-error"' in answer.text
    answer = await ann.post(f"{project}/labels/{label}", name="x", colour="red")
    assert answer.status_code == 422
    page = await ann.post(f"{project}/labels/{label}", name="fault", colour="#00aa00", follow=True)
    assert 'value="fault"' in page.text
    await ann.post(f"{project}/labels/{label}/delete", follow=True)
    assert "There are no labels yet." in await ann.read(f"{project}/labels")


async def test_exports_are_asked_for_and_waited_for(ann):
    project = await ann.project()
    assert "You have not exported this project yet." in await ann.read(f"{project}/exports")
    page = await ann.post(f"{project}/exports", format="csv", follow=True)
    assert "being written" in page.text
    assert 'hx-trigger="every 2s"' in page.text
    assert (await ann.get("/app/exports/1/download")).status_code == 404, "not before it is written"
    answer = await ann.post(f"{project}/exports", format="xml")
    assert (answer.status_code, "An export is written as CSV or JSON." in problem_of(answer)) == (422, True)


async def test_the_activity_is_told_in_words(ann):
    project = await ann.project()
    task = await ann.task(project, "dig")
    await ann.post(
        task, {"status": "doing", "priority": "4", "due_day": "2027-03-05", "due_time": "10:00", "description": "x"}
    )
    await ann.post(f"{task}/comments", body="why?")
    await ann.post(f"{project}/labels", name="bug")
    text = plain(await ann.read(f"{project}/activity"))
    for line in (
        "ann created the label “bug”",
        "ann added a comment ( GAR-1 )",
        "ann changed the status from To do to Doing ( GAR-1 )",
        "ann changed the priority from Normal to Highest",
        "ann changed the due time from none to 5 Mar 2027, 10:00",
        "ann changed the description",
        "ann created the task “dig”",
        "ann created the project “Garden”",
    ):
        assert line in text


async def test_markup_is_text_wherever_somebody_writes(visitor, ann):
    """In each field of each form: what comes back holds no element that somebody has written."""
    project = await ann.project(MARKUP[:120], description=MARKUP)
    await ann.post("/app/settings/profile", name=MARKUP[:120], time_zone="UTC", follow=True)
    await ann.post(f"{project}/labels", name=MARKUP[:64], follow=True)
    task = await ann.task(project, MARKUP)
    await ann.post(task, {"title": MARKUP, "description": MARKUP}, follow=True)
    await ann.post(f"{task}/comments", body=MARKUP, follow=True)
    await ann.post(f"{task}/subtasks", title=MARKUP, follow=True)
    made = await ann.post("/app/settings/tokens", token_name=MARKUP[:120])
    paths = ("/app/projects", project, f"{project}/members", f"{project}/labels", f"{project}/activity", f"{project}/settings", f"{project}/exports", task, "/app/settings", "/app/notifications")  # fmt: skip
    pages = [made.text, *[await ann.read(path) for path in paths]]
    # and in what is shown again because it is wrong
    pages.append(
        (await ann.post(task, {"title": MARKUP * 9, "description": MARKUP, "parent": MARKUP, "due_day": MARKUP})).text
    )
    pages.append((await ann.post(f"{project}/members", email=MARKUP)).text)
    pages.append((await ann.post("/app/projects", name=MARKUP * 9, key=MARKUP, description=MARKUP)).text)
    pages.append((await visitor().get(f"/app/sign-in?next={MARKUP}")).text)
    pages.append((await ann.get(f"{project}?q={MARKUP}&label={MARKUP}")).text)
    for page in pages:
        assert "<script>" not in page
        assert "<img" not in page
        assert "11106" not in re.sub(r"[0-9a-f]{12,}", "", page), "no template of somebody's was rendered"
    assert sum(ESCAPED in page for page in pages) >= 12
