"""One session for a whole run: clients, the right account, AWS's time, and errors in Fairway's words."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import RefreshableCredentials
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
)

from fairway.aws.patience import give_up_early
from fairway.clock import monotonic, wall_now
from fairway.errors import FairwayError, UsageError
from fairway.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from types_boto3_ec2 import EC2Client
    from types_boto3_ecr import ECRClient
    from types_boto3_ecs import ECSClient
    from types_boto3_elbv2 import ElasticLoadBalancingv2Client
    from types_boto3_logs import CloudWatchLogsClient
    from types_boto3_secretsmanager import SecretsManagerClient
    from types_boto3_ssm import SSMClient
    from types_boto3_sts import STSClient

    from fairway.project.model import Environment

ENGINE_HEADER: Final = "x-fairway-engine"
_LOOPBACK: Final = re.compile(r"https?://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?/?")
_LOCAL_KEY: Final = "local"
_THROTTLED: Final = frozenset({"ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded"})
_EXPIRED: Final = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired", "InvalidClientTokenId"})


class AwsError(FairwayError):
    """AWS refused a call, or could not be reached."""

    code = "aws"


class CredentialsError(FairwayError):
    """There are no credentials, or they have ended."""

    code = "credentials"


class Aws:
    """Typed clients that share one session, one retry budget and one view of AWS's time."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.region = environment.region
        self.is_local = environment.is_local
        self._endpoint = environment.endpoint_url
        self._clients: dict[str, Any] = {}
        self._caller: dict[str, str] | None = None
        self._offset: tuple[datetime, float] | None = None
        self.is_engine = False
        """The last answer came from a local engine."""
        self._session = self._make_session()

    def _make_session(self) -> boto3.Session:
        try:
            if self.is_local:
                return boto3.Session(
                    botocore_session=_without_profile(),
                    aws_access_key_id=os.environ.get("USER") or _LOCAL_KEY,
                    aws_secret_access_key=_LOCAL_KEY,
                    region_name=self.region,
                )
            return boto3.Session(region_name=self.region)
        except ProfileNotFound as error:
            raise CredentialsError(str(error), hint="correct AWS_PROFILE, or unset it") from None

    def client(self, service: str) -> Any:
        """The client of a service by boto3's name of it."""
        client = self._clients.get(service)
        if client is None:
            local = self._endpoint if self.is_local else None
            config = Config(
                retries={"mode": "adaptive", "max_attempts": 10},
                user_agent_extra=f"fairway/{VERSION}",
                connect_timeout=5,
                read_timeout=60,
                max_pool_connections=20,
                parameter_validation=True,
            )
            client = self._session.client(service, endpoint_url=local, config=config)  # type: ignore[call-overload]
            name = client.meta.service_model.service_id.hyphenize()
            early = give_up_early(is_local=self.is_local, has_answered=lambda: self._offset is not None)
            client.meta.events.register_first(f"needs-retry.{name}", early)
            client.meta.events.register("after-call.*", self._take_time)
            client.meta.events.register("after-call.ecs", refuse_incomplete)
            self._clients[service] = client
        return client

    @property
    def ecs(self) -> ECSClient:
        client: ECSClient = self.client("ecs")
        return client

    @property
    def elbv2(self) -> ElasticLoadBalancingv2Client:
        client: ElasticLoadBalancingv2Client = self.client("elbv2")
        return client

    @property
    def logs(self) -> CloudWatchLogsClient:
        client: CloudWatchLogsClient = self.client("logs")
        return client

    @property
    def sts(self) -> STSClient:
        client: STSClient = self.client("sts")
        return client

    @property
    def ssm(self) -> SSMClient:
        client: SSMClient = self.client("ssm")
        return client

    @property
    def secretsmanager(self) -> SecretsManagerClient:
        client: SecretsManagerClient = self.client("secretsmanager")
        return client

    @property
    def ecr(self) -> ECRClient:
        client: ECRClient = self.client("ecr")
        return client

    @property
    def ec2(self) -> EC2Client:
        client: EC2Client = self.client("ec2")
        return client

    def now(self) -> datetime:
        """AWS's time (an engine's own, when it is one), from the `Date` of the last answer and the time since."""
        if self._offset is None:
            return wall_now()
        seen, at = self._offset
        elapsed = max(0.0, monotonic() - at)
        return datetime.fromtimestamp(seen.timestamp() + elapsed, UTC)

    def caller(self) -> dict[str, str]:
        """`Account`, `Arn` and `UserId` of whoever the credentials belong to; asked once."""
        if self._caller is None:
            answer = self.sts.get_caller_identity()
            self._caller = {key: str(answer[key]) for key in ("Account", "Arn", "UserId")}
        return self._caller

    def caller_arn(self) -> str:
        return self.caller()["Arn"]

    def credentials_left(self) -> float | None:
        """Real seconds until the credentials end, where that is known; None: they last, or renew themselves.

        Those of a web identity token, a role or SSO are renewed by botocore as long as that is possible: what is left of
        them grows short only when it is not any more. Those in the environment say when they end by AWS_CREDENTIAL_EXPIRATION,
        as `aws configure export-credentials` writes it.
        """
        if self.is_local:
            return None
        credentials = self._session.get_credentials()
        if not isinstance(credentials, RefreshableCredentials):
            return None
        # botocore raises RuntimeError for what it cannot renew
        with suppress(BotoCoreError, ClientError, RuntimeError):
            credentials.get_frozen_credentials()
        ends = getattr(credentials, "_expiry_time", None)
        return None if ends is None else (ends - wall_now()).total_seconds()

    def _take_time(self, http_response: Any, **_: Any) -> None:
        headers = getattr(http_response, "headers", {})
        self.is_engine = ENGINE_HEADER in headers
        date = headers.get("date") or headers.get("Date")
        if date:
            try:
                self._offset = (parsedate_to_datetime(date), monotonic())
            except (TypeError, ValueError):
                return


def _without_profile() -> botocore.session.Session:
    """A session that reads no profile, whatever AWS_PROFILE says: the local environment has none."""
    return botocore.session.Session(session_vars={"profile": (None, None, None, None)})


def connect(environment: Environment, *, check_account: bool = True) -> Aws:
    """A session for an environment, after making sure that it is the right account.

    Raises:
        UsageError: the credentials belong to another account; an endpoint is overridden; something else than AWS answers.
        CredentialsError: there are no credentials.
        AwsError: AWS (or the local engine) cannot be reached.
    """
    if environment.is_local:
        if environment.endpoint_url is None or not _LOOPBACK.fullmatch(environment.endpoint_url):
            raise UsageError(
                f"the local environment's endpoint is {environment.endpoint_url}, which is not on this machine",
                hint="use http://127.0.0.1:PORT",
            )
    else:
        names = ("AWS_ENDPOINT_URL", "FAIRWAY_ENDPOINT")
        overridden = sorted(name for name in os.environ if name.startswith(names) and os.environ[name])
        if overridden:
            raise UsageError(
                f"{', '.join(overridden)} is set, but the environment {environment.name} is on AWS itself",
                hint=f"unset {' '.join(overridden)}",
            )
    aws = Aws(environment)
    if check_account:
        try:
            caller = aws.caller()
        except (ClientError, BotoCoreError) as error:
            raise translate(error, doing="asking STS whose credentials these are") from error
        except RuntimeError as error:
            raise CredentialsError(f"the credentials have ended: {error}", hint="renew them: aws sso login") from error
        except ValueError as error:
            raise CredentialsError(
                f"the credentials cannot be read: {error}", hint="look at AWS_CREDENTIAL_EXPIRATION"
            ) from error
        _check_caller(aws, environment, caller["Account"])
    return aws


def _check_caller(aws: Aws, environment: Environment, account: str) -> None:
    if not environment.is_local and aws.is_engine:
        raise UsageError(
            f"a local engine answers where the environment {environment.name} expects AWS",
            hint="look for an endpoint_url in your AWS configuration, or a proxy",
        )
    if environment.is_local and not aws.is_engine:
        raise UsageError(
            f"what answers at {environment.endpoint_url} is not a Fairway engine",
            hint="another program (LocalStack?) has the port: choose another with --port",
        )
    if environment.account is not None and account != environment.account:
        raise UsageError(
            f"these credentials belong to account {account}, but {environment.name} is account {environment.account}",
            hint="choose the right profile (AWS_PROFILE), or correct deploy/environments/" + environment.name + ".toml",
        )


def is_expired(code: str) -> bool:
    """The credentials have ended."""
    return code in _EXPIRED


def refuse_incomplete(http_response: Any, model: Any, parsed: Mapping[str, Any], **_: Any) -> None:
    """An answer of ECS that says nothing at all is none: whoever gave it ended in the middle, and is asked again.

    Raises:
        ConnectionClosedError: a list or a description lacks every member; ECS sends empty lists, too.
    """
    is_read = model.name.startswith(("List", "Describe"))
    if is_read and not parsed.keys() - {"ResponseMetadata"}:
        raise ConnectionClosedError(endpoint_url=http_response.url, request=None)


def translate(error: ClientError | BotoCoreError, *, doing: str) -> FairwayError:
    """An error of AWS in Fairway's words: what was being done, what AWS said, and what to do about it."""
    match error:
        case ClientError():
            return _client_error(error, doing)
        case EndpointConnectionError() | ConnectionClosedError() | HTTPClientError():
            endpoint = str(error.kwargs.get("endpoint_url", ""))
            if _LOOPBACK.match(endpoint):
                return AwsError(
                    f"no engine answers at {endpoint} ({doing})",
                    hint="start it: fairway up (or fairway engine start; its log: fairway engine logs)",
                )
            return AwsError(
                f"{doing}: {endpoint} cannot be reached", hint="look at the network, the proxy and the region"
            )
        case NoCredentialsError() | PartialCredentialsError():
            return CredentialsError(
                f"{doing}: there are no AWS credentials", hint="aws configure, aws sso login, or set AWS_PROFILE"
            )
        case _:
            return AwsError(f"{doing}: {error}")


def _client_error(error: ClientError, doing: str) -> FairwayError:
    details = error.response.get("Error", {})
    code, message = details.get("Code", "unknown"), details.get("Message", "")
    if code in _EXPIRED:
        return CredentialsError(f"{doing}: the credentials have ended ({code})", hint="aws sso login, or renew them")
    if code in _THROTTLED:
        return AwsError(f"{doing}: AWS goes on throttling ({code}: {message})", hint="try again in a minute")
    if code in {"AccessDeniedException", "AccessDenied", "UnauthorizedOperation"}:
        return AwsError(f"{doing}: not allowed: {message}", hint="the role lacks this permission")
    return AwsError(f"{doing}: {code}: {message}")
