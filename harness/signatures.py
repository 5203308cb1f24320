"""Lets numba remember, in a process that only compiles, which signature it has found for a call.

Types are inferred in rounds until nothing changes, and in each round numba finds out anew what `+` or an index means
for the same types: it tries a dozen templates, of which one fits. Five of six answers it has given before; without the
questions compiling takes a tenth less. What is compiled is the same to the last byte of machine code.
"""

from __future__ import annotations

from typing import Any

import numba
from numba.core import targetconfig, types

VERSIONS = ("0.68.",)
"""Of numba, in which this has been tried; in others nothing is remembered."""


def remember_signatures() -> bool:
    """For all that this process compiles from now on. Returns whether it is so."""
    if not numba.__version__.startswith(VERSIONS):
        return False
    find = types.BaseFunction.get_call_type
    found: dict[tuple[object, ...], tuple[Any, ...]] = {}
    options: dict[int, tuple[object, int]] = {}  # compiler options have a slow hash: numbered by identity and by value
    numbers: dict[object, int] = {}

    def number_of(option: object) -> int:
        if id(option) not in options:
            options[id(option)] = option, numbers.setdefault(option, len(numbers))
        return options[id(option)][1]

    def get_call_type(self: Any, context: object, args: Any, kws: Any) -> Any:
        key = id(self), args, tuple(kws.items()), number_of(targetconfig.ConfigStack.top_or_none())
        if key not in found:
            signature = find(self, context, args, kws)
            found[key] = signature, self._impl_keys[signature.args], self  # `self`: no other gets its id
            return signature
        signature, implementation, _ = found[key]
        self._impl_keys[signature.args] = implementation
        return signature

    types.BaseFunction.get_call_type = get_call_type
    return True
