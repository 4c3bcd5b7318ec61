"""Envoy's routes, drawn from rules. Pure.

The virtual host is chosen before the route, so that priorities across hosts need a single one. Envoy's own redirect cannot
put ALB's placeholders together, and it has no X-Amzn-Trace-Id: a small script does both.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from fairway.engine.loadbalancer.answers import SERVER, page
from fairway.engine.loadbalancer.protocol import FixedResponse, Forward, Redirect

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fairway.engine.loadbalancer.protocol import ListenerSpec, Match, Route

    Document = dict[str, Any]

_TYPE: Final = "type.googleapis.com/envoy."
_SCRIPT_NAME: Final = "envoy.filters.http.lua"
SCRIPT: Final = """
math.randomseed(os.time() + tonumber(tostring({}):match("0x(%x+)"), 16) % 1000000007)

local function unique()
  local random = math.random
  return string.format("1-%08x-%06x%06x%06x%06x", os.time(), random(0, 16777215), random(0, 16777215),
    random(0, 16777215), random(0, 16777215))
end

local function trace(headers)
  local given = headers:get("x-amzn-trace-id")
  if given == nil or given == "" then
    headers:replace("x-amzn-trace-id", "Root=" .. unique())
    return
  end
  local kept, name = {}, "Root="
  for field in given:gmatch("[^;]+") do
    if field:match("^%s*Root=") then name = "Self=" end
    if not field:match("^%s*Self=") then kept[#kept + 1] = field end
  end
  headers:replace("x-amzn-trace-id", name .. unique() .. ";" .. table.concat(kept, ";"))
end

local function redirect(handle, headers, rule)
  local target = headers:get(":path") or "/"
  local path, query = target:match("^/?([^?]*)%??(.*)$")
  local values = {host = (headers:get(":authority") or ""):gsub(":%d+$", ""), path = path, query = query}
  local function fill(template) return (template:gsub("#{(%a+)}", values)) end
  local asked = fill(rule["query"])
  if asked ~= "" then asked = "?" .. asked end
  local address = rule["origin"] .. fill(rule["host"]) .. ":" .. rule["port"] .. fill(rule["path"]) .. asked
  handle:respond({[":status"] = rule["status"], ["location"] = address, ["content-type"] = "text/html",
    ["server"] = rule["server"]}, rule["body"])
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local rule = handle:metadata():get("redirect")
  if rule ~= nil then redirect(handle, headers, rule) else trace(headers) end
end
"""
"""Source of the fields of X-Amzn-Trace-Id: Application Load Balancer guide, "Request tracing"."""


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
                "routes": [_no_trace(), *(_route(route, spec) for route in spec.routes)],
            }
        ],
    }


def _no_trace() -> Document:
    """ALB answers the method TRACE with 405, whatever the rules say."""
    headers = [{"name": ":method", "string_match": {"exact": "TRACE"}}]
    return {"match": {"prefix": "/", "headers": headers}, **_error(405)}


def _route(route: Route, spec: ListenerSpec) -> Document:
    return {"match": _match(route.match), **_action(route.action, spec)}


# -- conditions --------------------------------------------------------------------------------------------------------


def pattern(text: str, *, one: str = ".", escapes: bool = False) -> str:
    """ALB's pattern as a regular expression: `*` any characters, `?` exactly one.

    `one`: what a single character may be. `escapes`: a backslash takes the meaning from the character after it.
    """
    parts, literal = [], False
    for character in text:
        if escapes and character == "\\" and not literal:
            literal = True
            continue
        if literal or character not in "*?":
            parts.append(re.escape(character))
        else:
            parts.append(one + ("*" if character == "*" else ""))
        literal = False
    return "".join(parts)


def _any_of(patterns: Iterable[str]) -> str:
    return "|".join(f"(?:{text})" for text in patterns)


def _match(match: Match) -> Document:
    base: Document = {"prefix": "/"}
    if match.paths:
        base = {"safe_regex": {"regex": _any_of(pattern(text) for text in match.paths)}}
    headers: list[Document] = []
    if match.hosts:
        hosts = _any_of(pattern(host) for host in match.hosts)
        headers.append(_header_match(":authority", f"(?i)(?:{hosts})(?::[0-9]+)?"))
    if match.methods:
        headers.append(_header_match(":method", _any_of(re.escape(method) for method in match.methods)))
    for name, patterns in match.headers:
        headers.append(_header_match(name.lower(), f"(?i)(?:{_any_of(pattern(text) for text in patterns)})"))
    headers += [_header_match(":path", _query(group)) for group in match.queries]
    return base | ({"headers": headers} if headers else {})


def _header_match(name: str, regex: str) -> Document:
    return {"name": name, "string_match": {"safe_regex": {"regex": regex}}}


def _query(group: Iterable[tuple[str | None, str]]) -> str:
    """A query condition as a pattern of the whole path: keys and values ignore case, and any key may be meant."""
    pairs = []
    for key, value in group:
        name = "[^=&#]*" if key is None else pattern(key, one="[^=&#]", escapes=True)
        pairs.append(f"{name}={pattern(value, one='[^&#]', escapes=True)}")
    return f"(?i)[^?]*[?](?:.*&)?(?:{_any_of(pairs)})(?:&.*)?"


# -- actions -----------------------------------------------------------------------------------------------------------


def _action(action: Forward | FixedResponse | Redirect, spec: ListenerSpec) -> Document:
    match action:
        case Forward(weights=weights) if sum(weight for _, weight in weights) == 0:
            return _error(503)
        case Forward(weights=weights):
            return {
                "route": {
                    "timeout": "0s",
                    "idle_timeout": f"{spec.idle_timeout_seconds:.3f}s",
                    "weighted_clusters": {"clusters": [{"name": key, "weight": weight} for key, weight in weights]},
                }
            }
        case FixedResponse():
            return {
                "direct_response": {"status": action.status_code, "body": {"inline_string": action.body}},
                "response_headers_to_add": [_header("content-type", action.content_type), _header("server", SERVER)],
            }
        case Redirect():
            return {
                "direct_response": {"status": action.status_code},  # a place for the script, which answers before it
                "metadata": {"filter_metadata": {_SCRIPT_NAME: {"redirect": _redirect(action, spec.port)}}},
            }


def _header(key: str, value: str) -> Document:
    return {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


def _redirect(action: Redirect, port: int) -> dict[str, str]:
    """What the script reads: protocol and port are known here, the rest is the request's."""
    protocol = "http" if action.protocol == "#{protocol}" else action.protocol.lower()

    def known(text: str) -> str:
        return text.replace("#{protocol}", "http").replace("#{port}", str(port))

    return {
        "status": str(action.status_code),
        "origin": f"{protocol}://",
        "host": known(action.host),
        "port": known(action.port),
        "path": known(action.path),
        "query": known(action.query),
        "body": page(action.status_code),
        "server": SERVER,
    }


def _error(status: int) -> Document:
    return {
        "direct_response": {"status": status, "body": {"inline_string": page(status)}},
        "response_headers_to_add": [_header("content-type", "text/html"), _header("server", SERVER)],
    }
