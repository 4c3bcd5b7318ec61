"""What a failure says: whole texts, each of a way in which deployments fail."""

from __future__ import annotations

import pytest
from tests.deployment.builders import (
    GROUP,
    a_definition,
    a_picture,
    a_record,
    a_rollout,
    a_service,
    a_stopped_task,
    a_task,
    an_event,
    at,
)

from fairway.deployment.causes import telling_line
from fairway.deployment.diagnosis import diagnose, render
from fairway.observed import HealthCheck, LogTail, Target

ROLLED_BACK = a_record("ROLLBACK_SUCCESSFUL", rollback_reason="ECS deployment circuit breaker: tasks failed to start.")
SERVICE = a_service(a_rollout(1, running=3, state="COMPLETED"))
EXITED = "Essential container in task exited"
ELB = f"Task failed ELB health checks in (target-group {GROUP})"
CHECK = HealthCheck(GROUP, path="/health", matcher="200-299", interval_seconds=30, unhealthy_threshold=2)
TRACE = (
    "Traceback (most recent call last):",
    '  File "/app/main.py", line 3, in <module>',
    "    import redis",
    "ModuleNotFoundError: No module named 'redis'",
)


def text_of(picture):
    return "\n".join(render(diagnose(picture, address="api")))


def unhealthy(task, reason):
    message = (
        f"(service api) (task {task.id}) (port 8000) is unhealthy in (target-group {GROUP}) due to (reason {reason})"
    )
    return an_event(message, number=task.id)


def failed(tasks, *, lines=None, missing="", service=SERVICE, target=None, **fields):
    log = (
        LogTail(tasks[0].id, "api", tuple(lines or ()), missing, "/ecs/api", "api/api/1") if lines or missing else None
    )
    definition = target or a_definition()
    old = a_definition(1, version="v1")
    return a_picture(
        service,
        deployment=fields.pop("deployment", ROLLED_BACK),
        target=definition,
        definitions={definition.arn: definition, old.arn: old},
        stopped=tuple(tasks),
        logs=() if log is None else (log,),
        **fields,
    )


def test_a_crash_at_start_shows_the_exception_first():
    tasks = [a_stopped_task(n, reason=EXITED, exit_code=1, lived=1) for n in (1, 2, 3)]
    assert (
        text_of(failed(tasks, lines=TRACE))
        == """\
api: shop-api:2 (v2) failed and was rolled back; shop-api:1 (v1) serves, 3 of 3 tasks run

  3 tasks of shop-api:2 (v2) stopped: Essential container in task exited
    container api: exit code 1
    tasks 00000000, 00000000, 00000000; the newest ran for 1 s
    likely cause: the program ended with exit code 1 after 1 s: ModuleNotFoundError: No module named 'redis'
    last lines of api in 00000000 (/ecs/api):
      | Traceback (most recent call last):
      |   File "/app/main.py", line 3, in <module>
      |     import redis
      | ModuleNotFoundError: No module named 'redis'
    to do: correct it, and deploy again

  next: fairway logs api --stopped"""
    )


def test_an_image_that_does_not_exist():
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/shop-api:v2"
    target = a_definition(containers=[{"name": "api", "image": image}])
    reason = f"CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref {image}"
    tasks = [a_stopped_task(1, reason=reason, code="TaskFailedToStart")]
    assert (
        text_of(failed(tasks, target=target, missing="there is no stream api/api/1 in /ecs/api"))
        == f"""\
api: shop-api:2 (v2) failed and was rolled back; shop-api:1 (v1) serves, 3 of 3 tasks run

  1 task of shop-api:2 (v2) stopped before it ran: {reason}
    task 00000000
    likely cause: the image {image} does not exist
    no log lines: there is no stream api/api/1 in /ecs/api
    to do: push it, or choose a tag of: aws ecr list-images --repository-name shop-api (not v2)

  next: fairway history api"""
    )


def test_an_image_of_a_repository_that_does_not_exist():
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/shop-apj:v2"
    target = a_definition(containers=[{"name": "api", "image": image}])
    tasks = [a_stopped_task(1, reason=f"CannotPullContainerError: {image}: not found", code="TaskFailedToStart")]
    picture = failed(tasks, target=target, missing_repositories=frozenset({"shop-apj"}))
    [cause] = diagnose(picture, address="api").causes
    assert cause.remedy == "ECR has no repository shop-apj: correct its name, or make it and push the image"


def test_a_health_check_that_asks_the_wrong_path():
    task = a_stopped_task(1, reason=ELB, code="ServiceSchedulerInitiated", exit_code=0, lived=95)
    service = a_service(a_rollout(1, running=3), events=(unhealthy(task, "Health checks failed with these codes: [404]"),), groups=(GROUP,), grace=60)  # fmt: skip
    assert (
        text_of(failed([task], service=service, checks=(CHECK,), lines=("INFO started",)))
        == f"""\
api: shop-api:2 (v2) failed and was rolled back; shop-api:1 (v1) serves, 3 of 3 tasks run

  1 task of shop-api:2 (v2) stopped: {ELB}
    container api: exit code 0
    target: Health checks failed with these codes: [404]
    task 00000000; the newest ran for 95 s
    likely cause: /health answers 404, where 200-299 is wanted
    last lines of api in 00000000 (/ecs/api):
      | INFO started
    to do: correct the target group's path, or add the route

  next: fairway logs api --stopped"""
    )


def test_a_first_deployment_that_is_stuck_says_what_runs_and_what_is_unwell():
    target = Target(GROUP, "10.0.0.9", 8000, "unhealthy", "Target.Timeout", "Request timed out")
    picture = a_picture(
        a_service(a_rollout(pending=1, running=2), groups=(GROUP,)),
        tasks=(a_task(1), a_task(2)),
        targets=(target, target),
        checks=(CHECK,),
    )
    assert (
        text_of(picture)
        == """\
api: shop-api:2 (v2) is being deployed (IN_PROGRESS); 2 of 3 tasks run

  2 targets are unhealthy: Request timed out
    such as 10.0.0.9:8000
    the load balancer asks /health and wants 200-299

  next: fairway rollback api"""
    )


def test_a_service_that_is_well_says_so():
    picture = a_picture(a_service(a_rollout(running=3)), deployment=a_record("SUCCESSFUL"))
    assert (
        text_of(picture)
        == """\
api: shop-api:2 (v2) was deployed; 3 of 3 tasks run
  all is well now, as far as ECS remembers (it keeps stopped tasks for about an hour)

  next: fairway status api"""
    )


HEALTH = {"command": ["CMD-SHELL", "curl -f http://localhost:8000/health || exit 1"], "interval": 30, "retries": 3, "startPeriod": 40}  # fmt: skip
BALANCED = {"loadBalancers": [{"targetGroupArn": GROUP, "containerName": "api", "containerPort": 8000}]}
CONTAINER = "Task failed container health checks"
WATCHED = {
    "healthCheck": HEALTH,
    "portMappings": [{"containerPort": 8000}],
    "logConfiguration": {"logDriver": "awslogs"},
}


@pytest.mark.parametrize(
    ("task", "lines", "container", "kind", "likely"),
    [
        pytest.param({"reason": EXITED, "exit_code": 137, "why": "OutOfMemoryError: Container killed due to memory usage"}, (), {"memory": 512}, "out-of-memory", "more memory than its limit of 512 MiB", id="memory"),
        pytest.param({"reason": EXITED, "exit_code": 137}, (), {}, "killed", "SIGKILL", id="killed"),
        pytest.param({"reason": EXITED, "exit_code": 139}, (), {}, "signal", "SIGSEGV", id="crashed in native code"),
        pytest.param({"reason": EXITED, "exit_code": 0, "lived": 2}, (), {}, "ended", "ended by itself after 2 s", id="a service whose command ends"),
        pytest.param({"reason": EXITED, "exit_code": 127}, ("sh: celery: not found",), {}, "command", "command does not exist", id="no such command"),
        pytest.param({"reason": EXITED, "exit_code": 2}, ('{"event": "start", "level": "info"}', '{"level": "error", "exception": "Traceback\\nOperationalError: no such table: users"}'), {}, "crash", "OperationalError: no such table: users", id="an exception inside JSON"),
        pytest.param({"reason": "ResourceInitializationError: unable to pull secrets or registry auth: The task can't retrieve the secret with ARN 'arn:aws:secretsmanager:us-east-1:123456789012:secret:db' from Secrets Manager.", "code": "TaskFailedToStart"}, (), {"secrets": [{"name": "DATABASE_URL", "valueFrom": "arn:aws:secretsmanager:us-east-1:123456789012:secret:db"}]}, "secret-missing", "arn:aws:secretsmanager:us-east-1:123456789012:secret:db (DATABASE_URL of api) does not exist", id="a secret that is missing"),
        pytest.param({"reason": "CannotStartContainerError: no such file", "code": "TaskFailedToStart"}, (), {}, "cannot-start", "cannot be started", id="cannot be started"),
        pytest.param({"reason": "CannotPullContainerError: pull access denied", "code": "TaskFailedToStart"}, (), {}, "image-denied", "may not pull", id="image denied"),
        pytest.param({"reason": "Task failed container health checks", "code": "ServiceSchedulerInitiated", "exit_code": 0}, (), {"healthCheck": HEALTH}, "container-health-check", "`curl -f http://localhost:8000/health || exit 1` failed 3 times, 30 s apart, after a start period of 40 s", id="the container's own check"),
        pytest.param({"reason": ELB, "code": "ServiceSchedulerInitiated", "exit_code": 0}, ("INFO Uvicorn running on http://0.0.0.0:9000 (Press CTRL+C to quit)",), {}, "health-check-port", "listens on 9000, but the load balancer asks port 8000", id="the wrong port"),
        pytest.param({"reason": ELB, "code": "ServiceSchedulerInitiated", "exit_code": 0}, (), {}, "slow-start", "grace period of 60 s, then 2 failed checks 30 s apart", id="starts too slowly"),
        pytest.param({"reason": ELB, "code": "ServiceSchedulerInitiated", "exit_code": 0}, ("INFO Uvicorn running on http://127.0.0.1:27954 (Press CTRL+C to quit)",), {}, "slow-start", "it began to listen too late", id="listens too late, on a port that a local engine gave it"),
        pytest.param({"reason": ELB, "code": "ServiceSchedulerInitiated", "exit_code": 0, "health": "HEALTHY"}, (), {}, "health-check-unreachable", "own health check passes", id="the load balancer alone cannot reach it"),
        pytest.param({"reason": CONTAINER, "code": "ServiceSchedulerInitiated", "exit_code": 143, "lived": 60}, (), WATCHED, "slow-start", "log never says that it listens in the 60 s that it ran", id="silent until its checks had failed"),
        pytest.param({"reason": CONTAINER, "code": "ServiceSchedulerInitiated", "exit_code": 0}, ("GET / 200",) * 12, WATCHED, "container-health-check", "`curl", id="a log whose beginning is not known"),
        pytest.param({"reason": CONTAINER, "code": "ServiceSchedulerInitiated", "exit_code": 0}, ("loading the model",), WATCHED, "slow-start", "slower than its checks allow", id="busy with its start until its checks had failed"),
        pytest.param({"reason": CONTAINER, "code": "ServiceSchedulerInitiated", "exit_code": 0}, ('{"event":"Uvicorn running on http://127.0.0.1:27954 (Press CTRL+C to quit)"}',), WATCHED, "container-health-check", "the program listens, but its health check is not well", id="listens, and turns unhealthy"),
        pytest.param({"reason": CONTAINER, "code": "ServiceSchedulerInitiated", "exit_code": 0}, (), {"healthCheck": {"command": ["CMD-SHELL", "test -f /tmp/alive"]}, "logConfiguration": {}}, "container-health-check", "`test -f /tmp/alive` failed 3 times", id="a worker has no port"),
        pytest.param({"reason": "Your Spot Task was interrupted.", "code": "SpotInterruption"}, (), {}, "spot", "Spot capacity", id="Spot"),
        pytest.param({"reason": "Unexpected EC2 error while attempting to Create Network Interface with public IP assignment disabled in subnet 'subnet-0a1b2c': InsufficientFreeAddressesInSubnet", "code": "TaskFailedToStart"}, (), {}, "network", "subnet-0a1b2c has no free address", id="a full subnet"),
        pytest.param({"reason": "Timeout waiting for network interface provisioning to complete.", "code": "TaskFailedToStart"}, (), {}, "network", "no network interface", id="no network interface"),
        pytest.param({"reason": "something new", "code": "TaskFailedToStart"}, (), {}, "unknown", "no more than that", id="what nobody knows"),
    ],
)  # fmt: skip
def test_likely_causes(task, lines, container, kind, likely):
    target = a_definition(containers=[{"name": "api", "image": "shop/api:v2", "essential": True, **container}])
    service = a_service(a_rollout(1, running=3), groups=(GROUP,), grace=60, **BALANCED)
    picture = failed([a_stopped_task(1, **task)], lines=lines, target=target, service=service, checks=(CHECK,))
    cause = diagnose(picture, address="api").causes[0]
    assert cause.kind == kind
    assert likely in cause.likely
    assert cause.remedy


def test_an_answer_that_comes_too_late_is_no_slow_start():
    task = a_stopped_task(1, reason=ELB, code="ServiceSchedulerInitiated", exit_code=0)
    service = a_service(
        a_rollout(1, running=3), groups=(GROUP,), events=[unhealthy(task, "Request timed out")], **BALANCED
    )
    cause = diagnose(failed([task], service=service, checks=(CHECK,)), address="api").causes[0]
    assert (cause.kind, cause.likely) == (
        "health-check-timeout",
        "/health was not answered within 5 s: the program is busy or stuck",
    )


def test_tasks_are_counted_as_the_circuit_breaker_counted_them():
    """Five failed at once; two were stopped for it, and three when the failed revision was scaled in."""
    scaled = {
        "reason": "Scaling activity initiated by (deployment ecs-svc/2)",
        "code": "ServiceSchedulerInitiated",
        "lived": 30,
    }
    tasks = [
        *(
            a_stopped_task(n, reason=CONTAINER, code="ServiceSchedulerInitiated", health="UNHEALTHY", lived=30)
            for n in (1, 2)
        ),
        *(a_stopped_task(n, health="UNHEALTHY", **scaled) for n in (3, 4, 5)),
        a_stopped_task(6, health="HEALTHY", **scaled),
        a_stopped_task(7, health="UNHEALTHY", definition=1, **scaled),
    ]
    [cause] = diagnose(failed(tasks), address="api").causes
    assert cause.title == f"5 tasks of shop-api:2 (v2) stopped: {CONTAINER}"
    assert len(cause.tasks) == 5


@pytest.mark.parametrize(
    ("states", "can_go_back", "expected"),
    [
        pytest.param(["unhealthy", "unhealthy", "draining"], True, "fairway rollback api", id="nobody is served"),
        pytest.param(["unhealthy", "unhealthy"], False, "fairway history api", id="there is nothing to go back to"),
        pytest.param(["unhealthy", "healthy"], True, "fairway history api", id="one serves"),
    ],
)
def test_a_service_that_serves_nobody_goes_back(states, can_go_back, expected):
    targets = tuple(Target(GROUP, f"10.0.0.{n}", 8000, state) for n, state in enumerate(states))
    service = a_service(a_rollout(running=3, state="COMPLETED"), groups=(GROUP,))
    picture = a_picture(service, deployment=a_record("SUCCESSFUL", finished_at=at(0)), targets=targets)
    assert diagnose(picture, address="api", can_go_back=can_go_back).next_command == expected


def test_the_most_frequent_reason_comes_first_and_that_of_older_revisions_last():
    tasks = [
        a_stopped_task(1, reason=EXITED, exit_code=1, definition=1),
        a_stopped_task(2, reason=EXITED, exit_code=1),
        a_stopped_task(3, reason=EXITED, exit_code=3),
        a_stopped_task(4, reason=EXITED, exit_code=3),
    ]
    causes = diagnose(failed(tasks), address="api").causes
    assert [(cause.facts[0], len(cause.tasks)) for cause in causes] == [
        ("container api: exit code 3", 2),
        ("container api: exit code 1", 1),
        ("container api: exit code 1", 1),
    ]
    assert "shop-api:1 (v1)" in causes[-1].title


def test_what_failed_before_this_deployment_is_no_cause_of_it():
    old = a_stopped_task(1, reason="Old trouble", exit_code=1, definition=1)
    new = a_stopped_task(2, reason=EXITED, exit_code=2, stopped=90, created_at=at(60))
    record = a_record("ROLLBACK_SUCCESSFUL", seconds=50)
    diagnosis = diagnose(failed([new, old], deployment=record), address="api")
    assert [cause.tasks for cause in diagnosis.causes] == [(new.arn,)]
    assert diagnosis.earlier.startswith("earlier: 1 task stopped, the last of shop-api:1 (v1) at 12:01:00: Old trouble")


def test_older_failures_are_marked_when_nothing_newer_failed():
    old = a_stopped_task(1, reason="Old trouble", exit_code=1, definition=1)
    diagnosis = diagnose(failed([old], deployment=a_record("STOPPED", seconds=50)), address="api")
    [cause] = diagnosis.causes
    assert cause.title == "earlier: 1 task of shop-api:1 (v1) stopped before it ran: Old trouble"


def test_after_a_good_deployment_all_is_well_and_earlier_failures_are_one_line():
    hiccups = [a_stopped_task(number, reason=EXITED, exit_code=1, lived=5) for number in (1, 2)]
    record = a_record("SUCCESSFUL", finished_at=at(100))
    service = a_service(a_rollout(running=3), events=[an_event("(service api) was unable to place a task.", 20)])
    picture = a_picture(service, deployment=record, stopped=tuple(hiccups))
    assert text_of(picture).splitlines()[1:3] == [
        "  all is well now, as far as ECS remembers (it keeps stopped tasks for about an hour)",
        f"  earlier: 2 tasks stopped, the last of shop-api:2 (v2) at 12:01:00: {EXITED}",
    ]
    crashed = a_stopped_task(3, reason=EXITED, exit_code=1, lived=5, stopped=110)
    assert not diagnose(a_picture(service, deployment=record, stopped=(crashed,)), address="api").is_well


@pytest.mark.parametrize(
    ("name", "likely"),
    [
        pytest.param("fairway-shop-api-errors", "too many requests failed", id="our alarm on errors"),
        pytest.param("fairway-shop-api-latency-2", "answers were too slow", id="our alarm on latency"),
        pytest.param("queue-is-long", "beyond its limit", id="somebody's alarm"),
    ],
)
def test_an_alarm_that_failed_a_deployment_is_the_cause(name, likely):
    record = a_record("ROLLBACK_SUCCESSFUL", rollback_reason="alarm detected", alarms=(name,))
    [cause] = diagnose(a_picture(SERVICE, deployment=record), address="api").causes
    assert cause.kind == "alarm"
    assert name in cause.title
    assert likely in cause.likely
    later = a_record("SUCCESSFUL", alarms=(name,))
    assert diagnose(a_picture(SERVICE, deployment=later), address="api").is_well


def test_trouble_that_only_events_tell():
    message = "(service api) was unable to stop or start tasks during a deployment because of the service deployment configuration. Update the minimumHealthyPercent or maximumPercent value and try again."
    picture = a_picture(a_service(events=(an_event(message),)))
    [cause] = diagnose(picture, address="api").causes
    assert cause.title == message
    assert cause.likely == "the bounds let no task move"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(TRACE, "ModuleNotFoundError: No module named 'redis'", id="the last exception"),
        pytest.param(("ok", "sqlalchemy.exc.OperationalError: no table", "shutting down"), "sqlalchemy.exc.OperationalError: no table", id="with its module"),
        pytest.param(("bind failed: address in use", "bye"), "bind failed: address in use", id="else what speaks of trouble"),
        pytest.param(("all is well",), "", id="else nothing"),
        pytest.param(('{"event": "it failed", "exception": "Traceback\\nsqlalchemy.exc.OperationalError: no table\\n[SQL: ALTER TABLE]\\n(Background on this error)"}',), "sqlalchemy.exc.OperationalError: no table", id="an exception that goes on after its first line"),
        pytest.param(('{"error": "cannot reach the database"}',), "cannot reach the database", id="inside JSON"),
    ],
)  # fmt: skip
def test_the_telling_line(lines, expected):
    assert telling_line(lines) == expected


def test_programs_get_the_same():
    document = diagnose(failed([a_stopped_task(1, reason=EXITED, exit_code=1)], lines=TRACE), address="api").document()
    assert document["causes"][0]["kind"] == "crash"
    assert document["causes"][0]["log"] == list(TRACE)
    assert document["next"] == "fairway logs api --stopped"
