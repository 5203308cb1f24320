"""Records to msgpack values and back, by their annotations.

A record (dataclass or NamedTuple) travels as the array of its fields. `optional` travels as `[false]` or
`[true, value]`, an enum as its integer. CARLA's client takes 1 for 1.0 but neither 0 for false nor 3.0 for 3, and
mistakes kill the process of the user, so both directions are strict: a wrong value raises `CodecError` with the place
where it stands.

What comes in has CARLA's widths as well: `Annotated[int, range(256)]` is a byte (see `simulator.types`), any other
integer one of 32 bits with or without sign, a number one that 32 bits hold. Larger ones, which no client of CARLA can
send, would wrap or overflow wherever a table or a file keeps them.
"""

from __future__ import annotations

import math
import reprlib
import types
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum, Flag
from functools import cache
from typing import Annotated, Any, NoReturn, Union, get_args, get_origin, get_type_hints

import numpy as np

from simulator.types import LARGEST_FLOAT

Coder = Callable[[Any], Any]


class CodecError(ValueError):
    """A value that does not fit its annotation; `path` says where it stands."""

    def __init__(self, problem: str, path: str = "") -> None:
        super().__init__(problem, path)
        self.problem, self.path = problem, path

    def inside(self, place: str) -> CodecError:
        return CodecError(self.problem, place + self.path)

    def __str__(self) -> str:
        return f"{self.path.lstrip('.')}: {self.problem}" if self.path else self.problem


def encode(value: Any, annotation: Any) -> Any:
    """The msgpack value that carries `value` as an `annotation`."""
    return encoder(annotation)(value)


def decode(value: Any, annotation: Any) -> Any:
    """The `annotation` that a msgpack value carries; raises CodecError."""
    return decoder(annotation)(value)


@cache
def encoder(annotation: Any) -> Coder:
    """The function that encodes values of `annotation`."""
    return _build(annotation, encoder, _SCALARS, _enum_encoder, _optional_encoder, _list_encoder, _record_encoder)


@cache
def decoder(annotation: Any) -> Coder:
    """The function that decodes values of `annotation`."""
    if get_origin(annotation) is Annotated:
        return _whole_within(get_args(annotation)[1])
    return _build(annotation, decoder, _RECEIVED, _enum_decoder, _optional_decoder, _list_decoder, _record_decoder)


def _build(
    annotation: Any,
    recurse: Callable[[Any], Coder],
    scalars: dict[Any, Coder],
    enum: Callable[[Any], Coder],
    optional: Callable[[Coder], Coder],
    array: Callable[[Coder], Coder],
    record: Callable[[Any, list[tuple[str, Coder]]], Coder],
) -> Coder:
    if annotation in scalars:
        return scalars[annotation]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return recurse(arguments[0])
    if origin in (Union, types.UnionType):
        (inner,) = [a for a in arguments if a is not type(None)]
        return optional(recurse(inner))
    if origin in (tuple, list):
        if origin is list or arguments[-1] is Ellipsis:
            return array(recurse(arguments[0]))
        return record(lambda *items: items, [(f"[{i}]", recurse(a)) for i, a in enumerate(arguments)])
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return enum(annotation)
    return record(annotation, [("." + name, recurse(a)) for name, a in _fields_of(annotation)])


def _fields_of(record: Any) -> list[tuple[str, Any]]:
    hints = get_type_hints(record, include_extras=True)
    if is_dataclass(record):
        return [(f.name, hints[f.name]) for f in fields(record)]
    if hasattr(record, "_fields"):
        return [(name, hints[name]) for name in record._fields]
    raise TypeError(f"no wire form for {record!r}")


_shown = reprlib.Repr()
"""Of a value that a client sent, be it ever so large."""
_shown.maxstring = _shown.maxother = _shown.maxlong = 44


def _refuse(expected: str, value: Any) -> NoReturn:
    shown = _shown.repr(value)
    raise CodecError(f"expected {expected}, got {shown if len(shown) <= 40 else shown[:37] + '...'}")


def _any(value: Any) -> Any:
    return value


def _bool(value: Any) -> bool:
    if value is True or value is False:
        return value
    if isinstance(value, np.bool_):
        return bool(value)
    _refuse("true or false", value)


def _int(value: Any) -> int:
    if type(value) is int:
        return value
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return int(value)
    _refuse("an integer", value)


def _whole_within(width: range) -> Coder:
    def decode_int(value: Any) -> int:
        if type(value) is int and value in width:
            return value
        whole = _int(value)
        if whole not in width:
            _refuse(f"an integer from {width[0]} to {width[-1]}", value)
        return whole

    return decode_int


def _float(value: Any) -> float:
    if type(value) is not float:
        if not isinstance(value, (int, float, np.integer, np.floating)) or isinstance(value, bool):
            _refuse("a number", value)
        value = float(value)
    if not math.isfinite(value):
        _refuse("a finite number", value)
    return value


def _received_float(value: Any) -> float:
    if type(value) is float and -LARGEST_FLOAT <= value <= LARGEST_FLOAT:
        return value
    number = _float(value)
    if not -LARGEST_FLOAT <= number <= LARGEST_FLOAT:
        _refuse("a number of 32 bits", value)
    return number


def _str(value: Any) -> str:
    if isinstance(value, str):
        return value
    _refuse("a text", value)


def _bytes(value: Any) -> bytes:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    _refuse("bytes", value)


_ANY_32_BITS = range(-(2**31), 2**32)
_SCALARS: dict[Any, Coder] = {Any: _any, bool: _bool, int: _int, float: _float, str: _str, bytes: _bytes}
_RECEIVED: dict[Any, Coder] = {**_SCALARS, int: _whole_within(_ANY_32_BITS), float: _received_float}


def _enum_encoder(enum: Any) -> Coder:
    return lambda value: _int(value.value if isinstance(value, Enum) else value)


def _enum_decoder(enum: Any) -> Coder:
    number = _whole_within(range(2**32)) if issubclass(enum, Flag) else _int

    def decode_enum(value: Any) -> Any:
        try:
            return enum(number(value))
        except CodecError:
            raise
        except ValueError:
            _refuse(f"a {enum.__name__}", value)

    return decode_enum


def _optional_encoder(inner: Coder) -> Coder:
    return lambda value: [False] if value is None else [True, inner(value)]


def _optional_decoder(inner: Coder) -> Coder:
    def decode_optional(value: Any) -> Any:
        if not isinstance(value, (list, tuple)) or not value or len(value) != 1 + _bool(value[0]):
            _refuse("[false] or [true, value]", value)
        return inner(value[1]) if value[0] else None

    return decode_optional


def _list_encoder(item: Coder) -> Coder:
    return lambda values: [item(value) for value in values]


def _list_decoder(item: Coder) -> Coder:
    def decode_list(values: Any) -> Any:
        if not isinstance(values, (list, tuple)):
            _refuse("an array", values)
        try:
            return tuple([item(value) for value in values])
        except CodecError:
            return tuple(_placed(item, value, f"[{i}]") for i, value in enumerate(values))

    return decode_list


def _record_encoder(make: Any, items: list[tuple[str, Coder]]) -> Coder:
    if isinstance(make, type) and not issubclass(make, tuple):
        attributes = [(name[1:], coder) for name, coder in items]

        def encode_record(value: Any) -> list[Any]:
            try:
                return [coder(getattr(value, name)) for name, coder in attributes]
            except CodecError:
                return [_placed(coder, getattr(value, name), "." + name) for name, coder in attributes]

        return encode_record

    def encode_tuple(value: Sequence[Any]) -> list[Any]:
        if len(value) != len(items):
            _refuse(f"{len(items)} values", value)
        return [_placed(coder, field, name) for field, (name, coder) in zip(value, items)]

    return encode_tuple


def _record_decoder(make: Any, items: list[tuple[str, Coder]]) -> Coder:
    coders = [coder for _, coder in items]

    def decode_record(value: Any) -> Any:
        if not isinstance(value, (list, tuple)) or len(value) != len(items):
            _refuse(f"an array of {len(items)}", value)
        try:
            return make(*[coder(field) for coder, field in zip(coders, value)])
        except CodecError:
            return make(*[_placed(coder, field, name) for field, (name, coder) in zip(value, items)])

    return decode_record


def _placed(coder: Coder, value: Any, place: str) -> Any:
    try:
        return coder(value)
    except CodecError as error:
        raise error.inside(place) from None
