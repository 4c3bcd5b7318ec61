"""Parameters with versions. PutParameter without Overwrite is atomic: locks are built on it."""

from __future__ import annotations

import base64
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from fairway.engine.model.vault import Parameter, ParameterVersion
from fairway.engine.services.fault import AwsFault, not_here
from fairway.engine.services.operation import OperationTable
from fairway.engine.services.pages import page_of
from fairway.engine.services.ssm.resolve import find_parameter, select
from fairway.engine.store.schema import PARAMETERS

if TYPE_CHECKING:
    from fairway.engine.services.operation import Context, Request, Response

_MOST_BYTES: Final = {"Standard": 4096, "Advanced": 8192}
_MOST_VERSIONS: Final = 100


class ParameterNotFound(AwsFault):
    """No such parameter."""

    code = "ParameterNotFound"


class ParameterVersionNotFound(AwsFault):
    """No such version or label."""

    code = "ParameterVersionNotFound"


class ParameterAlreadyExists(AwsFault):
    """The name is taken, and Overwrite is false."""

    code = "ParameterAlreadyExists"


class ValidationException(AwsFault):
    """A parameter is not valid."""

    code = "ValidationException"


OPERATIONS: Final = OperationTable("ssm", lambda member: ValidationException(not_here(member)))


class InvalidNextToken(AwsFault):
    """The token is not one that was given out."""

    code = "InvalidNextToken"


class InvalidResourceId(AwsFault):
    """No such resource to tag."""

    code = "InvalidResourceId"


def _need(ctx: Context, name: str) -> tuple[Parameter, ParameterVersion]:
    base, colon, selector = name.rpartition(":") if not name.startswith("arn:") and ":" in name else (name, "", "")
    parameter = find_parameter(ctx.store, ctx.region, base)
    if parameter is None:
        raise ParameterNotFound(f"Parameter {name} not found.")
    version = select(parameter, selector if colon else None)
    if version is None:
        raise ParameterVersionNotFound(f"Systems Manager could not find version {selector} of {base}.")
    return parameter, version


def _show(parameter: Parameter, version: ParameterVersion, *, decrypted: bool) -> dict[str, Any]:
    value = version.value
    if parameter.type == "SecureString" and not decrypted:
        # AWS shows the ciphertext: something that tells nothing of the value and is the same each time
        value = base64.b64encode(sha256(f"{parameter.arn}|{version.version}".encode()).digest() * 3).decode()
    return {
        "Name": parameter.name,
        "Type": parameter.type,
        "Value": value,
        "Version": version.version,
        "LastModifiedDate": version.changed_at,
        "ARN": parameter.arn,
        "DataType": parameter.data_type,
    }


def _brief(parameter: Parameter) -> dict[str, Any]:
    newest = parameter.versions[-1]
    return {
        "Name": parameter.name,
        "ARN": parameter.arn,
        "Type": parameter.type,
        "Version": newest.version,
        "LastModifiedDate": newest.changed_at,
        "Description": parameter.description,
        "Tier": parameter.tier,
        "DataType": parameter.data_type,
        "Policies": [],
    }


@OPERATIONS.operation("PutParameter", refuses=("AllowedPattern", "Policies"))
def put_parameter(ctx: Context, request: Request) -> Response:
    """Create a parameter, or add a version to it."""
    name, value = request["Name"], request["Value"]
    tier = request.get("Tier", "Standard")
    if tier == "Intelligent-Tiering":
        tier = "Standard" if len(value.encode()) <= _MOST_BYTES["Standard"] else "Advanced"
    if not value:
        raise ValidationException("Parameter value can't be empty.")
    if len(value.encode()) > _MOST_BYTES[tier]:
        raise ValidationException(
            f"{tier} tier parameters support a maximum parameter value of {_MOST_BYTES[tier]} characters."
        )
    living = find_parameter(ctx.store, ctx.region, name)
    if living is not None and not request.get("Overwrite"):
        raise ParameterAlreadyExists(
            "The parameter already exists. To overwrite this value, set the overwrite option in the request to true."
        )
    if living is None and not request.get("Type"):
        raise ValidationException("A parameter type is required when you create a parameter.")
    number = 1 if living is None else living.versions[-1].version + 1
    version = ParameterVersion(number, value, ctx.now)
    if living is None:
        slash = "" if name.startswith("/") else "/"
        parameter = Parameter(
            arn=f"arn:aws:ssm:{ctx.region}:{ctx.account}:parameter{slash}{name}",
            name=name,
            region=ctx.region,
            type=request["Type"],
            versions=(version,),
            description=request.get("Description", ""),
            tier=tier,
            data_type=request.get("DataType", "text"),
            key_id=request.get("KeyId"),
            tags={tag["Key"]: tag.get("Value", "") for tag in request.get("Tags", ())},
        )
    else:
        parameter = replace(
            living,
            type=request.get("Type", living.type),
            description=request.get("Description", living.description),
            versions=(*living.versions, version)[-_MOST_VERSIONS:],
            tier=tier,
        )
    with ctx.store.transaction() as tx:
        tx.put(PARAMETERS, parameter)
    return {"Version": number, "Tier": tier}


@OPERATIONS.operation("GetParameter")
def get_parameter(ctx: Context, request: Request) -> Response:
    """One parameter; `NAME:VERSION` or `NAME:LABEL` for an older one."""
    parameter, version = _need(ctx, request["Name"])
    return {"Parameter": _show(parameter, version, decrypted=request.get("WithDecryption", False))}


@OPERATIONS.operation("GetParameters")
def get_parameters(ctx: Context, request: Request) -> Response:
    """Up to ten parameters; what is not found stands in InvalidParameters."""
    found, invalid = [], []
    for name in request["Names"]:
        try:
            parameter, version = _need(ctx, name)
            found.append(_show(parameter, version, decrypted=request.get("WithDecryption", False)))
        except (ParameterNotFound, ParameterVersionNotFound):
            invalid.append(name)
    return {"Parameters": found, "InvalidParameters": invalid}


@OPERATIONS.operation("GetParametersByPath")
def get_parameters_by_path(ctx: Context, request: Request) -> Response:
    """Parameters below a path; only the next level unless Recursive."""
    path = request["Path"].rstrip("/") + "/"
    names = sorted(
        (p.name, p)
        for p in ctx.store.all(PARAMETERS)
        if p.region == ctx.region
        and p.name.startswith(path)
        and (request.get("Recursive") or "/" not in p.name[len(path) :])
    )
    page, token = page_of(names, request.get("NextToken"), request.get("MaxResults", 10), InvalidNextToken)
    shown = [_show(p, p.versions[-1], decrypted=request.get("WithDecryption", False)) for _, p in page]
    return {"Parameters": shown} | ({"NextToken": token} if token else {})


@OPERATIONS.operation("GetParameterHistory")
def get_parameter_history(ctx: Context, request: Request) -> Response:
    """All versions of a parameter."""
    parameter, _ = _need(ctx, request["Name"])
    brief = _brief(parameter)
    page, token = page_of(parameter.versions, request.get("NextToken"), request.get("MaxResults", 50), InvalidNextToken)
    history = []
    for version in page:
        value = _show(parameter, version, decrypted=request.get("WithDecryption", False))["Value"]
        shown = {"Value": value, "Version": version.version, "LastModifiedDate": version.changed_at}
        history.append(brief | shown | {"Labels": list(version.labels)})
    return {"Parameters": history} | ({"NextToken": token} if token else {})


@OPERATIONS.operation("DescribeParameters", refuses=("Filters", "Shared"))
def describe_parameters(ctx: Context, request: Request) -> Response:
    """Parameters without their values; filters by name."""
    parameters = [p for p in ctx.store.all(PARAMETERS) if p.region == ctx.region]
    for condition in request.get("ParameterFilters", ()):
        if condition["Key"] != "Name":
            raise ValidationException(f"The filter {condition['Key']} is not supported by this engine.")
        values, option = condition.get("Values", ()), condition.get("Option", "Equals")
        begins = option == "BeginsWith"
        parameters = [p for p in parameters if any(p.name.startswith(v) if begins else p.name == v for v in values)]
    page, token = page_of(parameters, request.get("NextToken"), request.get("MaxResults", 50), InvalidNextToken)
    return {"Parameters": [_brief(parameter) for parameter in page]} | ({"NextToken": token} if token else {})


@OPERATIONS.operation("DeleteParameter")
def delete_parameter(ctx: Context, request: Request) -> Response:
    """Delete a parameter with all its versions."""
    parameter, _ = _need(ctx, request["Name"])
    with ctx.store.transaction() as tx:
        tx.delete(PARAMETERS, parameter.arn)
    return {}


@OPERATIONS.operation("DeleteParameters")
def delete_parameters(ctx: Context, request: Request) -> Response:
    """Delete up to ten parameters."""
    deleted, invalid = [], []
    with ctx.store.transaction() as tx:
        for name in request["Names"]:
            parameter = find_parameter(ctx.store, ctx.region, name)
            if parameter is None:
                invalid.append(name)
            else:
                tx.delete(PARAMETERS, parameter.arn)
                deleted.append(name)
    return {"DeletedParameters": deleted, "InvalidParameters": invalid}


@OPERATIONS.operation("AddTagsToResource")
def add_tags_to_resource(ctx: Context, request: Request) -> Response:
    """Add tags to a parameter."""
    parameter = _taggable(ctx, request)
    added = {tag["Key"]: tag.get("Value", "") for tag in request["Tags"]}
    with ctx.store.transaction() as tx:
        tx.put(PARAMETERS, replace(parameter, tags={**parameter.tags, **added}))
    return {}


@OPERATIONS.operation("ListTagsForResource")
def list_tags_for_resource(ctx: Context, request: Request) -> Response:
    """The tags of a parameter."""
    parameter = _taggable(ctx, request)
    return {"TagList": [{"Key": key, "Value": value} for key, value in parameter.tags.items()]}


def _taggable(ctx: Context, request: Request) -> Parameter:
    parameter = find_parameter(ctx.store, ctx.region, request["ResourceId"])
    if request["ResourceType"] != "Parameter" or parameter is None:
        raise InvalidResourceId("The resource ID isn't valid. Verify that you entered the correct ID and try again.")
    return parameter
