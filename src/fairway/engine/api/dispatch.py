"""From the body of a request to the body of its answer: parse, check, handle, render."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from fairway.engine.api import cbor_protocol, json_protocol, query_protocol, rest_json
from fairway.engine.api.cbor_protocol import MalformedMessage
from fairway.engine.api.json_protocol import MalformedBody
from fairway.engine.api.query_protocol import MalformedForm
from fairway.engine.api.validation import InvalidInput, Validator, WrongType
from fairway.engine.services.awsmodel import protocols, service_model
from fairway.engine.services.fault import AwsFault, ServiceUnavailable, UnsupportedOperation
from fairway.engine.store.store import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from botocore.model import OperationModel

    from fairway.engine.api.rest_json import Route
    from fairway.engine.services.operation import Context, OperationTable

log = logging.getLogger(__name__)

VALIDATION_CODES: Final = {
    "ecs": "InvalidParameterException",
    "elbv2": "ValidationError",
    "logs": "InvalidParameterException",
    "cloudwatch": "ValidationError",
    "secretsmanager": "InvalidParameterException",
    "ssm": "ValidationException",
    "ecr": "InvalidParameterException",
    "sts": "ValidationError",
    "events": "ValidationException",
    "scheduler": "ValidationException",
}
"""The code under which a service refuses what its model forbids."""


class Fault(AwsFault):
    """An error of the front end, not of a service's model; its code is set for each."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self._code, self._status = code, status

    @property
    def code(self) -> str:  # type: ignore[override]
        return self._code

    @property
    def status(self) -> int:  # type: ignore[override]
        return self._status


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer."""

    status: int
    content_type: bytes
    body: bytes
    code: str | None = None
    """The error's code; `x-amzn-ErrorType` of JSON services."""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    """Further headers that a protocol asks for."""


class Dispatcher:
    """Answers requests for the services that the engine has."""

    def __init__(self, tables: Mapping[str, OperationTable]) -> None:
        self._tables = tables
        self._validators = {name: Validator() for name in tables}
        self._operations: dict[tuple[str, str], OperationModel] = {}

    @property
    def services(self) -> list[str]:
        return sorted(self._tables)

    def json(self, service: str, operation: str, body: bytes, context: Callable[[], Context]) -> Answer:
        """Answer a request of a JSON service."""
        try:
            request = json_protocol.parse(body)
            response = self._handle(service, operation, lambda _model: request, context)
            return Answer(200, _json_type(service), json_protocol.render(response))
        except MalformedBody as error:
            fault: AwsFault = Fault("SerializationException", str(error))
        except Exception as error:  # noqa: BLE001 - whatever happens, the client gets AWS's kind of error
            fault = as_fault(service, operation, error)
        return json_fault(service, fault)

    def cbor(self, service: str, operation: str, body: bytes, context: Callable[[], Context]) -> Answer:
        """Answer a request of an RPC service over CBOR."""
        try:
            request = cbor_protocol.parse(body)
            response = self._handle(service, operation, lambda _model: request, context)
            rendered = cbor_protocol.render(response, self._model(service, operation))
            return Answer(200, cbor_protocol.CONTENT_TYPE, rendered, headers=(cbor_protocol.HEADER,))
        except MalformedMessage as error:
            fault: AwsFault = Fault("SerializationException", str(error))
        except Exception as error:  # noqa: BLE001 - as above
            fault = as_fault(service, operation, error)
        return cbor_fault(fault)

    def query(
        self, service: str, operation: str, form: dict[str, str], context: Callable[[], Context], request_id: str
    ) -> Answer:
        """Answer a request of a query service."""
        try:
            response = self._handle(service, operation, lambda model: query_protocol.parse(form, model), context)
            model = self._model(service, operation)
            return Answer(200, query_protocol.CONTENT_TYPE, query_protocol.render(response, model, request_id))
        except MalformedForm as error:
            fault: AwsFault = Fault("MalformedQueryString", str(error))
        except Exception as error:  # noqa: BLE001 - as above
            fault = as_fault(service, operation, error)
        namespace = str(service_model(service).metadata.get("xmlNamespace", ""))
        body = query_protocol.render_fault(fault, namespace, request_id)
        return Answer(fault.status, query_protocol.CONTENT_TYPE, body, fault.code)

    def rest(self, service: str, route: Route, query: str, body: bytes, context: Callable[[], Context]) -> Answer:
        """Answer a request of a REST service over JSON."""

        def read(model: OperationModel) -> dict[str, Any]:
            return rest_json.parse(model, route.parameters, query, body)

        try:
            response = self._handle(service, route.operation, read, context)
            return Answer(200, rest_json.CONTENT_TYPE, json_protocol.render(response))
        except MalformedBody as error:
            fault: AwsFault = Fault("SerializationException", str(error))
        except Exception as error:  # noqa: BLE001 - as above
            fault = as_fault(service, route.operation, error)
        return Answer(fault.status, rest_json.CONTENT_TYPE, json_protocol.render_fault(fault), fault.code)

    def call(self, service: str, operation: str, request: dict[str, Any], context: Context) -> dict[str, Any]:
        """Do what the engine itself asks for, under the same rules as a client's request.

        Raises:
            AwsFault: what a client would have been answered.
            StoreUnavailable: nothing was changed; it is worth another attempt.
        """
        try:
            return self._handle(service, operation, lambda _model: request, lambda: context)
        except StoreUnavailable:
            raise
        except Exception as error:
            raise as_fault(service, operation, error) from error

    def _model(self, service: str, operation: str) -> OperationModel:
        model = self._operations.get((service, operation))
        if model is None:
            model = service_model(service).operation_model(operation)
            self._operations[service, operation] = model
        return model

    def _handle(
        self,
        service: str,
        operation: str,
        request_of: Callable[[OperationModel], Any],
        context: Callable[[], Context],
    ) -> dict[str, Any]:
        table = self._tables[service]
        handler = table.handler(operation)
        if handler is None:
            raise missing(service, operation)
        model = self._model(service, operation)
        request = self._validators[service].read(model, request_of(model))
        return handler(context(), request)


def json_fault(service: str | None, fault: AwsFault) -> Answer:
    """An error in JSON; a service that also speaks the query protocol names that protocol's code in a header."""
    headers = () if service is None or "query" not in protocols(service) else (_query_error(fault),)
    content_type = json_protocol.CONTENT_TYPE if service is None else _json_type(service)
    return Answer(fault.status, content_type, json_protocol.render_fault(fault), fault.code, headers)


@cache
def _json_type(service: str) -> bytes:
    return json_protocol.content_type(service_model(service).metadata.get("jsonVersion", "1.1"))


def cbor_fault(fault: AwsFault) -> Answer:
    """An error in CBOR."""
    headers = (cbor_protocol.HEADER, _query_error(fault))
    return Answer(fault.status, cbor_protocol.CONTENT_TYPE, cbor_protocol.render_fault(fault), fault.code, headers)


def _query_error(fault: AwsFault) -> tuple[bytes, bytes]:
    side = "Sender" if fault.status < 500 else "Receiver"  # noqa: PLR2004 - HTTP's border between the two
    return b"x-amzn-query-error", f"{fault.code};{side}".encode("latin-1", "replace")


def missing(service: str, operation: str) -> AwsFault:
    """What a client gets for an operation that is not there: AWS's, or ours which names it."""
    if operation in service_model(service).operation_names:
        return UnsupportedOperation(
            f"{service} {operation} is not supported by this engine; docs/reference/operations.md lists what is."
        )
    if "query" in protocols(service):
        return Fault("InvalidAction", f"Could not find operation {operation} for version {service}")
    return Fault("UnknownOperationException", f"The service has no operation {operation}.")


def as_fault(service: str, operation: str, error: Exception) -> AwsFault:
    """The error that a client gets for whatever went wrong; what nobody expected is logged and told without details."""
    match error:
        case AwsFault():
            return error
        case WrongType():
            return Fault("SerializationException", str(error))
        case InvalidInput():
            return Fault(VALIDATION_CODES[service], str(error))
        case StoreUnavailable():
            return ServiceUnavailable(f"{error}; nothing was changed")
        case OSError():
            # a full disk, or a folder that is gone: the machine's trouble, which the text says all about
            log.error("%s %s: %s", service, operation, error)
            return ServiceUnavailable(f"the engine's files cannot be used: {error.strerror or error}")
        case RecursionError():
            return Fault("SerializationException", "the request is nested too deep")
        case _:
            log.error("%s %s failed", service, operation, exc_info=error)
            return Fault("InternalFailure", "The engine failed on this request; its log says more.", 500)
