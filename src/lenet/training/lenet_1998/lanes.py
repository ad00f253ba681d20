"""Rows of float32 numbers that compiled loops add and multiply as one value, and keep in the processor's registers.

A compiler that must not reorder a sum leaves most loops scalar. These values say instead which numbers are computed
side by side: eight of them are one register of AVX2, or two of NEON. Multiply–adds are fused: one operation, rounded
once, which IEEE 754 defines to the last bit like any other.

How many lanes a value has is a constant, a multiple of eight. Arrays are C-contiguous float32, and nothing checks that
an index, a tuple, lies inside.
"""

import operator
from typing import Any

from llvmlite import ir
from numba import extending, types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.extending import models, overload, register_model

# A function given to the compiler, which generates its code. By Numba's own types its callers lack an argument.
intrinsic: Any = extending.intrinsic

_WIDTH = 8
_REGISTER = ir.VectorType(ir.FloatType(), _WIDTH)
_I32 = ir.IntType(32)


class Lanes(types.Type):
    """The type of such a value."""

    def __init__(self, count: int) -> None:
        if count % _WIDTH:
            raise ValueError(f"{count} lanes are no multiple of {_WIDTH}")
        super().__init__(name=f"Lanes({count})")
        self.count = count


@register_model(Lanes)
class _Model(models.PrimitiveModel):
    def __init__(self, manager, lanes):
        super().__init__(manager, lanes, ir.ArrayType(_REGISTER, lanes.count // _WIDTH))


def _require_plain(array):
    if array.layout != "C" or array.dtype != types.float32:
        raise TypingError(f"lanes are of C-contiguous arrays of float32, not {array}")


@intrinsic(prefer_literal=True)
def load(typing, array, index, count):
    """Return `count` numbers of an array, from that index on."""
    _require_plain(array)
    lanes = Lanes(count.literal_value)

    def generate(context, builder, signature, arguments):
        first = _address(context, builder, signature.args, arguments, 0)
        return _joined(builder, [builder.load(each, align=4) for each in _registers(builder, first, lanes)])

    return lanes(array, index, count), generate


@intrinsic
def store(typing, lanes, array, index):
    """Write the lanes into an array, from that index on."""
    _require_plain(array)

    def generate(context, builder, signature, arguments):
        first = _address(context, builder, signature.args, arguments, 1)
        for part, place in zip(_parts(builder, arguments[0]), _registers(builder, first, lanes), strict=True):
            builder.store(part, place, align=4)
        return context.get_dummy_value()

    return types.void(lanes, array, index), generate


@intrinsic(prefer_literal=True)
def spread(typing, number, count):
    """Return `count` lanes that all hold the number."""
    lanes = Lanes(count.literal_value)

    def generate(context, builder, signature, arguments):
        return _joined(builder, _all_alike(builder, arguments[0], lanes))

    return lanes(types.float32, count), generate


@intrinsic(prefer_literal=True)
def repeat(typing, lanes, times):
    """Return the lanes that many times, end to end."""

    def generate(context, builder, signature, arguments):
        return _joined(builder, _parts(builder, arguments[0]) * times.literal_value)

    return Lanes(lanes.count * times.literal_value)(lanes, times), generate


@intrinsic
def fma(typing, a, b, c):
    """Return a · b + c, rounded once: of three numbers, or of lanes `b` and `c` and lanes or a number `a`."""
    factor = a if isinstance(a, Lanes) else types.float32
    rest = c if isinstance(c, Lanes) else types.float32

    def generate(context, builder, signature, arguments):
        if not isinstance(rest, Lanes):
            return builder.fma(*arguments)
        rows = (
            _parts(builder, arguments[0]) if isinstance(factor, Lanes) else _all_alike(builder, arguments[0], rest),
            *(_parts(builder, each) for each in arguments[1:]),
        )
        return _joined(builder, [_fused(builder, *each) for each in zip(*rows, strict=True)])

    return rest(factor, rest, rest), generate


@intrinsic(prefer_literal=True)
def add_outer(typing, sums, array, index, every, row):
    """Return the sums, rows end to end, each plus `row` times a number of the array: at `index`, and each `every` on.

    A product of matrices, whose sums stay in registers.
    """
    _require_plain(array)
    width, every_one = row.count // _WIDTH, every.literal_value

    def generate(context, builder, signature, arguments):
        first = _address(context, builder, signature.args, arguments, 1)
        parts, row_parts, done = _parts(builder, arguments[0]), _parts(builder, arguments[4]), []
        for k in range(len(parts) // width):
            number = builder.load(builder.gep(first, [_I32(k * every_one)]))
            factor = _spread(builder, number)
            done += [_fused(builder, factor, row_parts[n], parts[k * width + n]) for n in range(width)]
        return _joined(builder, done)

    return sums(sums, array, index, every, row), generate


@intrinsic
def total(typing, lanes):
    """Return the sum of the lanes, added in the same order on every processor."""

    def generate(context, builder, signature, arguments):
        sums, *others = _parts(builder, arguments[0])
        for other in others:
            sums = builder.fadd(sums, other)
        for half in (4, 2, 1):
            low, high = (_shuffled(builder, sums, range(first, first + half)) for first in (0, half))
            sums = builder.fadd(low, high)
        return builder.extract_element(sums, _I32(0))

    return types.float32(lanes), generate


@intrinsic
def _sum(typing, a, b):
    return a(a, b), _lane_by_lane("fadd")


@intrinsic
def _product(typing, a, b):
    return a(a, b), _lane_by_lane("fmul")


@overload(operator.add)
def _add(a, b):
    if isinstance(a, Lanes) and a == b:
        return lambda a, b: _sum(a, b)
    return None


@overload(operator.mul)
def _multiply(a, b):
    if isinstance(a, Lanes) and a == b:
        return lambda a, b: _product(a, b)
    return None


def _lane_by_lane(operation):
    def generate(context, builder, signature, arguments):
        rows = (_parts(builder, each) for each in arguments)
        return _joined(builder, [getattr(builder, operation)(*each) for each in zip(*rows, strict=True)])

    return generate


def _fused(builder, a, b, c):
    kind = ir.FunctionType(_REGISTER, [_REGISTER] * 3)
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.v{_WIDTH}f32"), [a, b, c])


def _address(context, builder, kinds, values, at):
    """Return the address of an array's element, given array and index as two arguments that stand side by side."""
    kind, index = kinds[at], kinds[at + 1]
    array = context.make_array(kind)(context, builder, values[at])
    places = cgutils.unpack_tuple(builder, values[at + 1], index.count)
    places = [context.cast(builder, place, each, types.intp) for place, each in zip(places, index.types, strict=True)]
    return cgutils.get_item_pointer(context, builder, kind, array, places)


def _registers(builder, first, lanes):
    """Return the addresses of what the registers hold."""
    start = builder.bitcast(first, _REGISTER.as_pointer())
    return [builder.gep(start, [_I32(n)]) for n in range(lanes.count // _WIDTH)]


def _joined(builder, registers):
    lanes = ir.Constant(ir.ArrayType(_REGISTER, len(registers)), ir.Undefined)
    for n, register in enumerate(registers):
        lanes = builder.insert_value(lanes, register, n)
    return lanes


def _parts(builder, lanes):
    return [builder.extract_value(lanes, n) for n in range(lanes.type.count)]


def _all_alike(builder, number, lanes):
    return [_spread(builder, number)] * (lanes.count // _WIDTH)


def _spread(builder, number):
    one = builder.insert_element(ir.Constant(_REGISTER, ir.Undefined), number, _I32(0))
    return _shuffled(builder, one, [0] * _WIDTH)


def _shuffled(builder, register, places):
    mask = ir.Constant(ir.VectorType(_I32, len(places)), [_I32(place) for place in places])
    return builder.shuffle_vector(register, ir.Constant(register.type, ir.Undefined), mask)
