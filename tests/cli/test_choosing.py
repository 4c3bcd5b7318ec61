"""What chooses a release: tags of one and of all, what has changed, and what would change nothing."""

from __future__ import annotations

import subprocess

import pytest
from tests.cli.test_deploy import events, revision, service_of, tags_of

from fairway.cli.choices import read_tags
from fairway.errors import UsageError


@pytest.mark.parametrize(
    ("words", "tag", "tags"),
    [
        ([], None, ()),
        (["v2"], "v2", ()),
        (["api=v2", "worker=v3"], None, (("api", "v2"), ("worker", "v3"))),
        (["v1", "api=v2", "v1"], "v1", (("api", "v2"),)),
    ],
)
def test_tags(words, tag, tags):
    assert read_tags(words) == (tag, tags)


@pytest.mark.parametrize("tag", ["a b", "-x", "a/b", "a:b", "a\n", "ä", "v" * 129])
def test_what_cannot_be_a_tag_is_refused_before_anything_is_done(tag):
    for words in ([tag], [f"api={tag}"]):
        with pytest.raises(UsageError, match="cannot be a tag"):
            read_tags(words)


@pytest.mark.parametrize("words", [["v1", "v2"], ["api=v1", "api=v2"], ["api="], ["=v1"], [""]])
def test_no_tags(words):
    with pytest.raises(UsageError, match="--tag"):
        read_tags(words)


@pytest.mark.slow
def test_each_service_by_its_own_tag(project, fairway, ecs):
    code, out, err = fairway("deploy", "--tag", "api=v2", "--tag", "worker=v3", "--json")
    assert code == 0, out + err
    assert events(out, "started")[0]["version"] == "api=v2, worker=v3"
    versions = {
        key: tags_of(ecs, f"{project.cluster}-{key}")["fairway:version"] for key in ("worker", "api", "migrations")
    }
    assert versions == {"worker": "v3", "api": "v2", "migrations": "v2"}, "migrations run before the API alone"
    code, out, err = fairway("deploy", "--tag", "worker=v4", "--json")
    assert code == 0, out + err
    assert events(out, "started")[0]["services"] == ["worker"], "a tag names what is deployed"
    code, _, err = fairway("deploy", "--tag", "apo=v2")
    assert code == 2
    assert 'did you mean "api"' in err


@pytest.mark.slow
def test_what_serves_already_is_not_deployed_again(project, fairway, ecs):
    assert fairway("deploy", "--tag", "v1")[0] == 0
    code, out, _ = fairway("deploy", "--tag", "v1", "--json")
    assert code == 0
    assert [event["service"] for event in events(out, "unchanged")] == ["worker", "api"]
    assert events(out, "started", "registered", "one_off_started") == []
    document = project.read("worker.task.json")
    document["containerDefinitions"][0]["environment"] = [{"name": "LOG_LEVEL", "value": "DEBUG"}]
    project.write("worker.task.json", document)
    code, out, _ = fairway("deploy", "--tag", "v1", "--json")
    assert code == 0
    assert events(out, "started")[0]["services"] == ["worker"]
    code, out, _ = fairway("deploy", "api", "--tag", "v1", "--force", "--json")
    assert code == 0
    assert revision(service_of(ecs, project)["taskDefinition"]) == 2


def git(project, *words):
    identity = ("-c", "user.name=anna", "-c", "user.email=anna@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *identity, *words], cwd=project.root, check=True, capture_output=True)


@pytest.mark.slow
def test_only_what_has_changed_since_a_revision(project, fairway):
    toml = project.root / "fairway.toml"
    text = toml.read_text().replace("[services.api]", '[services.api]\npaths = ["src/api/**", "deploy/api.*"]')
    toml.write_text(text.replace("[services.worker]", '[services.worker]\npaths = ["src/worker/**/*.py"]'))
    for name in ("src/api/a/b.py", "src/worker/w.py", "README.md"):
        (project.root / name).parent.mkdir(parents=True, exist_ok=True)
        (project.root / name).write_text("1\n")
    git(project, "init", "-q")
    git(project, "add", "-A")
    git(project, "commit", "-qm", "first")
    (project.root / "README.md").write_text("2\n")
    code, out, _ = fairway("deploy", "--tag", "v1", "--changed-since", "HEAD")
    assert code == 0
    assert "nothing that a service is made of has changed since HEAD: nothing to deploy" in out
    (project.root / "src/api/a/b.py").write_text("2\n")
    code, out, _ = fairway("deploy", "--tag", "v1", "--changed-since", "HEAD", "--json")
    assert code == 0
    assert events(out, "started")[0]["services"] == ["api"]
    (project.root / "src/worker/new.py").write_text("not in the index\n")
    code, out, _ = fairway("deploy", "--tag", "v2", "--changed-since", "HEAD", "--json")
    assert events(out, "started")[0]["services"] == ["worker", "api"]
    code, _, err = fairway("deploy", "--tag", "v2", "--changed-since", "nothing-like-it")
    assert code == 2
    assert "git does not know that revision" in err
