"""What a random graph may hold: one function for each family of ONNX ops, which draws operands and attributes."""

import numpy as np
from maker import FLOATS, INTEGERS, Unfit
from onnx import helper

NUMBERS = (*FLOATS, *INTEGERS)
ANY = (*NUMBERS, "bool")
KINDS = []  # of nodes


def kind(draw):
    KINDS.append(draw)
    return draw


# --- element-wise


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
    make.add("Cast", x, exact=True, to=int(onnx_type(to)))


@kind
def prelu(make):
    x = make.value(dtypes=FLOATS)
    make.add("PRelu", x, make.fresh(x.dtype, tuple(1 if make.chance(0.5) else extent for extent in x.shape)))


# --- moves elements


@kind
def transpose(make):
    x = make.value(dtypes=ANY, low=1)
    make.add("Transpose", x, exact=True, perm=[int(axis) for axis in make.rng.permutation(x.rank)])


@kind
def reshape(make):
    x = make.value(dtypes=ANY)
    if not x.array.size:
        raise Unfit
    shape = factors(make, x.array.size)
    if make.chance(0.5) and shape:
        shape[make.integer(0, len(shape) - 1)] = -1
    make.add("Reshape", x, make.list(shape), exact=True)


@kind
def flatten(make):
    x = make.value(dtypes=ANY, low=1)
    make.add("Flatten", x, exact=True, axis=make.integer(-x.rank, x.rank))


@kind
def squeeze(make):
    x = make.value(lambda v: 1 in v.shape, ANY)
    ones = [axis for axis, extent in enumerate(x.shape) if extent == 1]
    make.add("Squeeze", x, *([make.list(ones[: make.integer(1, len(ones))])] if make.chance(0.7) else []), exact=True)


@kind
def unsqueeze(make):
    x = make.value(dtypes=ANY, high=3)
    make.add("Unsqueeze", x, make.list([make.integer(-x.rank - 1, x.rank)]), exact=True)


@kind
def slices(make):
    x = make.value(dtypes=ANY, low=1)
    axes = [int(axis) for axis in make.rng.permutation(x.rank)[: make.integer(1, x.rank)]]
    steps = [make.one_of([1, 1, 1, 2, 3, -1, -2]) for _ in axes]
    starts, ends = ([make.integer(-x.shape[axis] - 2, x.shape[axis] + 2) for axis in axes] for _ in "ab")
    make.add("Slice", x, *map(make.list, (starts, ends, axes, steps)), exact=True)


@kind
def concat(make):
    x = make.value(dtypes=ANY, low=1)
    axis = make.integer(-x.rank, x.rank - 1)
    parts = [x]
    for _ in range(make.integer(0, 2)):
        shape = list(x.shape)
        shape[axis] = make.integer(0, 3)
        parts.append(x if make.chance(0.3) else make.fresh(x.dtype, tuple(shape)))
    make.rng.shuffle(parts)
    make.add("Concat", *parts, exact=True, axis=axis)


@kind
def split(make):
    x = make.value(dtypes=ANY, low=1)
    axis = make.integer(0, x.rank - 1)
    if x.shape[axis] < 2:
        raise Unfit
    cut = make.integer(0, x.shape[axis])
    make.add("Split", x, make.list([cut, x.shape[axis] - cut]), outputs=2, exact=True, axis=axis)


def indices(make, shape, extent):
    if not extent:
        raise Unfit
    return make.fresh(make.one_of(["int64", "int32"]), shape, -extent, extent - 1)


@kind
def gather(make):
    x = make.value(dtypes=ANY, low=1)
    axis = make.integer(-x.rank, x.rank - 1)
    make.add("Gather", x, indices(make, make.shape(0, 2), x.shape[axis]), exact=True, axis=axis)


@kind
def gather_elements(make):
    x = make.value(dtypes=ANY, low=1)
    axis = make.integer(0, x.rank - 1)
    shape = [make.integer(0, extent) if i != axis else make.integer(0, 4) for i, extent in enumerate(x.shape)]
    make.add("GatherElements", x, indices(make, tuple(shape), x.shape[axis]), exact=True, axis=axis)


@kind
def gather_nd(make):
    x = make.value(lambda v: v.array.size, ANY, low=1)
    deep = make.integer(1, x.rank)
    drawn = [make.rng.integers(-extent, extent, make.integer(1, 4)) for extent in x.shape[:deep]]
    count = min(map(len, drawn))
    index = make.leaf(np.stack([each[:count] for each in drawn], -1).astype(np.int64), make.inputs)
    make.add("GatherND", x, index, exact=True)


@kind
def scatter_elements(make):
    x = make.value(lambda v: v.array.size, NUMBERS, low=1)
    axis = make.integer(0, x.rank - 1)
    places = make.rng.permutation(x.shape[axis])[: make.integer(1, x.shape[axis])]
    shape = [len(places) if i == axis else 1 for i in range(x.rank)]
    wide = [len(places) if i == axis else extent for i, extent in enumerate(x.shape)]
    index = np.broadcast_to(places.reshape(shape), wide).astype(np.int64)
    reduction = make.one_of(["none", "add", "mul"])
    exact = reduction == "none" or not x.floating
    make.add("ScatterElements", x, make.leaf(index.copy(), make.inputs), make.fresh(x.dtype, tuple(wide)), exact=exact, axis=axis, reduction=reduction)


@kind
def expand(make):
    x = make.value(dtypes=ANY, high=3)
    shape = [make.integer(0, 4) if extent == 1 else make.one_of([1, extent]) for extent in x.shape]
    make.add("Expand", x, make.list(([make.integer(1, 3)] if make.chance(0.3) else []) + shape), exact=True)


@kind
def tile(make):
    x = make.value(dtypes=ANY, high=3)
    make.add("Tile", x, make.list([make.integer(0, 3) for _ in x.shape]), exact=True)


@kind
def pad(make):
    x = make.value(dtypes=NUMBERS, low=1)
    mode = make.one_of(["constant", "constant", "edge", "reflect", "wrap"])
    if mode != "constant" and not x.array.size:
        raise Unfit
    most = [extent - 1 if mode == "reflect" else 3 if mode != "wrap" else extent for extent in x.shape]
    pads = [make.integer(0, max(0, each)) for each in 2 * most]
    if mode == "constant":
        pads = [each - (make.chance(0.1) and x.shape[i % x.rank] > 2) for i, each in enumerate(pads)]
    make.add("Pad", x, make.list(pads), *([make.fresh(x.dtype, ())] if mode == "constant" else []), exact=True, mode=mode)


@kind
def depth_to_space(make):
    block, shape = make.integer(1, 3), [make.integer(1, 3) for _ in range(4)]
    if make.chance(0.5):
        shape[1] *= block * block
        make.add("DepthToSpace", make.fresh("float32", tuple(shape)), exact=True, blocksize=block, mode=make.one_of(["DCR", "CRD"]))
    else:
        shape[2:] = [extent * block for extent in shape[2:]]
        make.add("SpaceToDepth", make.fresh("float32", tuple(shape)), exact=True, blocksize=block)


@kind
def trilu(make):
    x = make.value(dtypes=ANY, low=2)
    make.add("Trilu", x, *([make.list(make.integer(-3, 3))] if make.chance(0.5) else []), exact=True, upper=make.integer(0, 1))


@kind
def shape_of(make):
    make.add(make.one_of(["Shape", "Size", "Identity"]), make.value(dtypes=ANY), exact=True)


@kind
def one_hot(make):
    index = make.fresh("int64", make.shape(0, 2), -3, 2)
    values = make.fresh("float32", (2,))
    make.add("OneHot", index, make.list(make.integer(3, 5)), values, axis=make.integer(-1, index.rank))


# --- sums, orders


@kind
def reduction(make):
    names = "ReduceSum ReduceMean ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceSumSquare ReduceLogSumExp"
    op = make.one_of(names.split())
    x = make.value(lambda v: v.array.size or op in ("ReduceSum", "ReduceProd", "ReduceSumSquare", "ReduceL1"), FLOATS)
    axes = [int(axis) for axis in make.rng.permutation(x.rank)[: make.integer(0, x.rank)]]
    flags = {"keepdims": make.integer(0, 1), "noop_with_empty_axes": make.integer(0, 1)}
    if not axes:
        flags["noop_with_empty_axes"] = 0
    make.add(op, x, *([make.list(axes)] if axes else []), exact=op in ("ReduceMax", "ReduceMin"), **flags)


@kind
def arg(make):
    x = make.value(lambda v: v.exact and v.array.size, NUMBERS, low=1)
    flags = {"keepdims": make.integer(0, 1), "select_last_index": make.integer(0, 1)}
    make.add(make.one_of(["ArgMax", "ArgMin"]), x, exact=True, axis=make.integer(-x.rank, x.rank - 1), **flags)


@kind
def top_k(make):
    x = make.value(lambda v: v.exact and len(np.unique(v.array)) == v.array.size, FLOATS, low=1)
    axis = make.integer(-x.rank, x.rank - 1)
    count = make.list([make.integer(0, x.shape[axis])])
    make.add("TopK", x, count, outputs=2, exact=True, axis=axis, largest=make.integer(0, 1))


@kind
def cumulative_sum(make):
    x = make.value(dtypes=("float32", "float64", "int64", "int32"), low=1)
    axis = make.list(make.integer(-x.rank, x.rank - 1))
    make.add("CumSum", x, axis, exact=not x.floating, exclusive=make.integer(0, 1), reverse=make.integer(0, 1))


@kind
def softmax(make):
    x = make.value(lambda v: v.array.size, dtypes=FLOATS, low=1)
    make.add(make.one_of(["Softmax", "LogSoftmax"]), x, axis=make.integer(-x.rank, x.rank - 1))


# --- products


@kind
def matmul(make):
    x = make.value(dtypes=FLOATS, low=1)
    k, batch = x.shape[-1], list(x.shape[:-2])
    if x.rank > 1 and make.chance(0.6):
        batch = []
    other = (*[1 if make.chance(0.3) else extent for extent in batch], k, make.integer(0, 20))
    make.add("MatMul", x, make.fresh(x.dtype, (k,) if make.chance(0.1) else other, -1, 1))


@kind
def gemm(make):
    x = make.value(dtypes=FLOATS, low=2, high=2)
    flags = {"transA": make.integer(0, 1), "transB": make.integer(0, 1), "alpha": make.one_of([1.0, 0.5]), "beta": make.one_of([1.0, 2.0])}
    (k, m), n = x.shape if flags["transA"] else x.shape[::-1], make.integer(1, 20)
    w = make.fresh(x.dtype, (n, k) if flags["transB"] else (k, n), -1, 1)
    c = [make.fresh(x.dtype, make.one_of([(n,), (m, n), (m, 1), (1,), ()]))] if make.chance(0.7) else []
    make.add("Gemm", x, w, *c, **flags)


def image(make, channels=1):
    x = make.value(lambda v: v.array.size and v.shape[1] % channels == 0, ("float32", "float32", "float64"), 3, 4)
    spatial = x.rank - 2
    return x, spatial


def window(make, x, spatial):
    kernel = [make.integer(1, 3) for _ in range(spatial)]
    pads = [make.integer(0, size - 1) for size in 2 * kernel]
    spans = [x.shape[2 + i] + pads[i] + pads[i + spatial] for i in range(spatial)]
    if any(span < size for span, size in zip(spans, kernel)):
        raise Unfit
    return {"kernel_shape": kernel, "pads": pads, "strides": [make.integer(1, 2) for _ in range(spatial)]}


@kind
def conv(make):
    group = make.one_of([1, 1, 2, 3])
    x, spatial = image(make, group)
    fields = window(make, x, spatial)
    outputs = group * make.integer(1, 9)
    w = make.fresh(x.dtype, (outputs, x.shape[1] // group, *fields["kernel_shape"]), -1, 1)
    bias = [make.fresh(x.dtype, (outputs,))] if make.chance(0.6) else []
    make.add("Conv", x, w, *bias, group=group, **fields)


@kind
def conv_transpose(make):
    x, spatial = image(make)
    fields = window(make, x, spatial)
    w = make.fresh(x.dtype, (x.shape[1], make.integer(1, 5), *fields["kernel_shape"]), -1, 1)
    make.add("ConvTranspose", x, w, **fields)


@kind
def pool(make):
    x, spatial = image(make)
    fields = window(make, x, spatial)
    if make.chance(0.5):
        make.add("MaxPool", x, exact=True, **fields)
    else:
        make.add("AveragePool", x, count_include_pad=make.integer(0, 1), **fields)


@kind
def global_pool(make):
    x, _ = image(make)
    op = make.one_of(["GlobalAveragePool", "GlobalMaxPool"])
    make.add(op, x, exact=op == "GlobalMaxPool")


@kind
def channel_norm(make):
    x, _ = image(make)
    scale, shift = (make.fresh(x.dtype, x.shape[1:2]) for _ in "ab")
    if make.chance(0.3):
        make.add("InstanceNormalization", x, scale, shift, epsilon=0.1)
        return
    mean, variance = make.fresh(x.dtype, x.shape[1:2]), make.fresh(x.dtype, x.shape[1:2], 0.5, 2)
    make.add("BatchNormalization", x, scale, shift, mean, variance)


@kind
def layer_norm(make):
    x = make.value(lambda v: v.array.size, ("float32",), low=1)
    axis = make.integer(-x.rank, -1)
    scale, shift = (make.fresh(x.dtype, x.shape[axis:]) for _ in "ab")
    make.add("LayerNormalization", x, scale, *([shift] if make.chance(0.7) else []), axis=axis, epsilon=0.1)


@kind
def recurrent(make):
    cell, gates = make.one_of([("LSTM", 4), ("GRU", 3), ("RNN", 1)])
    steps, batch, width, hidden = (make.integer(1, most) for most in (5, 3, 9, 9))
    x = make.fresh("float32", (steps, batch, width), -1, 1)
    way = make.one_of(["forward", "reverse", "bidirectional"])
    ways = 2 if way == "bidirectional" else 1
    shapes = ((ways, gates * hidden, width), (ways, gates * hidden, hidden), (ways, 2 * gates * hidden))
    w, r, b = (make.leaf(make.elements("float32", shape, -1, 1), make.weights) for shape in shapes)
    flags = {"linear_before_reset": make.integer(0, 1)} if cell == "GRU" else {}
    make.add(cell, x, w, r, *([b] if make.chance(0.7) else []), outputs=2, hidden_size=hidden, direction=way, **flags)


@kind
def resize(make):
    x = make.value(lambda v: v.array.size, ("float32",), 4, 4)
    sizes = make.list([*x.shape[:2], *(make.integer(1, 9) for _ in range(2))])
    mode = make.one_of([{"mode": "nearest", "nearest_mode": "floor"}, {"mode": "linear"}])
    place = make.one_of(["half_pixel", "asymmetric", "align_corners"])
    if place == "align_corners" and mode["mode"] == "nearest":
        raise Unfit  # ties of rounding
    make.add("Resize", x, None, None, sizes, coordinate_transformation_mode=place, **mode)


@kind
def einsum(make):
    equation = make.one_of(["ij,jk->ik", "bij,bjk->bik", "ij,kj->ik", "i,j->ij", "bi,bj->bij", "ijk->kji", "ij->i", "bhqd,bhkd->bhqk"])
    sizes = {letter: make.integer(1, 6) for letter in equation if letter.isalpha()}
    terms = equation.split("->")[0].split(",")
    make.add("Einsum", *(make.fresh("float32", tuple(sizes[c] for c in term), -1, 1) for term in terms), equation=equation)


# --- what passes look for


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


def onnx_type(dtype):
    return helper.np_dtype_to_tensor_dtype(np.dtype(dtype))


def factors(make, size):
    """A shape of so many elements."""
    shape = []
    while size > 1 and len(shape) < 3:
        divisors = [d for d in range(1, size + 1) if size % d == 0]
        shape.append(make.one_of(divisors))
        size //= shape[-1]
    return shape + ([size] if size > 1 else []) + ([1] if make.chance(0.2) else [])
