"""The kinds of entity that the engine keeps."""

from dataclasses import dataclass
from typing import Final

from fairway.clock import Epoch
from fairway.engine.model.alarm import Alarm, AlarmHistory
from fairway.engine.model.cluster import Cluster, TaskDefinition
from fairway.engine.model.elb import Listener, LoadBalancer, Rule, Target, TargetGroup, target_row_key
from fairway.engine.model.event import Event, EventBus, EventRule, bus_index
from fairway.engine.model.schedule import Schedule, ScheduleGroup, group_index
from fairway.engine.model.service import Revision, Service, ServiceDeployment, ServiceEvent
from fairway.engine.model.task import Task, TaskStatus
from fairway.engine.model.vault import (
    ImageRecord,
    LogGroup,
    LogStream,
    Parameter,
    Repository,
    Secret,
    Subnet,
    image_row_key,
    stream_row_key,
    subnet_row_key,
)
from fairway.engine.store.tables import Table


@dataclass(frozen=True, slots=True)
class Note:
    """A value of the engine's own, by name."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class EpochRow:
    """An epoch of the engine's clock."""

    number: int
    epoch: Epoch


CLUSTERS: Final = Table("cluster", Cluster, lambda c: c.arn, {"region": lambda c: c.region})
TASK_DEFINITIONS: Final = Table(
    "task_definition",
    TaskDefinition,
    lambda t: t.arn,
    {"family": lambda t: f"{t.region}|{t.family}", "region": lambda t: t.region},
)
SERVICES: Final = Table("service", Service, lambda s: s.arn, {"cluster": lambda s: s.cluster_arn})
REVISIONS: Final = Table("revision", Revision, lambda r: r.arn, {"service": lambda r: r.service_arn})
SERVICE_DEPLOYMENTS: Final = Table(
    "service_deployment", ServiceDeployment, lambda d: d.arn, {"service": lambda d: d.service_arn}
)
SERVICE_EVENTS: Final = Table("service_event", ServiceEvent, lambda e: e.id, {"service": lambda e: e.service_arn})
TASKS: Final = Table(
    "task",
    Task,
    lambda t: t.arn,
    {
        "id": lambda t: t.id,
        "cluster": lambda t: t.cluster_arn,
        "service": lambda t: t.service_arn,
        "subnet": lambda t: None if t.status is TaskStatus.STOPPED else f"{t.region}|{t.subnet_id}",
        "client_token": lambda t: None if t.client_token is None else f"{t.cluster_arn}|{t.client_token}",
    },
)
LOAD_BALANCERS: Final = Table("load_balancer", LoadBalancer, lambda b: b.arn, {"region": lambda b: b.region})
LISTENERS: Final = Table("listener", Listener, lambda x: x.arn, {"load_balancer": lambda x: x.load_balancer_arn})
RULES: Final = Table("rule", Rule, lambda r: r.arn, {"listener": lambda r: r.listener_arn})
TARGET_GROUPS: Final = Table("target_group", TargetGroup, lambda g: g.arn, {"region": lambda g: g.region})
TARGETS: Final = Table(
    "target",
    Target,
    target_row_key,
    {"target_group": lambda t: t.target_group_arn, "task": lambda t: t.task_arn},
)
SECRETS: Final = Table("secret", Secret, lambda s: s.arn, {"name": lambda s: f"{s.region}|{s.name}"})
PARAMETERS: Final = Table("parameter", Parameter, lambda p: p.arn, {"name": lambda p: f"{p.region}|{p.name}"})
LOG_GROUPS: Final = Table("log_group", LogGroup, lambda g: g.arn, {"region": lambda g: g.region})
LOG_STREAMS: Final = Table("log_stream", LogStream, stream_row_key, {"group": lambda s: s.group_arn})
REPOSITORIES: Final = Table("repository", Repository, lambda r: r.arn, {"region": lambda r: r.region})
IMAGES: Final = Table("image", ImageRecord, image_row_key, {"repository": lambda i: i.repository_arn})
SUBNETS: Final = Table("subnet", Subnet, subnet_row_key, {"region": lambda s: s.region})
ALARMS: Final = Table("alarm", Alarm, lambda a: a.arn, {"region": lambda a: a.region})
ALARM_HISTORY: Final = Table("alarm_history", AlarmHistory, lambda h: h.id, {"region": lambda h: h.region})
EVENT_BUSES: Final = Table("event_bus", EventBus, lambda b: b.arn, {"region": lambda b: b.region})
EVENT_RULES: Final = Table("event_rule", EventRule, lambda r: r.arn, {"bus": lambda r: bus_index(r.region, r.bus)})
EVENTS: Final = Table("event", Event, lambda e: e.id)
SCHEDULES: Final = Table(
    "schedule",
    Schedule,
    lambda s: s.arn,
    {"region": lambda s: s.region, "group": lambda s: group_index(s.region, s.group)},
)
SCHEDULE_GROUPS: Final = Table("schedule_group", ScheduleGroup, lambda g: g.arn, {"region": lambda g: g.region})
NOTES: Final = Table("note", Note, lambda n: n.name)
EPOCHS: Final = Table("epoch", EpochRow, lambda e: f"{e.number:06d}")

TABLES: Final[tuple[Table[object], ...]] = (
    CLUSTERS, TASK_DEFINITIONS, SERVICES, REVISIONS, SERVICE_DEPLOYMENTS, SERVICE_EVENTS, TASKS,
    LOAD_BALANCERS, LISTENERS, RULES, TARGET_GROUPS, TARGETS,
    SECRETS, PARAMETERS, LOG_GROUPS, LOG_STREAMS, REPOSITORIES, IMAGES, SUBNETS, ALARMS, ALARM_HISTORY, NOTES, EPOCHS,
    EVENT_BUSES, EVENT_RULES, EVENTS, SCHEDULES, SCHEDULE_GROUPS,
)  # type: ignore[assignment]  # fmt: skip
"""Every table; a table that is missing here is not kept."""
