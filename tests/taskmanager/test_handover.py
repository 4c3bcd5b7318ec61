from __future__ import annotations

import pytest
from tests.taskmanager.calls import assert_problem

from taskmanager.members.handover import refusal


@pytest.mark.parametrize(
    ("is_themselves", "is_owner_still", "has_successor", "refused"),
    [
        pytest.param(True, False, True, False, id="who made the project steps down for another owner"),
        pytest.param(True, False, False, True, id="the last owner stays"),
        pytest.param(False, False, True, True, id="no other owner puts them out"),
        pytest.param(True, True, True, True, id="to become what one is hands nothing over"),
    ],
)
def test_who_may_hand_a_project_over(is_themselves, is_owner_still, has_successor, refused):
    problem = refusal(is_themselves=is_themselves, is_owner_still=is_owner_still, has_successor=has_successor)
    assert (problem is not None) is refused
    assert problem is None or (problem.status, problem.code) == (409, "owner-stays")


async def shared(person):
    """Ann's project with a task of each; Bob and then Eve are owners too."""
    ann, bob, eve = await person("ann"), await person("bob"), await person("eve")
    project = await ann.project()
    await ann.let_in(project, bob, "owner")
    await ann.let_in(project, eve, "owner")
    for one in (ann, bob):
        await one.task(project, assignee_id=ann.id)
    return ann, bob, eve, project


async def test_who_made_a_project_steps_down_and_the_oldest_owner_has_it(person):
    ann, bob, eve, project = await shared(person)
    path = f"/projects/{project['id']}"
    answer = await ann.patch(f"{path}/members/{ann.id}", {"role": "editor"})
    assert (answer.status_code, answer.json()["role"]) == (200, "editor")
    assert [(row["user_id"], row["role"]) for row in (await eve.read(f"{path}/members"))["results"]] == [
        (bob.id, "owner"),
        (ann.id, "editor"),
        (eve.id, "owner"),
    ]
    assert (await ann.read(path))["owner_id"] == bob.id
    assert_problem(await ann.patch(path, {"name": "mine"}), 403, "role-too-low")
    tasks = [task["id"] for task in (await ann.read(f"{path}/tasks"))["results"]]
    tasks.insert(0, (await ann.task(project, "one more"))["id"])
    for one in (ann, bob, eve):
        assert await one.ids() == tasks, "all see what they saw"
    told = (await bob.read(f"{path}/activity"))["results"]
    assert ("owner_id", ann.id, bob.id) in [(row["field"], row["old_value"], row["new_value"]) for row in told]
    assert (await bob.delete(path)).status_code == 204, "the next owner may do all that an owner may"
    assert await ann.ids() == []


async def test_who_made_a_project_leaves(person):
    ann, bob, eve, project = await shared(person)
    path = f"/projects/{project['id']}"
    assert (await ann.delete(f"{path}/members/{ann.id}")).status_code == 204
    assert_problem(await ann.get(path), 404, "project-not-found")
    assert await ann.ids() == []
    assert [task["assignee_id"] for task in (await bob.read(f"{path}/tasks"))["results"]] == [None, None]
    # and so on, until one is left
    assert (await bob.delete(f"{path}/members/{bob.id}")).status_code == 204
    assert_problem(await eve.delete(f"{path}/members/{eve.id}"), 409, "owner-stays")
    assert_problem(await eve.patch(f"{path}/members/{eve.id}", {"role": "viewer"}), 409, "owner-stays")
    assert (await eve.read(path))["role"] == "owner"


async def test_nothing_is_handed_over_to_somebody_who_has_the_key_already(person):
    ann, bob, _, project = await shared(person)
    await bob.project(key=project["key"])
    path = f"/projects/{project['id']}/members/{ann.id}"
    assert_problem(await ann.patch(path, {"role": "viewer"}), 409, "key-taken")
    assert (await ann.read(f"/projects/{project['id']}"))["owner_id"] == ann.id
