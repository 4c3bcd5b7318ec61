"""Listeners."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from fairway.engine.model.elb import Listener
from fairway.engine.services.elbv2.actions import STICKINESS, read_actions, show_action
from fairway.engine.services.elbv2.faults import DuplicateListener, ListenerNotFound, ValidationError
from fairway.engine.services.elbv2.load_balancers import need_load_balancer
from fairway.engine.services.elbv2.table import OPERATIONS, page, read_tags, show_attributes
from fairway.engine.store.schema import LISTENERS, RULES

if TYPE_CHECKING:
    from fairway.engine.services.operation import Context, Request, Response

ADDRESS_TAG: Final = "fairway:address"
"""The tag of a listener that says where it listens on this machine."""
LISTENER_ATTRIBUTES: Final = {"routing.http.response.server.enabled": "true"}
_REFUSES: Final = (
    "Protocol=HTTP",
    "Certificates",
    "SslPolicy",
    "AlpnPolicy",
    "MutualAuthentication",
    f"DefaultActions.{STICKINESS}",
)


def need_listener(ctx: Context, arn: str) -> Listener:
    """The listener of an ARN.

    Raises:
        ListenerNotFound: none.
    """
    listener = ctx.store.get(LISTENERS, arn)
    if listener is None:
        raise ListenerNotFound(f"Listener '{arn}' not found")
    return listener


def _show(listener: Listener) -> dict[str, Any]:
    return {
        "ListenerArn": listener.arn,
        "LoadBalancerArn": listener.load_balancer_arn,
        "Port": listener.port,
        "Protocol": listener.protocol,
        "DefaultActions": [show_action(action) for action in listener.default_actions],
    }


@OPERATIONS.operation(
    "CreateListener",
    refuses=_REFUSES,
    ignores=("DefaultActions.Order",),
)
def create_listener(ctx: Context, request: Request) -> Response:
    """Listen on a port; where that is on this machine stands in the tag `fairway:address`."""
    balancer = need_load_balancer(ctx, request["LoadBalancerArn"])
    port = request.get("Port")
    if port is None or not request.get("Protocol"):
        raise ValidationError("A listener must have a protocol and a port")
    actions = read_actions(ctx, request["DefaultActions"], balancer.arn)
    living = next((x for x in ctx.store.find(LISTENERS, "load_balancer", balancer.arn) if x.port == port), None)
    if living is not None:
        if living.default_actions == actions:
            return {"Listeners": [_show(living)]}
        raise DuplicateListener("A listener already exists on this port for this load balancer")
    host_port = ctx.host.choose_listener_port(port)
    path = balancer.arn.split(":loadbalancer/", 1)[1]
    listener = Listener(
        arn=f"arn:aws:elasticloadbalancing:{ctx.region}:{ctx.account}:listener/{path}/{ctx.ids.hexadecimal(16)}",
        load_balancer_arn=balancer.arn,
        port=port,
        protocol="HTTP",
        host_port=host_port,
        default_actions=actions,
        created_at=ctx.now,
        tags={**read_tags(request), ADDRESS_TAG: f"http://127.0.0.1:{host_port}"},
    )
    with ctx.store.transaction() as tx:
        tx.put(LISTENERS, listener)
    return {"Listeners": [_show(listener)]}


@OPERATIONS.operation("DescribeListeners")
def describe_listeners(ctx: Context, request: Request) -> Response:
    """Listeners by ARN, or those of a load balancer."""
    if request.get("ListenerArns"):
        listeners = [need_listener(ctx, arn) for arn in request["ListenerArns"]]
    elif request.get("LoadBalancerArn"):
        balancer = need_load_balancer(ctx, request["LoadBalancerArn"])
        listeners = ctx.store.find(LISTENERS, "load_balancer", balancer.arn)
    else:
        raise ValidationError("You must specify either listener ARNs or a load balancer ARN")
    shown, marker = page(listeners, request)
    return {"Listeners": [_show(listener) for listener in shown]} | marker


@OPERATIONS.operation(
    "ModifyListener",
    refuses=_REFUSES,
    ignores=("DefaultActions.Order",),
)
def modify_listener(ctx: Context, request: Request) -> Response:
    """Change the default action or the port."""
    listener = need_listener(ctx, request["ListenerArn"])
    changed = listener
    if request.get("DefaultActions"):
        actions = read_actions(ctx, request["DefaultActions"], listener.load_balancer_arn)
        changed = replace(changed, default_actions=actions)
    port = request.get("Port")
    if port is not None and port != listener.port:
        if any(x.port == port for x in ctx.store.find(LISTENERS, "load_balancer", listener.load_balancer_arn)):
            raise DuplicateListener("A listener already exists on this port for this load balancer")
        host_port = ctx.host.choose_listener_port(port)
        tags = {**changed.tags, ADDRESS_TAG: f"http://127.0.0.1:{host_port}"}
        changed = replace(changed, port=port, host_port=host_port, tags=tags)
    with ctx.store.transaction() as tx:
        tx.put(LISTENERS, changed)
    return {"Listeners": [_show(changed)]}


@OPERATIONS.operation("DeleteListener")
def delete_listener(ctx: Context, request: Request) -> Response:
    """Stop listening; rules go with their listener."""
    listener = need_listener(ctx, request["ListenerArn"])
    with ctx.store.transaction() as tx:
        for rule in ctx.store.find(RULES, "listener", listener.arn):
            tx.delete(RULES, rule.arn)
        tx.delete(LISTENERS, listener.arn)
    return {}


@OPERATIONS.operation("DescribeListenerAttributes")
def describe_listener_attributes(ctx: Context, request: Request) -> Response:
    """The attributes of a listener."""
    listener = need_listener(ctx, request["ListenerArn"])
    return {"Attributes": show_attributes(LISTENER_ATTRIBUTES, listener.attributes)}
