"""Element-wise ops."""

import numpy as np
from kinds import ANY, NUMBERS, kind
from maker import FLOATS, INTEGERS, Unfit
from onnx import helper


@kind
def smooth(make):
    names = "Abs Neg Relu Sigmoid Tanh Erf Softplus Softsign LeakyRelu Elu Selu HardSigmoid HardSwish Gelu Celu Sin Cos Atan Mish Exp"
    op = make.one_of(names.split())
    in_f32 = op in ("Erf", "Gelu", "HardSwish")  # so does the reference compute their f64, and ONNX Runtime has none
    x = make.value(dtypes=NUMBERS if op in ("Abs", "Neg") else FLOATS)
    if op in ("Abs", "Neg") and x.dtype[0] == "u" or in_f32 and x.dtype == "float64":
        raise Unfit
    make.add(op, x, exact=op in ("Abs", "Neg", "Relu"))


@kind
def near_a_pole(make):
    x = make.fresh(make.one_of(FLOATS), make.shape(), 0.25, 4)
    make.add(make.one_of(["Log", "Sqrt", "Reciprocal"]), x)


@kind
def steps(make):
    """Discontinuous: only of what is exact."""
    x = make.value(lambda v: v.exact, FLOATS)
    make.add(make.one_of(["Floor", "Ceil", "Round", "Sign", "IsNaN", "Shrink", "ThresholdedRelu"]), x, exact=True)


@kind
def arithmetic(make):
    x = make.value(dtypes=NUMBERS)
    operands = [x, make.broadcasting(x)]
    make.rng.shuffle(operands)
    make.add(make.one_of(["Add", "Sub", "Mul", "Add", "Mul"]), *operands, exact=not x.floating)


@kind
def division(make):
    x = make.value(lambda v: v.floating or not (v.array < 0).any(), NUMBERS)
    make.add("Div", x, make.fresh(x.dtype, x.shape, 1, 4), exact=not x.floating)


@kind
def power(make):
    x = make.fresh(make.one_of(FLOATS), make.shape(), 0.25, 2)
    make.add("Pow", x, make.broadcasting(x))


@kind
def remainder(make):
    x = make.value(lambda v: v.exact, NUMBERS)
    make.add("Mod", x, make.fresh(x.dtype, x.shape, 1, 4), exact=True, fmod=int(x.floating))


@kind
def several(make):
    x = make.value(dtypes=FLOATS)
    op = make.one_of(["Max", "Min", "Sum", "Mean"])
    make.add(op, x, *[make.broadcasting(x) for _ in range(make.integer(0, 2))], exact=op in ("Max", "Min"))


@kind
def comparison(make):
    x = make.value(lambda v: v.exact, NUMBERS)
    y = make.broadcasting(x)
    if not y.exact:
        raise Unfit
    make.add(make.one_of(["Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual"]), x, y, exact=True)


@kind
def logic(make):
    x = make.value(dtypes=("bool",))
    op = make.one_of(["And", "Or", "Xor", "Not"])
    make.add(op, x, *([] if op == "Not" else [make.broadcasting(x)]), exact=True)


@kind
def bits(make):
    x = make.value(dtypes=INTEGERS)
    op = make.one_of(["BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitwiseNot"])
    make.add(op, x, *([] if op == "BitwiseNot" else [make.broadcasting(x)]), exact=True)


@kind
def where(make):
    x = make.value(dtypes=ANY)
    condition = make.fresh("bool", tuple(1 if make.chance(0.3) else extent for extent in x.shape))
    make.add("Where", condition, x, make.broadcasting(x), exact=True)


@kind
def clip(make):
    x = make.value(dtypes=NUMBERS)
    low, high = (make.fresh(x.dtype, (), *bounds) if make.chance(0.7) else None for bounds in ((-2, 0), (1, 2)))
    make.add("Clip", x, *([low, high] if high else [low] if low else []), exact=True)


@kind
def cast(make):
    x = make.value(lambda v: v.exact, ANY)
    to = make.one_of(["float32", "float64", "float16", "int64", "int32", "int8", "uint8", "bool"])
    if to[0] == "u" and x.dtype != "bool" and (x.array < 0).any():
        raise Unfit  # undefined
    make.add("Cast", x, exact=True, to=helper.np_dtype_to_tensor_dtype(np.dtype(to)))


@kind
def prelu(make):
    x = make.value(dtypes=FLOATS)
    make.add("PRelu", x, make.fresh(x.dtype, tuple(1 if make.chance(0.5) else extent for extent in x.shape)))
