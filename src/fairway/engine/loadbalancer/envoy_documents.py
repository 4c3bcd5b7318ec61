"""Envoy's configuration, drawn from ours: bootstrap, clusters, endpoints, routes, listeners. Pure.

Facts that this rests on, each tried with Envoy 1.40: upstream connections must idle for less long than a target keeps
them open, or requests meet closed ones; a file is re-read only when another is renamed onto it, so that each document is a
file of its own; the virtual host is chosen before the route, so that priorities across hosts need a single one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from fairway.engine.loadbalancer.protocol import EndpointState, FixedResponse, Forward, Redirect

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from fairway.engine.loadbalancer.protocol import Configuration, Endpoint, ListenerSpec, Match, Pool, Route

    Document = dict[str, Any]

UPSTREAM_IDLE: Final = "4s"
"""Below five seconds, the shortest keep-alive that is common among servers (uvicorn's default)."""
CONNECT_TIMEOUT: Final = "10s"
BUCKETS_MS: Final = (1, 2, 5, 10, 20, 30, 50, 75, 100, 150, 200, 300, 400, 500, 750, 1000, 1500, 2000, 3000, 5000, 10000, 30000, 60000)  # fmt: skip
_TYPE: Final = "type.googleapis.com/envoy."
_UNLIMITED: Final = 100_000
_TITLES: Final = {502: "Bad Gateway", 503: "Service Temporarily Unavailable", 504: "Gateway Time-out"}


def bootstrap(folder: Path) -> Document:
    """The file that Envoy is started with; everything else is read from files that are renamed into place."""
    return {
        "node": {"id": "fairway", "cluster": "fairway"},
        "admin": {"address": {"pipe": {"path": str(folder / "admin.sock"), "mode": 0o600}}},
        "stats_flush_on_admin": True,
        "stats_config": {"histogram_bucket_settings": [{"match": {"prefix": "cluster."}, "buckets": list(BUCKETS_MS)}]},
        "dynamic_resources": {
            "cds_config": _file(folder / "clusters.json"),
            "lds_config": _file(folder / "listeners.json"),
        },
    }


def _file(path: Path) -> Document:
    return {"resource_api_version": "V3", "path_config_source": {"path": str(path)}}


def clusters(pools: Iterable[Pool], folder: Path) -> list[Document]:
    """One cluster for each pool."""
    return [_cluster(pool, folder) for pool in pools]


def _cluster(pool: Pool, folder: Path) -> Document:
    thresholds = dict.fromkeys(("max_connections", "max_pending_requests", "max_requests"), _UNLIMITED)
    cluster: Document = {
        "@type": _TYPE + "config.cluster.v3.Cluster",
        "name": pool.key,
        "type": "EDS",
        "connect_timeout": CONNECT_TIMEOUT,
        "lb_policy": "LEAST_REQUEST" if pool.algorithm == "least_outstanding_requests" else "ROUND_ROBIN",
        "eds_cluster_config": {"service_name": pool.key, "eds_config": _file(folder / f"endpoints-{pool.key}.json")},
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
        "circuit_breakers": {"thresholds": [thresholds]},
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": _TYPE + "extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http_protocol_options": {}},
                "common_http_protocol_options": {"idle_timeout": UPSTREAM_IDLE},
            }
        },
    }
    if pool.slow_start_seconds and pool.algorithm == "round_robin":
        window = {"slow_start_window": f"{pool.slow_start_seconds:.3f}s"}
        cluster["round_robin_lb_config"] = {"slow_start_config": window}
    return cluster


def endpoints(pool: Pool) -> Document:
    """The endpoints of a pool."""
    return {
        "@type": _TYPE + "config.endpoint.v3.ClusterLoadAssignment",
        "cluster_name": pool.key,
        "endpoints": [{"lb_endpoints": [_endpoint(e, state) for e, state in sorted(pool.endpoints.items())]}],
    }


def _endpoint(endpoint: Endpoint, state: EndpointState) -> Document:
    address = {"socket_address": {"address": endpoint.host, "port_value": endpoint.port}}
    status = "HEALTHY" if state is EndpointState.ACTIVE else "DRAINING"
    return {"health_status": status, "endpoint": {"address": address}}


# -- routes ------------------------------------------------------------------------------------------------------------


def route_configuration(spec: ListenerSpec) -> Document:
    """The routes of a listener, in the order of their priority."""
    return {
        "@type": _TYPE + "config.route.v3.RouteConfiguration",
        "name": spec.key,
        "request_headers_to_add": [
            {
                "header": {"key": "X-Forwarded-For", "value": "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%"},
                "append_action": "APPEND_IF_EXISTS_OR_ADD",
            },
            {
                "header": {"key": "X-Forwarded-Port", "value": "%DOWNSTREAM_LOCAL_PORT%"},
                "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
            },
        ],
        "request_headers_to_remove": ["x-envoy-external-address", "x-envoy-internal"],
        "virtual_hosts": [
            {
                "name": "all",
                "domains": ["*"],
                "routes": [document for route in spec.routes for document in _route(route, spec.idle_timeout_seconds)],
            }
        ],
    }


def _route(route: Route, idle_timeout: float) -> list[Document]:
    action = _action(route.action, idle_timeout)
    return [{"match": match, **action} for match in _matches(route.match)]


def pattern(text: str, *, ignore_case: bool = False) -> str:
    """ALB's pattern as a regular expression: `*` any characters, `?` exactly one."""
    body = "".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in text)
    return ("(?i)" if ignore_case else "") + body


def _any_of(patterns: Iterable[str], *, ignore_case: bool = False) -> Document:
    joined = "|".join(f"(?:{pattern(text)})" for text in patterns)
    return {"safe_regex": {"regex": ("(?i)" if ignore_case else "") + f"(?:{joined})"}}


def _matches(match: Match) -> list[Document]:
    """Envoy's matchers: one for each choice of query pairs, since Envoy joins query conditions by "and"."""
    base: Document = {"prefix": "/"}
    if match.paths:
        base = _any_of(match.paths)
    headers: list[Document] = []
    if match.hosts:
        joined = "|".join(f"(?:{pattern(host)})" for host in match.hosts)
        regex = f"(?i)(?:{joined})(?::[0-9]+)?"
        headers.append({"name": ":authority", "string_match": {"safe_regex": {"regex": regex}}})
    if match.methods:
        joined = "|".join(re.escape(method) for method in match.methods)
        headers.append({"name": ":method", "string_match": {"safe_regex": {"regex": joined}}})
    for name, patterns in match.headers:
        headers.append({"name": name, "string_match": _any_of(patterns, ignore_case=True)})
    if match.queries:
        headers += [_query(group) for group in match.queries]
    return [base | ({"headers": headers} if headers else {})]


def _query(group: Iterable[tuple[str | None, str]]) -> Document:
    """A query condition as a matcher of the whole path: keys and values ignore case, and any key may be meant."""
    parts = []
    for key, value in group:
        name = "[^=&#]*" if key is None else pattern(key).replace(".*", "[^=&#]*")
        parts.append(f"{name}={pattern(value).replace('.*', '[^&#]*')}")
    joined = "|".join(f"(?:{part})" for part in parts)
    return {"name": ":path", "string_match": {"safe_regex": {"regex": f"(?i)[^?]*[?](?:.*&)?(?:{joined})(?:&.*)?"}}}


def _action(action: Forward | FixedResponse | Redirect, idle_timeout: float) -> Document:
    match action:
        case Forward(weights=weights) if sum(weight for _, weight in weights) == 0:
            return _error(503)
        case Forward(weights=weights):
            targets = [{"name": key, "weight": weight} for key, weight in weights]
            return {
                "route": {
                    "timeout": "0s",
                    "idle_timeout": f"{idle_timeout:.3f}s",
                    "weighted_clusters": {"clusters": targets},
                }
            }
        case FixedResponse():
            return {
                "direct_response": {"status": action.status_code, "body": {"inline_string": action.body}},
                "response_headers_to_add": [
                    _header("content-type", action.content_type),
                    _header("server", "awselb/2.0"),
                ],
            }
        case Redirect():
            return {"redirect": _redirect(action)}


def _header(key: str, value: str) -> Document:
    return {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


def _redirect(action: Redirect) -> Document:
    code = "MOVED_PERMANENTLY" if action.status_code == 301 else "FOUND"  # noqa: PLR2004 - HTTP
    document: Document = {"response_code": code}
    if action.protocol != "#{protocol}":
        document["scheme_redirect"] = action.protocol.lower()
    if action.host != "#{host}":
        document["host_redirect"] = action.host
    if action.port != "#{port}":
        document["port_redirect"] = int(action.port)
    if action.path != "/#{path}":
        head, _, tail = action.path.partition("#{path}")
        if "#{path}" in action.path:
            substitution = (head.rstrip("/") or "") + "/\\1" + tail
            document["regex_rewrite"] = {"pattern": {"regex": "^/(.*)$"}, "substitution": substitution}
        else:
            document["path_redirect"] = action.path
    if action.query != "#{query}":
        document["strip_query"] = True
        if action.query:
            document["path_redirect"] = (document.get("path_redirect") or "/") + "?" + action.query
    return document


def _error(status: int) -> Document:
    return {
        "direct_response": {"status": status, "body": {"inline_string": page(status)}},
        "response_headers_to_add": [_header("content-type", "text/html"), _header("server", "awselb/2.0")],
    }


def page(status: int) -> str:
    """The body that ALB answers its own errors with."""
    title = f"{status} {_TITLES[status]}"
    return f"<html><head><title>{title}</title></head><body><center><h1>{title}</h1></center></body></html>\r\n"


# -- listeners ---------------------------------------------------------------------------------------------------------


def listeners(configuration: Configuration, folder: Path) -> list[Document]:
    """One listener for each of ours, on 127.0.0.1."""
    return [_listener(spec, folder) for spec in configuration.listeners]


def _listener(spec: ListenerSpec, folder: Path) -> Document:
    idle = f"{spec.idle_timeout_seconds:.3f}s"
    manager = {
        "@type": _TYPE + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": spec.key,
        "codec_type": "AUTO",
        "rds": {"route_config_name": spec.key, "config_source": _file(folder / f"routes-{spec.key}.json")},
        "use_remote_address": True,
        "skip_xff_append": True,
        "generate_request_id": False,
        "server_header_transformation": "PASS_THROUGH",
        "stream_idle_timeout": idle,
        "drain_timeout": "5s",
        "common_http_protocol_options": {"idle_timeout": idle},
        "local_reply_config": {"mappers": _reply_mappers()},
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {
                    "@type": _TYPE + "extensions.filters.http.router.v3.Router",
                    "suppress_envoy_headers": True,
                },
            }
        ],
    }
    return {
        "@type": _TYPE + "config.listener.v3.Listener",
        "name": spec.key,
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": spec.port}},
        "enable_reuse_port": False,  # a second balancer on the same port must fail, not share it silently
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        ],
    }


def _reply_mappers() -> list[Mapping[str, Any]]:
    """Envoy's own answers as ALB words them; the first that fits decides."""
    timed_out = {
        "extension_filter": {
            "name": "cel",
            "typed_config": {
                "@type": _TYPE + "extensions.access_loggers.filters.cel.v3.ExpressionFilter",
                "expression": "response.code_details.contains('connection_timeout')",
            },
        }
    }

    def flags(*names: str) -> Document:
        return {"response_flag_filter": {"flags": list(names)}}

    return [
        _mapper(timed_out, 504),
        _mapper(flags("UT", "SI"), 504),
        _mapper(flags("UF", "UC", "UR", "LR", "UPE"), 502),
        _mapper(flags("UH", "NC"), 503),
    ]


def _mapper(condition: Document, status: int) -> Document:
    return {
        "filter": condition,
        "status_code": status,
        "body": {"inline_string": page(status)},
        "body_format_override": {
            "text_format_source": {"inline_string": "%LOCAL_REPLY_BODY%"},
            "content_type": "text/html",
        },
        "headers_to_add": [_header("server", "awselb/2.0")],
    }
