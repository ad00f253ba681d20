"""Lanes: several float32 numbers that compiled loops add and multiply as one value, in the processor's registers.

A compiler that must not reorder sums computes most loops one number at a time. With lanes, the code itself says which
numbers are computed side by side. Eight lanes fill one register of AVX2, or two of NEON. Multiply–adds are fused: a
fused multiply–add is one operation that rounds once. IEEE 754 defines this operation to the last bit, like any other.

The number of lanes is a constant, and a multiple of eight. Arrays are C-contiguous float32. An index is a tuple, and
nothing checks that the index lies inside the array.
"""

import operator
from typing import Any

from llvmlite import ir
from numba import extending, types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.extending import models, overload, register_model

# Decorates functions that generate code while a loop is compiled. Any, because Numba's annotations keep the parameter
# `typing`, which callers do not pass.
intrinsic: Any = extending.intrinsic

_WIDTH = 8
_REGISTER = ir.VectorType(ir.FloatType(), _WIDTH)
_I32 = ir.IntType(32)


class Lanes(types.Type):
    """Numba's type of a value with `count` lanes."""

    def __init__(self, count: int) -> None:
        if count % _WIDTH:
            raise ValueError(f"the number of lanes must be a multiple of {_WIDTH}, not {count}")
        super().__init__(name=f"Lanes({count})")
        self.count = count


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager, lanes):
        super().__init__(manager, lanes, ir.ArrayType(_REGISTER, lanes.count // _WIDTH))


def _require_contiguous_float32(array):
    if array.layout != "C" or array.dtype != types.float32:
        raise TypingError(f"lanes need a C-contiguous array of float32, not {array}")


@intrinsic(prefer_literal=True)
def load(typing, array, index, count):
    """Read `count` consecutive elements of an array, beginning at `index`, and return them as lanes."""
    _require_contiguous_float32(array)
    lanes = Lanes(count.literal_value)

    def generate(context, builder, signature, arguments):
        first = _address(context, builder, signature.args, arguments, 0)
        return _join(
            builder, [builder.load(address, align=4) for address in _register_addresses(builder, first, lanes)]
        )

    return lanes(array, index, count), generate


@intrinsic
def store(typing, lanes, array, index):
    """Write the lanes into consecutive elements of an array, beginning at `index`."""
    _require_contiguous_float32(array)

    def generate(context, builder, signature, arguments):
        first = _address(context, builder, signature.args, arguments, 1)
        for register, address in zip(
            _split(builder, arguments[0]), _register_addresses(builder, first, lanes), strict=True
        ):
            builder.store(register, address, align=4)
        return context.get_dummy_value()

    return types.void(lanes, array, index), generate


@intrinsic(prefer_literal=True)
def spread(typing, number, count):
    """Return `count` lanes that all hold the same number."""
    lanes = Lanes(count.literal_value)

    def generate(context, builder, signature, arguments):
        return _join(builder, _filled_registers(builder, arguments[0], lanes))

    return lanes(types.float32, count), generate


@intrinsic(prefer_literal=True)
def repeat(typing, lanes, times):
    """Return `times` copies of the lanes, end to end."""

    def generate(context, builder, signature, arguments):
        return _join(builder, _split(builder, arguments[0]) * times.literal_value)

    return Lanes(lanes.count * times.literal_value)(lanes, times), generate


@intrinsic
def fma(typing, a, b, c):
    """Return `a` · `b` + `c`, rounded once.

    Either all three are numbers, or `b` and `c` are lanes. In the second case, `a` may be lanes or a number.
    """
    a_type = a if isinstance(a, Lanes) else types.float32
    bc_type = c if isinstance(c, Lanes) else types.float32

    def generate(context, builder, signature, arguments):
        if not isinstance(bc_type, Lanes):
            return builder.fma(*arguments)
        operands = (
            _split(builder, arguments[0])
            if isinstance(a_type, Lanes)
            else _filled_registers(builder, arguments[0], bc_type),
            *(_split(builder, argument) for argument in arguments[1:]),
        )
        return _join(builder, [_fused(builder, *registers) for registers in zip(*operands, strict=True)])

    return bc_type(a_type, bc_type, bc_type), generate


@intrinsic(prefer_literal=True)
def add_outer(typing, sums, array, index, stride, row):
    """Add to each row of `sums` the product of `row` and a number from `array`; return the new sums.

    sums: several rows end to end, each as long as `row`. For the first row of `sums`, the number is the element at
    `index`; for each further row, it is the element `stride` places after the previous one. Repeated calls compute a
    matrix product whose sums stay in registers.
    """
    _require_contiguous_float32(array)
    width, step = row.count // _WIDTH, stride.literal_value

    def generate(context, builder, signature, arguments):
        first = _address(context, builder, signature.args, arguments, 1)
        sum_registers, row_registers, results = _split(builder, arguments[0]), _split(builder, arguments[4]), []
        for k in range(len(sum_registers) // width):
            number = builder.load(builder.gep(first, [_I32(k * step)]))
            factor = _filled_register(builder, number)
            results += [_fused(builder, factor, row_registers[n], sum_registers[k * width + n]) for n in range(width)]
        return _join(builder, results)

    return sums(sums, array, index, stride, row), generate


@intrinsic
def total(typing, lanes):
    """Return the sum of all lanes. The additions have the same order on every processor."""

    def generate(context, builder, signature, arguments):
        sums, *others = _split(builder, arguments[0])
        for other in others:
            sums = builder.fadd(sums, other)
        for half in (4, 2, 1):
            low, high = (_shuffle(builder, sums, range(first, first + half)) for first in (0, half))
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
        operands = (_split(builder, argument) for argument in arguments)
        return _join(builder, [getattr(builder, operation)(*registers) for registers in zip(*operands, strict=True)])

    return generate


def _fused(builder, a, b, c):
    signature = ir.FunctionType(_REGISTER, [_REGISTER] * 3)
    return builder.call(cgutils.get_or_insert_function(builder.module, signature, f"llvm.fma.v{_WIDTH}f32"), [a, b, c])


def _address(context, builder, argument_types, arguments, n):
    """Return the address of an array's element. arguments[n] is the array; arguments[n + 1] is the element's index."""
    array_type, index_type = argument_types[n], argument_types[n + 1]
    array = context.make_array(array_type)(context, builder, arguments[n])
    indices = cgutils.unpack_tuple(builder, arguments[n + 1], index_type.count)
    indices = [
        context.cast(builder, i, from_type, types.intp) for i, from_type in zip(indices, index_type.types, strict=True)
    ]
    return cgutils.get_item_pointer(context, builder, array_type, array, indices)


def _register_addresses(builder, first, lanes):
    """Return a list of addresses in an array: for each register of the lanes, where its eight numbers are in the array.

    first: the address of the first register's numbers.
    """
    start = builder.bitcast(first, _REGISTER.as_pointer())
    return [builder.gep(start, [_I32(n)]) for n in range(lanes.count // _WIDTH)]


def _join(builder, registers):
    lanes = ir.Constant(ir.ArrayType(_REGISTER, len(registers)), ir.Undefined)
    for n, register in enumerate(registers):
        lanes = builder.insert_value(lanes, register, n)
    return lanes


def _split(builder, lanes):
    return [builder.extract_value(lanes, n) for n in range(lanes.type.count)]


def _filled_registers(builder, number, lanes):
    return [_filled_register(builder, number)] * (lanes.count // _WIDTH)


def _filled_register(builder, number):
    one = builder.insert_element(ir.Constant(_REGISTER, ir.Undefined), number, _I32(0))
    return _shuffle(builder, one, [0] * _WIDTH)


def _shuffle(builder, register, indices):
    mask = ir.Constant(ir.VectorType(_I32, len(indices)), [_I32(index) for index in indices])
    return builder.shuffle_vector(register, ir.Constant(register.type, ir.Undefined), mask)
