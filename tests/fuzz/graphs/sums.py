"""Reductions, orders, products, windows, recurrent layers."""

import numpy as np
from kinds import NUMBERS, kind
from maker import FLOATS, Unfit


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
