"""The members that lint knows are those of botocore's model."""

from __future__ import annotations

from fairway.aws import shapes as writer
from fairway.lint.shapes import FILE, service_members, shapes


def test_the_file_is_current():
    assert FILE == writer.DEFAULT
    assert FILE.read_text(encoding="utf-8") == writer.write(), "python -m fairway.aws.shapes"


def test_each_member_holds_something_that_is_there():
    known = shapes()
    held = {holds for members in known.structures.values() for holds in members.values()}
    assert held - {""} <= set(known.structures) | set(known.values)


def test_a_service_has_the_members_of_both_calls():
    assert {"serviceName", "service", "forceNewDeployment", "desiredCount"} <= set(service_members())
