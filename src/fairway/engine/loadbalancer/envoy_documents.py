"""Envoy's configuration, drawn from ours: bootstrap, clusters, endpoints, listeners. Pure. Routes: see `envoy_routes`.

Facts that this rests on, each tried with Envoy 1.40: upstream connections must idle for less long than a target keeps
them open, or requests meet closed ones; a file is re-read only when another is renamed onto it, so that each document is a
file of its own; histograms lag behind unless the admin interface is told to merge them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fairway.engine.loadbalancer.answers import SERVER, page
from fairway.engine.loadbalancer.envoy_routes import SCRIPT
from fairway.engine.loadbalancer.protocol import EndpointState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from fairway.engine.loadbalancer.protocol import Configuration, Endpoint, ListenerSpec, Pool

    Document = dict[str, Any]

UPSTREAM_IDLE: Final = "4s"
"""Below five seconds, the shortest keep-alive that is common among servers (uvicorn's default)."""
CONNECT_TIMEOUT: Final = "10s"
BUCKETS_US: Final = (
    100, 150, 200, 300, 400, 500, 750, 1_000, 1_500, 2_000, 3_000, 4_000, 5_000, 7_500, 10_000, 15_000, 20_000, 30_000,
    40_000, 50_000, 75_000, 100_000, 150_000, 200_000, 300_000, 400_000, 500_000, 750_000, 1_000_000, 1_500_000, 2_000_000,
    3_000_000, 5_000_000, 7_500_000, 10_000_000, 15_000_000, 30_000_000, 60_000_000,
)  # fmt: skip
_TYPE: Final = "type.googleapis.com/envoy."
_POLICY: Final = _TYPE + "extensions.load_balancing_policies."
_UNLIMITED: Final = 100_000
MOST_REQUEST_HEADERS_KB: Final = 64
MOST_RESPONSE_HEADERS_KB: Final = 32
"""ALB's limits. Source: Application Load Balancer guide, "HTTP header limits"."""


def bootstrap(folder: Path) -> Document:
    """The file that Envoy is started with; everything else is read from files that are renamed into place."""
    return {
        "node": {"id": "fairway", "cluster": "fairway"},
        "admin": {"address": {"pipe": {"path": "admin.sock", "mode": 0o600}}},
        "stats_flush_on_admin": True,
        "stats_config": {"histogram_bucket_settings": [{"match": {"prefix": "fairway."}, "buckets": list(BUCKETS_US)}]},
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
        "eds_cluster_config": {"service_name": pool.key, "eds_config": _file(folder / f"endpoints-{pool.key}.json")},
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
        "circuit_breakers": {"thresholds": [thresholds]},
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": _TYPE + "extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http_protocol_options": {}},
                "common_http_protocol_options": {
                    "idle_timeout": UPSTREAM_IDLE,
                    "max_response_headers_kb": MOST_RESPONSE_HEADERS_KB,
                },
            }
        },
    }
    if pool.algorithm == "least_outstanding_requests":
        # all hosts are looked at: of two that were drawn, both may be the same
        policy = {"@type": _POLICY + "least_request.v3.LeastRequest", "selection_method": "FULL_SCAN"}
        least = {
            "typed_extension_config": {"name": "envoy.load_balancing_policies.least_request", "typed_config": policy}
        }
        return cluster | {"load_balancing_policy": {"policies": [least]}}
    if pool.slow_start_seconds:
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


# -- listeners ---------------------------------------------------------------------------------------------------------


def listeners(configuration: Configuration, folder: Path) -> list[Document]:
    """One listener for each of ours, on 127.0.0.1."""
    return [_listener(spec, folder) for spec in configuration.listeners]


def _listener(spec: ListenerSpec, folder: Path) -> Document:
    idle = f"{spec.idle_timeout_seconds:.3f}s"
    manager = {
        "@type": _TYPE + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": spec.key,
        "codec_type": "HTTP1",
        "http_protocol_options": {"accept_http_10": True},
        "max_request_headers_kb": MOST_REQUEST_HEADERS_KB,
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "rds": {"route_config_name": spec.key, "config_source": _file(folder / f"routes-{spec.key}.json")},
        "use_remote_address": True,
        "skip_xff_append": True,
        "generate_request_id": False,
        "server_header_transformation": "PASS_THROUGH",
        "stream_idle_timeout": idle,
        "drain_timeout": "5s",
        "common_http_protocol_options": {"idle_timeout": idle},
        "local_reply_config": {"mappers": _reply_mappers()},
        "access_log": _counting(),
        "http_filters": [
            {
                "name": "envoy.filters.http.lua",
                "typed_config": {
                    "@type": _TYPE + "extensions.filters.http.lua.v3.Lua",
                    "default_source_code": {"inline_string": SCRIPT},
                },
            },
            {
                "name": "envoy.filters.http.router",
                "typed_config": {
                    "@type": _TYPE + "extensions.filters.http.router.v3.Router",
                    "suppress_envoy_headers": True,
                },
            },
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


def _counting() -> list[Document]:
    """Counts each request under its cluster, status and maker: none of Envoy's own counters tells answers by targets apart."""
    seconds = {
        "stat": _stat("seconds", cluster="%UPSTREAM_CLUSTER%"),
        "unit": "Microseconds",
        "value_format": "%COMMON_DURATION(US_TX_BEG:US_RX_BEG:us)%",
    }
    return [
        _counter("target", "response.code_details == 'via_upstream'", [seconds]),
        _counter("balancer", "response.code_details != 'via_upstream'", []),
    ]


def _counter(maker: str, condition: str, histograms: list[Document]) -> Document:
    stat = _stat(maker, cluster="%UPSTREAM_CLUSTER%", code="%RESPONSE_CODE%")
    return {
        "name": "envoy.access_loggers.stats",
        "filter": {"extension_filter": _cel(condition)},
        "typed_config": {
            "@type": _TYPE + "extensions.access_loggers.stats.v3.Config",
            "stats_scope": {"prefix": "fairway"},
            "counters": [{"stat": stat, "value_fixed": 1}],
            "histograms": histograms,
        },
    }


def _stat(name: str, **tags: str) -> Document:
    return {"name": name, "tags": [{"name": tag, "value_format": value} for tag, value in tags.items()]}


def _cel(expression: str) -> Document:
    kind = _TYPE + "extensions.access_loggers.filters.cel.v3.ExpressionFilter"
    return {"name": "cel", "typed_config": {"@type": kind, "expression": expression}}


def _reply_mappers() -> list[Mapping[str, Any]]:
    """Envoy's own answers as ALB words them; the first that fits decides."""
    timed_out = {"extension_filter": _cel("response.code_details.contains('connection_timeout')")}

    def flags(*names: str) -> Document:
        return {"response_flag_filter": {"flags": list(names)}}

    return [
        _mapper(timed_out, 504),
        _mapper(flags("UT", "SI"), 504),
        _mapper(flags("UF", "UC", "UR", "LR", "UPE"), 502),
        _mapper(flags("UH", "NC"), 503),
        _mapper(flags("DPE"), 400),
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
        "headers_to_add": [_server()],
    }


def _server() -> Document:
    return {"header": {"key": "server", "value": SERVER}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
