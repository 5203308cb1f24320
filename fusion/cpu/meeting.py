"""Where threads that share a piece of work wait for each other inside compiled code, without the interpreter's lock.

Waking a sleeping thread takes some 50 us, and a network on a small view has two dozen places to wait at: so whoever
waits looks again and again, and after a while offers its processor to others between two looks.
"""

import platform

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

Meeting = NDArray[np.int64]
_LOOKS = 2000
_X86 = platform.machine() in ("x86_64", "AMD64")
_OFF = 1 << 62


def meeting() -> Meeting:
    """For one piece of work: counts arrivals, on a cache line of its own."""
    return np.zeros(8, np.int64)


def call_off(met: Meeting) -> None:
    """For a part that ends early: nobody waits for it any more."""
    met[0] = _OFF


@intrinsic
def _arrive(context, met):
    def generate(target, builder, signature, arguments):
        counter = target.make_array(signature.args[0])(target, builder, arguments[0]).data
        builder.atomic_rmw("add", counter, ir.Constant(ir.IntType(64), 1), "acq_rel")

    return types.void(met), generate


@intrinsic
def _arrived(context, met):
    def generate(target, builder, signature, arguments):
        counter = target.make_array(signature.args[0])(target, builder, arguments[0]).data
        return builder.load_atomic(counter, "acquire", 8)

    return types.int64(met), generate


@intrinsic
def _pause(context):
    """Tells the core that this thread only waits: what shares the core with it runs faster."""

    def generate(target, builder, signature, arguments):
        if _X86:
            kind = ir.FunctionType(ir.VoidType(), [])
            builder.call(cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.sse2.pause"), [])

    return types.void(), generate


@intrinsic
def _give_way(context):
    def generate(target, builder, signature, arguments):
        kind = ir.FunctionType(ir.IntType(32), [])
        builder.call(cgutils.get_or_insert_function(builder.module, kind, "sched_yield"), [])

    return types.void(), generate


@numba.njit(nogil=True, cache=True)
def meet(met: Meeting, arrivals: int) -> None:
    """Returns when `arrivals` have come to this meeting, this one included, since it began."""
    _arrive(met)
    looks = 0
    while _arrived(met) < arrivals:
        looks += 1
        if looks < _LOOKS:
            _pause()
        else:
            _give_way()
