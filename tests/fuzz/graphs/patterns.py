"""Several nodes together, as exporters write them and passes look for them."""

import numpy as np
from kinds import ANY, kind
from onnx import numpy_helper
from sums import conv, gemm, matmul


@kind
def gelu_in_steps(make):
    """As exporters spell it: its numbers are initializers, which are guarded."""
    x = make.value(lambda v: v.rank, ("float32",))
    two, one, half = (make.leaf(np.array(each, np.float32), make.weights) for each in (2**0.5, 1, 0.5))
    make.add("Div", x, two)
    make.add("Erf", make.values[-1])
    make.add("Add", make.values[-1], one)
    make.add("Mul", x, make.values[-1])
    make.add("Mul", make.values[-1], half)


@kind
def attention(make):
    batch, heads, rows, columns, depth = (make.integer(1, most) for most in (2, 3, 9, 9, 9))
    q, k, v = (make.fresh("float32", (batch, heads, each, depth), -1, 1) for each in (rows, columns, columns))
    make.add("Transpose", k, exact=True, perm=[0, 1, 3, 2])
    make.add("MatMul", q, make.values[-1])
    make.add("Mul", make.values[-1], make.leaf(np.array(0.125, np.float32), make.weights))
    if make.chance(0.5):
        make.add("Add", make.values[-1], make.fresh("float32", (batch, 1, make.one_of([1, rows]), columns)))
    make.add("Softmax", make.values[-1], axis=-1)
    make.add("MatMul", make.values[-1], v)


@kind
def residual(make):
    """A convolution or product, added to something of its shape, and a gate behind."""
    make.one_of([conv, matmul, gemm])(make)
    made = make.values[-1]
    make.add("Add", make.values[-1], make.broadcasting(made))
    gates = ["Relu", "Sigmoid"] if made.dtype == "float64" else ["Relu", "Sigmoid", "HardSwish"]
    make.add(make.one_of(gates), make.values[-1])


@kind
def silu(make):
    x = make.value(lambda v: v.rank, ("float32",))
    make.add("Sigmoid", x)
    make.add("Mul", x, make.values[-1])


# --- shapes, computed from shapes


@kind
def reshape_by_its_own_extents(make):
    """Some leading axes are kept, the rest flattened; or all flattened but some last ones."""
    x = make.value(lambda v: v.array.size, ANY, low=1)
    kept = make.integer(0, x.rank)
    first = make.chance(0.5)
    make.add("Shape", x, exact=True)
    places = list(range(kept)) if first else list(range(x.rank - kept, x.rank))
    make.add("Gather", make.values[-1], make.list(places), exact=True, axis=0)
    parts = [make.values[-1], make.list([-1])]
    make.add("Concat", *(parts if first else parts[::-1]), exact=True, axis=0)
    make.add("Reshape", x, make.values[-1], exact=True)


@kind
def filled_like(make):
    x = make.value(low=1)
    make.add("Shape", x, exact=True)
    make.add("ConstantOfShape", make.values[-1], exact=True, value=numpy_helper.from_array(np.array([0.5], x.array.dtype)))
    make.add("Add", x, make.values[-1])


@kind
def expand_as(make):
    x = make.value(dtypes=ANY)
    y = make.fresh(x.dtype, tuple(1 if make.chance(0.5) else extent for extent in x.shape))
    make.add("Shape", x, exact=True)
    make.add("Expand", y, make.values[-1], exact=True)


@kind
def count_along(make):
    """Positions of an axis, as exporters make them."""
    x = make.value(dtypes=ANY, low=1)
    make.add("Shape", x, exact=True)
    make.add("Gather", make.values[-1], make.list(make.integer(0, x.rank - 1)), exact=True, axis=0)
    make.add("Range", make.list(0), make.values[-1], make.list(make.integer(1, 2)), exact=True)


@kind
def half_of_an_axis(make):
    x = make.value(dtypes=ANY, low=1)
    axis = make.integer(0, x.rank - 1)
    make.add("Shape", x, exact=True)
    make.add("Gather", make.values[-1], make.list([axis]), exact=True, axis=0)
    make.add("Div", make.values[-1], make.list([2]), exact=True)
    ends = make.values[-1]
    make.add("Slice", x, make.list([0]), ends, make.list([axis]), exact=True)


# --- extents that a run finds out


@kind
def places_that_are_not_zero(make):
    make.add("NonZero", make.value(lambda v: v.exact, ANY, low=1), exact=True)


@kind
def compress(make):
    x = make.value(dtypes=ANY, low=1)
    axis = make.integer(0, x.rank - 1)
    make.add("Compress", x, make.fresh("bool", (x.shape[axis],)), exact=True, axis=axis)


# --- integers for floats


@kind
def quantised(make):
    x = make.value(lambda v: v.exact, ("float32",))
    scale = make.leaf(np.array(make.one_of([0.25, 0.5, 1.0]), np.float32), make.weights)
    zero = make.leaf(np.array(make.integer(0, 5), make.one_of(["uint8", "int8"])), make.constants)
    make.add("QuantizeLinear", x, scale, zero, exact=True)
    make.add("DequantizeLinear", make.values[-1], scale, zero)


@kind
def matmul_of_integers(make):
    m, k, n = (make.integer(1, 9) for _ in range(3))
    make.add("MatMulInteger", make.fresh("uint8", (m, k), 0, 200), make.fresh("int8", (k, n), -100, 100), exact=True)
