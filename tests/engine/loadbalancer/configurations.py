"""Builders of configurations; they default what a test does not speak of."""

from __future__ import annotations

from fairway.engine.loadbalancer.protocol import (
    Configuration,
    EndpointState,
    Forward,
    ListenerSpec,
    Match,
    Pool,
    Route,
)

KEY = "0123456789ab"


def a_pool(key, *backends, draining=(), **settings):
    endpoints = {backend.endpoint: EndpointState.ACTIVE for backend in backends}
    endpoints |= {backend.endpoint: EndpointState.DRAINING for backend in draining}
    return Pool(key, endpoints, **settings)


def a_listener(port, *rules, to=(("tg-a", 1),), key=KEY, **settings):
    """`rules` are (match, action); `to` is where the default action forwards, or an action."""
    default = Forward(tuple(to)) if isinstance(to, tuple) else to
    return ListenerSpec(key, port, (*(Route(m, action) for m, action in rules), Route(Match(), default)), **settings)


def a_configuration(*parts):
    return Configuration(
        tuple(part for part in parts if isinstance(part, ListenerSpec)),
        tuple(part for part in parts if isinstance(part, Pool)),
    )
