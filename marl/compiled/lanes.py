"""Vector instructions inside compiled functions.

numba leaves it to the compiler whether a loop becomes vector instructions; here they are written
down. `Lanes` is a register of float32 numbers with the usual operators, `Row` reads and writes them
in a row of an array. For the bodies of intrinsics: a function of a numba builder that writes code.
"""

from __future__ import annotations

from typing import Any

from llvmlite import binding, ir
from numba.core import cgutils

_features = binding.get_host_cpu_features()
LANES = 16 if _features.get("avx512f") else 8 if _features.get("avx") else 4  # of one register

FLOAT, INT, WORD = ir.FloatType(), ir.IntType(32), ir.IntType(64)
VECTOR, INTEGERS = ir.VectorType(FLOAT, LANES), ir.VectorType(INT, LANES)
FLOAT_BYTES = 4

LOG2_E = 1.44269504088896341
LN2_HIGH, LN2_LOW = 0.693359375, -2.12194440e-4  # their sum is ln 2, the first one exact
EXP = (  # of Cephes' expf: e ** x = 1 + x + x ** 2 * polynomial, |x| <= ln 2 / 2
    1.9875691500e-4,
    1.3981999507e-3,
    8.3334519073e-3,
    4.1665795894e-2,
    1.6666665459e-1,
    5.0000001201e-1,
)
EXP_LIMIT = 87.0  # float32 ends at 88
EXPONENT_BIAS, FRACTION_BITS = 127, 23


class Lanes:
    """A register of LANES numbers; its operators write instructions."""

    def __init__(self, builder: Any, value: Any) -> None:
        self.builder = builder
        self.value = value

    def _operand(self, other: Lanes | float) -> Any:
        if isinstance(other, Lanes):
            return other.value
        return ir.Constant(VECTOR, [float(other)] * LANES)

    def _call(self, name: str, *others: Lanes | float) -> Lanes:
        """An operation that LLVM knows by name."""
        operands = [self.value, *map(self._operand, others)]
        kind = ir.FunctionType(VECTOR, [VECTOR] * len(operands))
        full_name = f"llvm.{name}.v{LANES}f32"
        function = cgutils.get_or_insert_function(self.builder.module, kind, full_name)
        return Lanes(self.builder, self.builder.call(function, operands))

    def __add__(self, other: Lanes | float) -> Lanes:
        return Lanes(self.builder, self.builder.fadd(self.value, self._operand(other)))

    def __sub__(self, other: Lanes | float) -> Lanes:
        return Lanes(self.builder, self.builder.fsub(self.value, self._operand(other)))

    def __rsub__(self, other: float) -> Lanes:
        return Lanes(self.builder, self.builder.fsub(self._operand(other), self.value))

    def __mul__(self, other: Lanes | float) -> Lanes:
        return Lanes(self.builder, self.builder.fmul(self.value, self._operand(other)))

    def __rtruediv__(self, other: float) -> Lanes:
        return Lanes(self.builder, self.builder.fdiv(self._operand(other), self.value))

    def times_plus(self, factor: Lanes | float, term: Lanes | float) -> Lanes:
        """self * factor + term, rounded once where the machine can."""
        return self._call("fmuladd", factor, term)

    def clip(self, low: float, high: float) -> Lanes:
        """The nearest numbers within the bounds; not-a-number stays one."""
        return self._replaced_where("<", low)._replaced_where(">", high)

    def _replaced_where(self, comparison: str, bound: float) -> Lanes:
        beyond = self.builder.fcmp_ordered(comparison, self.value, self._operand(bound))
        return Lanes(self.builder, self.builder.select(beyond, self._operand(bound), self.value))

    def where_above_zero(self, this: Lanes, other: Lanes) -> Lanes:
        """`this` where self > 0, else `other`; so also where self is not a number."""
        above = self.builder.fcmp_ordered(">", self.value, self._operand(0.0))
        return Lanes(self.builder, self.builder.select(above, this.value, other.value))

    def floor(self) -> Lanes:
        """The greatest whole numbers that are not above."""
        return self._call("floor")

    def power_of_two(self) -> Lanes:
        """2 ** self, of whole numbers from -126 to 127."""
        exponent = self.builder.fptosi(self.value, INTEGERS)
        biased = self.builder.add(exponent, ir.Constant(INTEGERS, [EXPONENT_BIAS] * LANES))
        bits = self.builder.shl(biased, ir.Constant(INTEGERS, [FRACTION_BITS] * LANES))
        return Lanes(self.builder, self.builder.bitcast(bits, VECTOR))


def exp(x: Lanes) -> Lanes:
    """e ** x within 2e-7 of itself, x kept within EXP_LIMIT: 2 ** k times e ** the rest."""
    x = x.clip(-EXP_LIMIT, EXP_LIMIT)
    k = x.times_plus(LOG2_E, 0.5).floor()
    rest = k.times_plus(-LN2_LOW, k.times_plus(-LN2_HIGH, x))
    series = rest * 0.0
    for coefficient in EXP:
        series = series.times_plus(rest, coefficient)
    return ((series * rest).times_plus(rest, rest) + 1.0) * k.power_of_two()


def sigmoid(x: Lanes) -> Lanes:
    """1 / (1 + e ** -x)."""
    return 1.0 / (exp(x * -1.0) + 1.0)


def tanh(x: Lanes) -> Lanes:
    """1 - 2 / (1 + e ** 2x), within 2e-7."""
    return 1.0 - (1.0 / (exp(x * 2.0) + 1.0)) * 2.0


class Row:
    """Row `row` of a contiguous float32 array: [column] is the LANES numbers from there on."""

    def __init__(self, context: Any, builder: Any, kind: Any, array: Any, row: Any) -> None:
        """kind: numba's type of the array; array, row: values in the code that is written."""
        self.builder = builder
        view = context.make_array(kind)(context, builder, array)
        self.width = builder.extract_value(view.shape, kind.ndim - 1)
        self.start = builder.gep(view.data, [builder.mul(row, self.width)])

    def _address(self, column: Any) -> Any:
        return self.builder.bitcast(self.builder.gep(self.start, [column]), VECTOR.as_pointer())

    def __getitem__(self, column: Any) -> Lanes:
        return Lanes(self.builder, self.builder.load(self._address(column), align=FLOAT_BYTES))

    def __setitem__(self, column: Any, lanes: Lanes) -> None:
        self.builder.store(lanes.value, self._address(column), align=FLOAT_BYTES)

    def spread(self, column: Any) -> Lanes:
        """The number at `column` in every lane."""
        number = self.builder.load(self.builder.gep(self.start, [column]))
        unset = ir.Constant(VECTOR, ir.Undefined)
        first = self.builder.insert_element(unset, number, INT(0))
        zeros = ir.Constant(INTEGERS, [0] * LANES)
        return Lanes(self.builder, self.builder.shuffle_vector(first, unset, zeros))
