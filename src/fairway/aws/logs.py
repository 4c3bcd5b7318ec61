"""The log lines of tasks, found by what their task definition says about awslogs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from fairway.aws.calls import calling, error_code
from fairway.observed import TAIL_LINES, LogLine, LogTail

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fairway.aws.session import Aws
    from fairway.observed import Task, TaskDefinition

LONGEST_LINE: Final = 2000
_PAGE: Final = 10_000
_NOT_FOUND: Final = "ResourceNotFoundException"


def log_stream(definition: TaskDefinition, container: str, task_id: str) -> tuple[str, str] | None:
    """(group, stream) of a container of a task; None: its lines do not go to CloudWatch Logs by awslogs."""
    configuration = definition.container(container).get("logConfiguration", {})
    options = configuration.get("options", {})
    if configuration.get("logDriver") != "awslogs" or "awslogs-stream-prefix" not in options:
        return None
    return str(options["awslogs-group"]), f"{options['awslogs-stream-prefix']}/{container}/{task_id}"


def elsewhere(definition: TaskDefinition, container: str) -> str:
    """Where a container's lines go when it is not a stream of CloudWatch Logs that can be named."""
    configuration = definition.container(container).get("logConfiguration")
    if not configuration:
        return f"container {container} has no logConfiguration: its lines are kept nowhere"
    driver = configuration.get("logDriver")
    if driver == "awslogs":
        return f"container {container} has no awslogs-stream-prefix: look in group {_group(configuration)}"
    return f"container {container} logs by {driver}: look where that sends them"


def never_started(task: Task, container: str) -> bool:
    """The container of a stopped task has no exit code: it never ran (no image, no secret), so there are no lines of it."""
    found = next((item for item in task.containers if item.name == container), None)
    return task.status == "STOPPED" and (found is None or found.exit_code is None)


def _group(configuration: Any) -> str:
    return str(configuration.get("options", {}).get("awslogs-group", "?"))


def tail(aws: Aws, definition: TaskDefinition, task: Task, container: str, *, most: int = TAIL_LINES) -> LogTail:
    """The last lines of a container of a task, or where they might be."""
    where = log_stream(definition, container, task.id)
    never = f"container {container} never started" if never_started(task, container) else ""
    if where is None:
        return LogTail(task.id, container, missing=never or elsewhere(definition, container))
    group, stream = where
    with calling(f"reading the log stream {stream} of {group}"):
        try:
            answer = aws.logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=False, limit=most)
        except ClientError as error:
            if error_code(error) != _NOT_FOUND:
                raise
            missing = never or f"there is no stream {stream} in {group}: the container wrote nothing"
            return LogTail(task.id, container, missing=missing, group=group, stream=stream)
    lines = tuple(event["message"][:LONGEST_LINE].rstrip() for event in answer["events"])
    missing = "" if lines else never or f"the stream {stream} of {group} is empty: the container wrote nothing"
    return LogTail(task.id, container, lines, missing, group, stream)


class Follower:
    """Reads the streams of tasks forward, each line once."""

    def __init__(self, aws: Aws, *, since: datetime | None) -> None:
        self._aws = aws
        self._since = since
        self._tokens: dict[tuple[str, str], str] = {}

    def lines(self, streams: Sequence[tuple[str, str]]) -> list[LogLine]:
        """What is new in (group, stream)s, oldest first."""
        found = [line for group, stream in streams for line in self._new(group, stream)]
        return sorted(found, key=lambda line: line.at)

    def _new(self, group: str, stream: str) -> Iterator[LogLine]:
        _, container, task_id = stream.rsplit("/", 2)
        while True:
            request: dict[str, Any] = {"logGroupName": group, "logStreamName": stream, "startFromHead": True}
            token = self._tokens.get((group, stream))
            if token is not None:
                request["nextToken"] = token
            elif self._since is not None:
                request["startTime"] = int(self._since.timestamp() * 1000)
            with calling(f"reading the log stream {stream} of {group}"):
                try:
                    answer = self._aws.logs.get_log_events(**request, limit=_PAGE)
                except ClientError as error:
                    if error_code(error) == _NOT_FOUND:
                        return
                    raise
            for event in answer["events"]:
                at = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=event["timestamp"])
                yield LogLine(at, task_id, container, event["message"].rstrip("\n"))
            following = answer["nextForwardToken"]
            self._tokens[group, stream] = following
            if following == token or not answer["events"]:
                return
