"""Eight samples of a row at a time: the one place where the compiler is told which vectors to use.

Left to itself it takes spans 32 samples at a time and the rest one by one, and most spans are shorter than that.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

HALF = 4
"""Samples in a vector of 256 bits of 64 each."""
LANES = 2 * HALF


def _keep_nearer(
    typing_context: Any, seen: Any, index: Any, z: Any, step: Any, low: Any, begin: Any, count: Any
) -> Any:

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        _, index, z, step, low, begin, count = arguments
        i32, i64, f32 = ir.IntType(32), ir.IntType(64), ir.FloatType()

        def vector(scalar: Any) -> Any:
            lanes = ir.VectorType(scalar.type, HALF)
            first = builder.insert_element(ir.Constant(lanes, ir.Undefined), scalar, ir.Constant(i32, 0))
            order = ir.Constant(ir.VectorType(i32, HALF), [0] * HALF)
            return builder.shuffle_vector(first, ir.Constant(lanes, ir.Undefined), order)

        wide = ir.VectorType(i64, HALF)
        for half in range(0, LANES, HALF):
            k = builder.add(vector(begin), ir.Constant(ir.VectorType(i32, HALF), list(range(half, half + HALF))))
            along = builder.fmul(builder.sitofp(k, ir.VectorType(f32, HALF)), vector(step), flags=("fast",))
            here = builder.fadd(along, vector(z), flags=("fast",))
            bits = builder.zext(builder.bitcast(here, ir.VectorType(i32, HALF)), wide)
            key = builder.or_(builder.shl(bits, ir.Constant(wide, [32] * HALF)), vector(low))
            key = builder.select(builder.icmp_signed("<", k, vector(count)), key, ir.Constant(wide, [0] * HALF))
            place = builder.gep(array.data, [builder.add(index, ir.Constant(i64, half))])
            place = builder.bitcast(place, wide.as_pointer())
            there = builder.load(place, align=8)
            builder.store(builder.select(builder.icmp_signed(">", key, there), key, there), place, align=8)
        return context.get_dummy_value()

    return types.void(seen, types.int64, types.float32, types.float32, types.int64, types.int32, types.int32), generate


keep_nearer: Any = intrinsic(_keep_nearer)
"""keep_nearer(seen, index, z, step, low, begin, count): LANES keys of a span from flat `index` on become the greater of
themselves and (bits of z + k step) << 32 | low, for k from `begin` on and below `count`; z and step are float32."""


def _fused(typing_context: Any, a: Any, b: Any, c: Any) -> Any:

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        number = arguments[0].type
        name = "llvm.fma.f32" if signature.return_type == types.float32 else "llvm.fma.f64"
        function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(number, [number] * 3), name)
        return builder.call(function, arguments)

    return a(a, a, a), generate


fused: Any = intrinsic(_fused)
"""a * b + c, rounded once."""
