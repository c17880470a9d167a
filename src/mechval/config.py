"""Typed, frozen configuration whose refusals read as one sentence.

Every field carries a ``description`` that says what is allowed; the same text appears in the
error for a wrong value, so documentation and refusal cannot drift apart.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from mechval.errors import MechvalError

_REPEATED = "repeated"


class Config(BaseModel):
    """Base of every configuration record: immutable, no unknown keys, plain finite values only."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def _refuse_repeated(entries: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(entries)) < len(entries):
        raise PydanticCustomError(_REPEATED, "each entry once")
    return entries


Distinct = AfterValidator(_refuse_repeated)
"""Of a list: no entry occurs twice."""


def once_constant(value: Any, description: str, **limits: Any) -> Any:
    """A field for what was no setting until now. Configs of older runs do not have it: they mean
    this ``value``, and a config that has it is theirs, so it is left out of what is written."""

    def is_unchanged(found: Any) -> bool:
        return found == value

    return Field(default=value, exclude_if=is_unchanged, description=description, **limits)


AnyConfig = TypeVar("AnyConfig", bound=Config)


def parse_config(kind: type[AnyConfig], values: Mapping[str, Any], prefix: str = "") -> AnyConfig:
    """Build ``kind`` from nested plain values, as read from YAML or a manifest.

    Args:
        prefix: where these values sit in the whole configuration, for the message.

    Raises:
        MechvalError: naming the first wrong field, its value and what is allowed.
    """
    try:
        return kind.model_validate(dict(values))
    except ValidationError as error:
        raise MechvalError(_sentence(kind, error, prefix)) from None


def known_keys(kind: type[BaseModel], path: Sequence[str] = ()) -> tuple[str, ...]:
    """The keys of the record that a path of keys leads to; none where it leads to no record."""
    owner = _owner(kind, list(path))
    return tuple(field.alias or name for name, field in owner.model_fields.items()) if owner else ()


def description_of(kind: type[BaseModel], path: Sequence[str]) -> str | None:
    """What is allowed at a path of keys, None where there is no such key or nothing is said."""
    owner = _owner(kind, list(path[:-1])) if path else None
    field = _field(owner, path[-1]) if owner else None
    return field.description if field else None


def _sentence(kind: type[BaseModel], error: ValidationError, prefix: str) -> str:
    first = error.errors()[0]
    names = [part for part in first["loc"] if isinstance(part, str)]
    path = ".".join(part for part in (prefix, *map(str, first["loc"])) if part)
    if first["type"] == "extra_forbidden":
        return f"{path} is not a known setting; allowed here: {_siblings(kind, names)}."
    if first["type"] == "missing":
        return f"{path} is missing; allowed: {description_of(kind, names) or 'a value'}."
    told = first["msg"].removeprefix("Value error, ")
    if first["type"] == "value_error":
        # A validator over several fields names them and what they must be.
        return f"{path or kind.__name__}: {told}."
    allowed = description_of(kind, names) or told
    if first["type"] == _REPEATED:
        allowed = f"{allowed}, {told}"
    return f"{path or kind.__name__}={first['input']!r} is not allowed; allowed: {allowed}."


def _siblings(kind: type[BaseModel], names: list[str]) -> str:
    return ", ".join(known_keys(kind, names[:-1])) or "nothing"


def _owner(kind: type[BaseModel], names: list[str]) -> type[BaseModel] | None:
    owner: Any = kind
    for name in names:
        if not (isinstance(owner, type) and issubclass(owner, BaseModel)):
            return None
        field = _field(owner, name)
        owner = _model_in(field.annotation) if field else None
    return owner if isinstance(owner, type) and issubclass(owner, BaseModel) else None


def _field(owner: type[BaseModel], key: str) -> FieldInfo | None:
    fields = owner.model_fields.items()
    return next((field for name, field in fields if key == (field.alias or name)), None)


def _model_in(annotation: Any) -> Any:
    """The configuration class of ``Class`` or ``Class | None``."""
    parts = [part for part in get_args(annotation) if isinstance(part, type)]
    return next((part for part in parts if issubclass(part, BaseModel)), annotation)
