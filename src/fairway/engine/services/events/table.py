"""The operations of EventBridge that the engine has, its errors, and what a request refers to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fairway.engine.model.event import DEFAULT_BUS, bus_arn, rule_arn
from fairway.engine.services.fault import AwsFault, not_here
from fairway.engine.services.operation import OperationTable
from fairway.engine.store.schema import EVENT_BUSES, EVENT_RULES

if TYPE_CHECKING:
    from fairway.engine.model.event import EventRule
    from fairway.engine.services.operation import Context, Request


class ValidationException(AwsFault):
    """A parameter is not valid."""

    code = "ValidationException"


class ResourceNotFoundException(AwsFault):
    """No such bus or rule."""

    code = "ResourceNotFoundException"


class ResourceAlreadyExistsException(AwsFault):
    """The name is taken."""

    code = "ResourceAlreadyExistsException"


class InvalidEventPatternException(AwsFault):
    """The pattern is not well formed."""

    code = "InvalidEventPatternException"


class LimitExceededException(AwsFault):
    """There would be too many of them."""

    code = "LimitExceededException"


OPERATIONS: Final = OperationTable("events", lambda member: ValidationException(not_here(member)))


def bus_name(ctx: Context, request: Request, member: str = "EventBusName") -> str:
    """The name of the bus that a request means by name or ARN; the default one if it means none.

    Raises:
        ResourceNotFoundException: there is none.
    """
    given = request.get(member) or DEFAULT_BUS
    name: str = given.split("event-bus/", 1)[1] if given.startswith("arn:") else given
    arn = bus_arn(ctx.region, ctx.account, name)
    foreign = given.startswith("arn:") and given != arn
    if foreign or (name != DEFAULT_BUS and ctx.store.get(EVENT_BUSES, arn) is None):
        raise ResourceNotFoundException(f"Event bus {name} does not exist.")
    return name


def find_rule(ctx: Context, bus: str, name: str) -> EventRule | None:
    return ctx.store.get(EVENT_RULES, rule_arn(ctx.region, ctx.account, bus, name))


def need_rule(ctx: Context, request: Request, member: str = "Name") -> EventRule:
    """The rule that a request means.

    Raises:
        ResourceNotFoundException: there is none, or no such bus.
    """
    bus, name = bus_name(ctx, request), request[member]
    rule = find_rule(ctx, bus, name)
    if rule is None:
        raise ResourceNotFoundException(f"Rule {name} does not exist on EventBus {bus}.")
    return rule
