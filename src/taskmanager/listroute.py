"""The route of a list that is asked for all the time.

The framework describes it by its signature, as every other. What it does with each request, for each parameter and each
dependency, takes a third of the whole answer: here the same values are read by one look at the query.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, TypeAdapter, ValidationError

from taskmanager.deps import services, user_of

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from fastapi import Request, Response
    from pydantic.fields import FieldInfo


class ListRoute(APIRoute):
    """Its handler takes `services`, `user_id`, what the path names, and one model of the query, and gives a response."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        [query], endpoint = self.dependant.query_params, self.endpoint
        model = query.field_info.annotation
        assert isinstance(model, type)
        assert issubclass(model, BaseModel)
        named = {field.name: _adapter(field.field_info) for field in self.dependant.path_params}

        async def handle(request: Request) -> Response:
            user_id = await user_of(request)
            try:
                values = {query.name: model.model_validate(dict(request.query_params))}
            except ValidationError as error:
                raise _refused("query", error) from None
            for name, kind in named.items():
                try:
                    values[name] = kind.validate_python(request.path_params[name])
                except ValidationError as error:
                    raise _refused(f"path.{name}", error) from None
            response: Response = await endpoint(services=services(request), user_id=user_id, **values)
            return response

        return handle


def _adapter(parameter: FieldInfo) -> TypeAdapter[Any]:
    kind: Any = Annotated[parameter.annotation, parameter]
    return TypeAdapter(kind)


def _refused(where: str, error: ValidationError) -> RequestValidationError:
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return RequestValidationError([{**one, "loc": (*where.split("."), *one["loc"])} for one in found])
