"""Several nodes together, as exporters write them and passes look for them."""

import numpy as np
from kinds import kind
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
