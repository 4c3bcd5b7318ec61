"""Verifies services whose deployment has just ended: by what AWS says, then by what the project's file asks for.

What cannot be checked from here (no connection, no address, a variable that is not set) is said, and is no failure unless the
file says `required = true`. A check that fails is done once more: only what fails twice counts, since a release must not go
back for a single answer that was lost.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final, assert_never

from fairway.aws.addresses import addresses
from fairway.aws.patience import asking_again
from fairway.aws.session import AwsError, CredentialsError
from fairway.clock import monotonic
from fairway.deployment.begun import Begun
from fairway.deployment.follow import newest_since
from fairway.deployment.progress import Change
from fairway.deployment.smoke import check_task
from fairway.deployment.standing import is_superseded, lacks
from fairway.deployment.subject import Finding, Health
from fairway.endpoint.client import TIMEOUT_SECONDS
from fairway.endpoint.journey import check_journey
from fairway.endpoint.requests import check_request
from fairway.endpoint.result import CheckResult, State
from fairway.project.checks import JourneyCheck, RequestCheck, TaskCheck

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fairway.aws.observe import Observer
    from fairway.aws.pace import Pace
    from fairway.deployment.progress import Listener
    from fairway.deployment.subject import Subject
    from fairway.observed import Service
    from fairway.project.checks import Verification

PATIENCE_SECONDS: Final = 120.0
"""How long targets may take to be as they should: real seconds."""
_FROM_AWS: Final = "tasks and targets"


def verify(
    observer: Observer,
    pace: Pace,
    listener: Listener,
    subjects: Sequence[Subject],
    *,
    version: str | None,
    url: str | None,
    seconds: float = PATIENCE_SECONDS,
    begun: Begun | None = None,
    deadline: float | None = None,
    timeout: float = TIMEOUT_SECONDS,
) -> dict[str, Finding]:
    """What is found out about each subject, by key.

    `version` is put in for `{{ tag }}`; `url` is the environment's address, used where neither the check nor the service has
    one; `seconds` is the patience with tasks and targets; `deadline` (by the monotonic clock) ends one-off tasks' wait, and
    `begun` hears of them; `timeout` is that of one request.
    """
    verifying = _Verifying(observer, pace, listener, version, url, begun or Begun(), deadline, timeout)
    stands = verifying.standing(subjects, seconds)
    return {subject.key: verifying.subject(subject, stands[subject.key]) for subject in subjects}


class _Verifying:
    def __init__(
        self,
        observer: Observer,
        pace: Pace,
        listener: Listener,
        version: str | None,
        url: str | None,
        begun: Begun,
        deadline: float | None,
        timeout: float,
    ) -> None:
        self._observer = observer
        self._pace = pace
        self._listener = listener
        self._version = version
        self._url = url
        self._begun = begun
        self._deadline = deadline
        self._timeout = timeout
        self._services: dict[str, Service] = {}

    # -- from AWS ----------------------------------------------------------------------------------------------------

    def standing(self, subjects: Sequence[Subject], seconds: float) -> dict[str, Finding]:
        """Wait until each stands as deployed, or patience ends; all of them are asked for together."""
        limit = monotonic() + seconds
        found: dict[str, Finding] = {}
        while True:
            waiting = [subject for subject in subjects if subject.key not in found]
            is_over = monotonic() >= limit
            found |= self._look(waiting, is_over=is_over)
            if len(found) == len(subjects):
                return found
            self._pace.wait()
            while not self._pace.details_are_due() and monotonic() < limit:
                self._pace.wait()

    def _look(self, waiting: Sequence[Subject], *, is_over: bool) -> dict[str, Finding]:
        found = {}
        try:
            with asking_again():
                services = self._observer.services([subject.name for subject in waiting])
                for subject in waiting:
                    finding = self._stands(subject, services.get(subject.name), is_over=is_over)
                    if finding is not None:
                        found[subject.key] = finding
        except (AwsError, CredentialsError) as error:
            if is_over or isinstance(error, CredentialsError):
                left = [subject for subject in waiting if subject.key not in found]
                text = f"AWS cannot be asked: {error.message}"
                found |= {subject.key: Finding(Health.INCONCLUSIVE, text) for subject in left}
        return found

    def _stands(self, subject: Subject, service: Service | None, *, is_over: bool) -> Finding | None:
        if service is None or service.status != "ACTIVE":
            return Finding(Health.SUPERSEDED, f"the service {subject.name} was deleted meanwhile")
        self._services[subject.key] = service
        if is_superseded(service, subject.target.arn, subject.since):
            newer = newest_since(self._observer, subject.name, subject.since)
            text = newer.text() if newer is not None else f"superseded by {service.task_definition.rsplit('/', 1)[-1]}"
            return Finding(Health.SUPERSEDED, text)
        tasks = self._observer.tasks(subject.name)
        targets = self._observer.targets(service.target_groups)
        found = lacks(service, tasks, targets, subject.target.arn)
        evidence = {"tasks": len(tasks), "targets": len(targets), "missing": [lack.text for lack in found]}
        if not found:
            behind = f", and they alone serve behind {len(service.target_groups)} target group(s)" if targets else ""
            text = f"{len(tasks)} of {service.desired} tasks of {subject.target.label()} run{behind}"
            return Finding(Health.HEALTHY, text, evidence)
        if not is_over:
            return None
        health = Health.UNHEALTHY if any(lack.is_wrong for lack in found) else Health.INCONCLUSIVE
        return Finding(health, "; ".join(lack.text for lack in found), evidence)

    # -- by the file -------------------------------------------------------------------------------------------------

    def subject(self, subject: Subject, stands: Finding) -> Finding:
        """All that is found out about a service."""
        state = State.PASSED if stands.health is Health.HEALTHY else State.FAILED
        self._tell(subject, CheckResult(_FROM_AWS, state, stands.text))
        if stands.health is not Health.HEALTHY:
            # what does not stand as deployed is not asked: its answers would be somebody else's
            finding = Finding(stands.health, stands.text, {"aws": dict(stands.evidence), "checks": []})
        else:
            results = [(check, self._twice(subject, check)) for check in subject.verify]
            finding = _conclude(stands, results)
        fields = {"health": str(finding.health), "reason": finding.text, "task_definition": subject.target.arn}
        bad = finding.health in {Health.UNHEALTHY, Health.SUPERSEDED}
        self._listener.change(
            Change(
                "verify_verdict", subject.name, f"verified: {finding.health}: {finding.text}", fields, is_problem=bad
            )
        )
        return finding

    def _twice(self, subject: Subject, check: Verification) -> CheckResult:
        result = self._check(subject, check)
        if result.state is State.FAILED and not isinstance(check, TaskCheck):
            self._tell(subject, CheckResult(result.check, result.state, f"{result.text}; once more", result.figures))
            self._pace.wait()
            result = self._check(subject, check)
        self._tell(subject, result)
        return result

    def _check(self, subject: Subject, check: Verification) -> CheckResult:
        if isinstance(check, TaskCheck):
            return check_task(
                self._observer,
                self._pace,
                self._listener,
                check,
                target=subject.target,
                service=self._services[subject.key],
                version=self._version_of(subject),
                begun=self._begun,
                deadline=self._deadline,
            )
        url = check.url or self._url or self._local_address(subject)
        if url is None:
            name = f"GET {check.path}" if isinstance(check, RequestCheck) else check.path.name
            text = f"{name}: not checked from here: the environment says no url"
            return CheckResult(name, State.NOT_REACHED, text)
        version, timeout = self._version_of(subject), self._timeout
        match check:
            case RequestCheck():
                return check_request(check, url, version=version, variables=os.environ, timeout=timeout)
            case JourneyCheck():
                return check_journey(check, url, version=version, variables=os.environ, timeout=timeout)
            case _:
                assert_never(check)

    def _version_of(self, subject: Subject) -> str | None:
        return self._version or subject.target.version or None

    def _local_address(self, subject: Subject) -> str | None:
        if not self._observer.aws.is_local:
            return None
        try:
            found = addresses(self._observer.aws, self._services[subject.key].target_groups)
        except AwsError:
            return None
        return found[0] if found else None

    def _tell(self, subject: Subject, result: CheckResult) -> None:
        fields = {"check": result.check, "state": str(result.state), "text": result.text, **result.figures}
        self._listener.change(
            Change("verification", subject.name, result.text, fields, is_problem=result.state is State.FAILED)
        )


def _conclude(stands: Finding, results: Sequence[tuple[Verification, CheckResult]]) -> Finding:
    """One verdict of all checks: the first kind of trouble decides. Pure."""
    evidence: dict[str, Any] = {
        "aws": dict(stands.evidence),
        "checks": [result.as_evidence() for _, result in results],
    }
    failed = [
        result.text
        for check, result in results
        if result.state is State.FAILED or (result.state is not State.PASSED and getattr(check, "required", False))
    ]
    if failed:
        return Finding(Health.UNHEALTHY, "; ".join(failed), evidence)
    open_ends = [
        result.text for check, result in results if isinstance(check, TaskCheck) and result.state is not State.PASSED
    ]
    if open_ends:
        return Finding(Health.INCONCLUSIVE, "; ".join(open_ends), evidence)
    passed = sum(result.state is State.PASSED for _, result in results)
    unchecked = [result.text for _, result in results if result.state is not State.PASSED]
    checks = f"; {passed} of {len(results)} checks passed" if results else ""
    return Finding(Health.HEALTHY, "; ".join([f"{stands.text}{checks}", *unchecked]), evidence)
