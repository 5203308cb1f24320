"""How a plain function becomes an RPC method: its annotations say how arguments and result travel.

    @rpc
    def get_actor_bounding_box(session: Session, actor_id: int) -> BoundingBox: ...

The function's name is the method's name. A result travels as `[[1, value]]`, nothing as `[[false]]`; a refusal as
`[[0, [text]]]` or `[[true, [text]]]`, which the client raises as RuntimeError(text).
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

from simulator.wire.codec import CodecError, Coder, decoder, encoder
from simulator.world.actor import ActorNotFound, SpawnError

if TYPE_CHECKING:
    from simulator.session import Session

Function = TypeVar("Function", bound=Callable[..., Any])


class Refused(Exception):
    """A call that the server declines; the client shows the text."""


REFUSALS = (Refused, CodecError, SpawnError, ActorNotFound)


def refusal_text(error: Exception, method: str) -> str:
    """The words of the real server where it has some."""
    if isinstance(error, ActorNotFound):
        return f"Responding error from function {method}: {error}"
    if isinstance(error, CodecError):
        return f"{method}: {error}"
    return str(error)


@dataclass(frozen=True)
class Method:
    """An RPC method: `run` takes the session and the arguments as they came."""

    name: str
    function: Callable[..., Any]
    coders: tuple[Coder, ...]
    succeed: Callable[[Any], Any]
    refuse: Callable[[str], Any]

    def run(self, session: Session, arguments: Sequence[Any]) -> Any:
        """The function's own result; raises one of REFUSALS."""
        if len(arguments) != len(self.coders):
            raise Refused(f"{self.name}: takes {len(self.coders)} arguments, got {len(arguments)}")
        return self.function(session, *[coder(argument) for coder, argument in zip(self.coders, arguments)])

    def answer(self, session: Session, arguments: Sequence[Any]) -> Any:
        """The result as it travels, or an awaitable of it."""
        try:
            result = self.run(session, arguments)
            return self._answer_later(result) if isinstance(result, Awaitable) else self.succeed(result)
        except REFUSALS as error:
            return self.refuse(refusal_text(error, self.name))

    async def _answer_later(self, result: Awaitable[Any]) -> Any:
        try:
            return self.succeed(await result)
        except REFUSALS as error:
            return self.refuse(refusal_text(error, self.name))


METHODS: dict[str, Method] = {}


def rpc(function: Function) -> Function:
    """Registers `function(session, *arguments)` under its name."""
    hints = get_type_hints(function, localns={"Session": object}, include_extras=True)
    parameters = inspect.signature(function).parameters
    coders = tuple(decoder(hints[name]) for name in list(parameters)[1:])
    if hints["return"] is type(None):
        method = Method(function.__name__, function, coders, _nothing, _nothing_refused)
    else:
        encode = encoder(hints["return"])
        method = Method(function.__name__, function, coders, lambda value: [[1, encode(value)]], _value_refused)
    METHODS[function.__name__] = method
    return function


def rpc_unwrapped(function: Function) -> Function:
    """Registers a function whose result travels as it is (`apply_batch`, the only one)."""
    rpc(function)
    wrapped = METHODS[function.__name__]
    METHODS[function.__name__] = replace(wrapped, succeed=lambda value: value, refuse=lambda text: [[[0, [text]]]])
    return function


def _nothing(_: None) -> list[list[bool]]:
    return [[False]]


def _nothing_refused(text: str) -> list[Any]:
    return [[True, [text]]]


def _value_refused(text: str) -> list[Any]:
    return [[0, [text]]]
