"""The engine's HTTP face, as an ASGI application: AWS's services, `/_fairway/*`, and the tasks' metadata endpoint.

Who may speak to it: `Host` must be a loopback name (so that a web page that rebinds its name gets nowhere), a request
with `Origin` is refused on every path (a browser sends it), and writes under `/_fairway` need the header `X-Fairway: 1`.
"""

from __future__ import annotations

import logging
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

import orjson

from fairway.engine.api import json_protocol, query_protocol, rest_json
from fairway.engine.api.cbor_protocol import PATH as RPC_PATH
from fairway.engine.api.content_encoding import MalformedEncoding, TooLarge, decompress
from fairway.engine.api.dispatch import Answer, Dispatcher, Fault, as_fault, cbor_fault
from fairway.engine.api.identify import PASSIVE, REST_XML, Target, identify, may_be_compressed
from fairway.engine.api.query_protocol import MalformedForm
from fairway.engine.services.awsmodel import SERVICES
from fairway.engine.services.operation import Context
from fairway.engine.services.passive import PassiveRequest
from fairway.engine.services.sts.operations import caller_arn
from fairway.ids import uuid
from fairway.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime

    from fairway.clock import Clock
    from fairway.engine.services.fault import AwsFault
    from fairway.engine.services.operation import Host
    from fairway.engine.services.passive import PassiveAnswer
    from fairway.engine.store.store import Store
    from fairway.ids import IdSource

    Scope = dict[str, Any]
    Receive = Callable[[], Awaitable[dict[str, Any]]]
    Send = Callable[[dict[str, Any]], Awaitable[None]]
    Passive = Callable[[PassiveRequest], Awaitable[PassiveAnswer]]

log = logging.getLogger(__name__)

MOST_BODY_BYTES: Final = 16 * 1024 * 1024
ENGINE_HEADER: Final = b"x-fairway-engine"
_JSON: Final = b"application/json"
_HOSTS: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
_VERSION: Final = VERSION.encode()


class Operator(Protocol):
    """What `/_fairway` and the metadata endpoint ask of the engine."""

    def health(self) -> dict[str, Any]:
        """Version, services, uptime."""

    async def reset(self) -> None:
        """Empty everything and stop every task."""

    def metadata(self, container_id: str, path: str) -> dict[str, Any] | None:
        """An answer of the task metadata endpoint, version 4; None: nobody has this id."""


class _Disconnected(Exception):
    pass


class Application:
    """The ASGI callable."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        *,
        store: Store,
        clock: Clock,
        ids: IdSource,
        host: Host,
        operator: Operator,
        passive: Passive,
        account: str,
    ) -> None:
        self._dispatcher = dispatcher
        self._store = store
        self._clock = clock
        self._ids = ids
        self._host = host
        self._operator = operator
        self._passive = passive
        self._account = account

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        request_id = uuid(self._ids)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            body = await _read(receive)
            if may_be_compressed(headers):
                body = decompress(body, headers.get("content-encoding", ""), MOST_BODY_BYTES)
            answer = _refuse(scope, headers)
            if answer is None:
                answer = await self._answer(scope, headers, body, request_id)
        except TooLarge:
            answer = _json_fault(
                Fault("RequestEntityTooLarge", f"The request body is larger than {MOST_BODY_BYTES} bytes.", 413)
            )
        except MalformedEncoding as error:
            answer = _json_fault(Fault("SerializationException", str(error)))
        except _Disconnected:
            return
        except Exception:
            log.exception("a request to %s failed", scope["path"])
            answer = _json_fault(Fault("InternalFailure", "The engine failed on this request; its log says more.", 500))
        await _respond(send, answer, request_id, self._clock.now())

    async def _answer(self, scope: Scope, headers: Mapping[str, str], body: bytes, request_id: str) -> Answer:
        path: str = scope["path"]
        if path.startswith("/_fairway/"):
            return await self._own(scope["method"], path, headers)
        if path.startswith("/v4/"):
            return self._metadata(path)
        target = identify(headers, {})
        if target.signing_name is not None and rest_json.speaks_rest(target.signing_name):
            return self._rest(target, scope, body, request_id)
        return await self._aws(scope, headers, body, request_id)

    async def _aws(self, scope: Scope, headers: Mapping[str, str], body: bytes, request_id: str) -> Answer:
        query: dict[str, str] = {}
        rpc = RPC_PATH.fullmatch(scope["path"]) is not None
        if "x-amz-target" not in headers and not rpc:
            try:
                query = query_protocol.parse_form(scope["query_string"] or b"")
                if "Action" not in query:
                    query |= query_protocol.parse_form(body)
            except MalformedForm as error:
                return _xml_fault(Fault("MalformedQueryString", str(error)), None, request_id)
        target = identify(headers, query, scope["path"])
        if target.service is None or target.operation is None:
            unknown = _unknown(target, headers)
            if rpc:
                return cbor_fault(unknown)
            if target.signing_name in REST_XML:
                rendered = query_protocol.render_rest_fault(unknown, request_id)
                return Answer(unknown.status, query_protocol.CONTENT_TYPE, rendered, unknown.code)
            return _xml_fault(unknown, None, request_id) if query else _json_fault(unknown)
        if target.service in PASSIVE:
            try:
                return await self._hand_over(target, scope, headers, body)
            except Exception as error:  # noqa: BLE001 - whatever happens, the client gets AWS's kind of error
                fault = as_fault(target.service, target.operation, error)
                return _xml_fault(fault, target.service, request_id) if query else _json_fault(fault)

        def context() -> Context:
            return self._context(target, request_id)

        if rpc:
            return self._dispatcher.cbor(target.service, target.operation, body, context)
        if not query:
            return self._dispatcher.json(target.service, target.operation, body, context)
        return self._dispatcher.query(target.service, target.operation, query, context, request_id)

    def _rest(self, target: Target, scope: Scope, body: bytes, request_id: str) -> Answer:
        assert target.signing_name is not None
        path = scope.get("raw_path") or scope["path"].encode()
        route = rest_json.route(target.signing_name, scope["method"], path.decode("latin-1").partition("?")[0])
        if route is None:
            text = f"{target.signing_name} has no operation at {scope['method']} {scope['path'][:200]}"
            return _json_fault(Fault("UnknownOperationException", text, 404))
        query = (scope["query_string"] or b"").decode("latin-1")
        return self._dispatcher.rest(target.signing_name, route, query, body, lambda: self._context(target, request_id))

    def _context(self, target: Target, request_id: str) -> Context:
        return self.context(target.region, request_id, caller_arn(self._store, self._account, target.access_key))

    def context(self, region: str, request_id: str, caller: str) -> Context:
        """What a handler is given, for a request of a client or of the engine itself. `caller`: an ARN."""
        return Context(
            store=self._store,
            now=self._clock.now(),
            ids=self._ids,
            region=region,
            account=self._account,
            request_id=request_id,
            caller_arn=caller,
            host=self._host,
        )

    async def _hand_over(self, target: Target, scope: Scope, headers: Mapping[str, str], body: bytes) -> Answer:
        assert target.service is not None
        assert target.operation is not None
        path = scope["path"]
        if scope["query_string"]:
            path += "?" + scope["query_string"].decode("latin-1")
        answer = await self._passive(
            PassiveRequest(target.service, target.operation, target.region, scope["method"], path, headers, body)
        )
        return Answer(answer.status, answer.content_type.encode("latin-1", "replace"), answer.body)

    async def _own(self, method: str, path: str, headers: Mapping[str, str]) -> Answer:
        match method, path:
            case "GET" | "HEAD", "/_fairway/health":
                return Answer(200, _JSON, orjson.dumps(self._operator.health()))
            case "POST", "/_fairway/reset":
                if headers.get("x-fairway") != "1":
                    return _json_fault(
                        Fault("AccessDeniedException", "A write under /_fairway needs the header `X-Fairway: 1`.", 403)
                    )
                await self._operator.reset()
                return Answer(200, _JSON, b"{}")
            case _:
                return _json_fault(Fault("NotFoundException", f"{method} {path} does not exist.", 404))

    def _metadata(self, path: str) -> Answer:
        container_id, _, rest = path.removeprefix("/v4/").partition("/")
        found = self._operator.metadata(container_id, rest)
        if found is None:
            return _json_fault(Fault("NotFoundException", f"No container answers to {path}.", 404))
        return Answer(200, _JSON, json_protocol.render(found))


def _refuse(scope: Scope, headers: Mapping[str, str]) -> Answer | None:
    host = headers.get("host", "")
    name = host if host.endswith("]") else host.rsplit(":", 1)[0] if ":" in host else host
    if name.lower() not in _HOSTS:
        return _json_fault(
            Fault(
                "AccessDeniedException",
                "Host must be 127.0.0.1, localhost or [::1]: this engine is for its own machine.",
                403,
            )
        )
    if "origin" in headers:
        return _json_fault(
            Fault(
                "AccessDeniedException", f"Requests from web pages are refused (Origin on {scope['path'][:100]}).", 403
            )
        )
    return None


def _unknown(target: Target, headers: Mapping[str, str]) -> Fault:
    if target.signing_name is not None and target.signing_name not in {*SERVICES, *PASSIVE}:
        return Fault(
            "UnsupportedOperationException",
            f"The service {target.signing_name} is not supported by this engine; "
            "docs/reference/operations.md lists what is.",
        )
    what = headers.get("x-amz-target") or "neither X-Amz-Target nor Action"
    return Fault("UnknownOperationException", f"No service knows this request ({what[:200]}).")


def _xml_fault(fault: AwsFault, service: str | None, request_id: str) -> Answer:
    render = query_protocol.render_ec2_fault if service == "ec2" else query_protocol.render_fault
    return Answer(fault.status, query_protocol.CONTENT_TYPE, render(fault, "", request_id), fault.code)


def _json_fault(fault: AwsFault) -> Answer:
    return Answer(fault.status, json_protocol.CONTENT_TYPE, json_protocol.render_fault(fault), fault.code)


async def _read(receive: Receive) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Disconnected
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > MOST_BODY_BYTES:
            raise TooLarge
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


async def _respond(send: Send, answer: Answer, request_id: str, now: datetime) -> None:
    headers = [
        (b"content-type", answer.content_type),
        (b"content-length", str(len(answer.body)).encode()),
        (b"x-amzn-requestid", request_id.encode()),
        (b"date", format_datetime(now, usegmt=True).encode()),
        (ENGINE_HEADER, _VERSION),
    ]
    if answer.code is not None:
        headers.append((b"x-amzn-errortype", answer.code.encode("latin-1", "replace")))
    headers += answer.headers
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
