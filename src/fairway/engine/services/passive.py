"""Hands the rest to moto, in process: IAM, KMS, the network part of EC2, SNS.

moto is imported at the first use, since it takes as much memory as the engine itself. Requests go to moto's own handlers
as botocore would hand them over, so that no web framework is needed. After each change the back end of the service is
written to the data directory; the subnets of EC2 are the engine's too: what a client creates there, tasks and load
balancers can use.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

from fairway.engine.services import passive_network, passive_state
from fairway.engine.services.fault import AwsFault, UnsupportedOperation
from fairway.engine.services.network import addresses_in_use, default_subnets, is_in_use, replace_subnets, subnets_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from fairway.engine.model.vault import Subnet
    from fairway.engine.store.store import Store


log = logging.getLogger(__name__)

GLOBAL: Final = frozenset({"iam"})
"""Services without a region in their address."""
_READING: Final = ("Describe", "List", "Get", "Simulate", "Test", "Search")


class UnknownRegion(AwsFault):
    """AWS has no such region."""

    code = "AuthFailure"


class PassiveFailure(AwsFault):
    """moto failed on the request."""

    code, status = "InternalFailure", 500


class DependencyViolation(AwsFault):
    """Something is in it."""

    code = "DependencyViolation"


@dataclass(frozen=True, slots=True)
class PassiveRequest:
    """A request for one of moto's services."""

    service: str
    operation: str
    region: str
    method: str
    path: str
    """With its query string."""
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class PassiveAnswer:
    """What moto answered."""

    status: int
    content_type: str
    body: bytes


class Passive:
    """moto's back ends behind one function."""

    def __init__(self, store: Store, account: str, root: Path) -> None:
        self._store = store
        self._account = account
        self._state = passive_state.BackEndFiles(root / "passive")
        self._used: set[str] = set()
        self._lock = asyncio.Lock()

    async def handle(self, request: PassiveRequest) -> PassiveAnswer:
        """Answer a request of one of moto's services.

        Raises:
            UnsupportedOperation: moto does not have it.
            UnknownRegion: AWS does not have it.
        """
        async with self._lock:
            own = subnets_of(self._store, request.region)
            in_use = addresses_in_use(self._store, request.region)
            taken = {subnet.id: len(in_use(subnet.id)) for subnet in own} if request.service == "ec2" else {}
            if request.operation == "DeleteSubnet":
                self._refuse_in_use(request)
            answer, subnets = await asyncio.to_thread(self._answer, request, own, taken)
            if subnets is not None and set(subnets) != set(own):
                replace_subnets(self._store, request.region, subnets)
            return answer

    async def reset(self) -> None:
        """Forget everything."""
        self._state.delete()
        if self._used:
            async with self._lock:
                await asyncio.to_thread(self._forget)

    def _refuse_in_use(self, request: PassiveRequest) -> None:
        """A subnet with tasks, services or load balancers in it stays, as on AWS."""
        form = parse_qs(request.body.decode("utf-8", "replace") + "&" + urlsplit(request.path).query)
        for subnet in form.get("SubnetId", ()):
            if is_in_use(self._store, request.region, subnet):
                raise DependencyViolation(f"The subnet '{subnet}' has dependencies and cannot be deleted.")

    # -- in a thread -------------------------------------------------------------------------------------------------

    def _answer(
        self, request: PassiveRequest, own: Sequence[Subnet], taken: Mapping[str, int]
    ) -> tuple[PassiveAnswer, tuple[Subnet, ...] | None]:
        from moto.core.utils import get_service_model  # noqa: PLC0415 - only when it is used

        if request.operation not in get_service_model(request.service).operation_names:
            raise UnsupportedOperation(f"{request.service} has no operation {request.operation[:100]}.")
        backends = self._open(request.service)
        if request.service not in GLOBAL:
            network = self._regional(backends, request, own)
            if request.service == "ec2":
                passive_network.occupy(network, taken)
        answer = _ask_moto(request)
        changed = answer.status < 300 and not request.operation.startswith(_READING)  # noqa: PLR2004 - HTTP
        if changed:
            self._state.save(request.service, backends)
        if request.service != "ec2":
            return answer, None
        return answer, passive_network.read_subnets(network, request.region)

    def _open(self, service: str) -> Any:
        """The back ends of a service, as the last engine left them."""
        backends = _backends(service)
        if service not in self._used:
            self._used.add(service)
            self._state.restore(service, backends)
        return backends

    def _regional(self, backends: Any, request: PassiveRequest, own: Sequence[Subnet]) -> Any:
        account = backends[self._account]
        try:
            backend = account[request.region]
        except KeyError:
            raise UnknownRegion(f"The region {request.region[:50]} does not exist.") from None
        if request.service == "ec2":
            passive_network.adopt(backend, own or default_subnets(request.region))
        return backend

    def _forget(self) -> None:
        for service in self._used:
            backends = _backends(service)
            for account in list(backends):
                backends[account].clear()
        self._used.clear()


def _backends(service: str) -> Any:
    from moto.backends import get_backend  # noqa: PLC0415 - only when it is used

    found: Any = get_backend(service)  # type: ignore[call-overload]
    return found


def _ask_moto(request: PassiveRequest) -> PassiveAnswer:
    from botocore.awsrequest import AWSPreparedRequest  # noqa: PLC0415 - only when it is used
    from botocore.compat import HTTPHeaders  # noqa: PLC0415
    from moto.core.botocore_stubber import BotocoreStubber  # noqa: PLC0415

    headers = HTTPHeaders()
    for name, value in request.headers.items():
        if name not in {"host", "content-length", "transfer-encoding"}:
            headers[name] = value
    host = request.service if request.service in GLOBAL else f"{request.service}.{request.region}"
    url = f"https://{host}.amazonaws.com{request.path}"
    prepared = AWSPreparedRequest(request.method, url, headers, request.body, stream_output=False)
    try:
        answered = BotocoreStubber().process_request(prepared)
    except NotImplementedError:
        answered = None
    except Exception as error:  # noqa: BLE001 - whatever it is
        # moto stumbles over input that AWS refuses: nothing of ours is wrong, and the trace would help nobody
        log.warning("moto cannot answer %s %s: %r", request.service, request.operation, error)
        raise PassiveFailure(f"moto cannot answer this {request.operation}: {type(error).__name__}.") from None
    if answered is None:
        raise UnsupportedOperation(
            f"{request.service} {request.operation} is not supported by this engine; "
            "docs/reference/operations.md lists what is."
        )
    status, answered_headers, body = answered
    kinds = [v for k, v in answered_headers.items() if k.lower() == "content-type"]
    default = "application/x-amz-json-1.1" if "x-amz-target" in request.headers else "text/xml"
    content = body.encode() if isinstance(body, str) else bytes(body)
    return PassiveAnswer(int(status), str(kinds[0]) if kinds else default, content)
