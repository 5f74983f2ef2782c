"""Each layer against NumPy or ONNX Runtime, over its modes; what Tenon lacks."""

import numpy as np
import onnxruntime
import pytest
import tenon.trt as trt
from layers_for_test import RNG, TYPES, Layers, floats, ints
from onnx import helper
from small import Records

def onnx_node(op, arrays, opset=20, outputs=1, **attributes):
    """What ONNX Runtime makes of one node; an array that is None is not there."""
    names = [f"i{i}" if array is not None else "" for i, array in enumerate(arrays)]
    given = {name: array for name, array in zip(names, arrays, strict=True) if array is not None}
    made = [f"o{i}" for i in range(outputs)]
    graph = helper.make_graph(
        [helper.make_node(op, names, made, **attributes)],
        "g",
        [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape) for n, a in given.items()],
        [helper.make_empty_tensor_value_info(name) for name in made],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, given)


CASES = {}


def case(*variants):
    """A function that defines layers and gives (outputs, expected arrays)."""

    def add(function):
        for variant in variants or [()]:
            text = "-".join(getattr(v, "name", str(v)) for v in variant)
            CASES[f"{function.__name__}{'-' + text if text else ''}"] = (function, variant)
        return function

    return add


def outputs_of(layer, **properties):
    for name, value in properties.items():
        setattr(layer, name, value)
        got = getattr(layer, name)
        assert got == value or (isinstance(value, tuple) and tuple(got) == value), name
    return [layer.get_output(i) for i in range(layer.num_outputs)]


# --- elements

UNARY = {
    "EXP": np.exp, "LOG": np.log, "SQRT": np.sqrt, "RECIP": np.reciprocal, "ABS": np.abs, "NEG": np.negative, "SIN": np.sin, "COS": np.cos,
    "TAN": np.tan, "SINH": np.sinh, "COSH": np.cosh, "ASIN": np.arcsin, "ACOS": np.arccos, "ATAN": np.arctan, "ASINH": np.arcsinh,
    "ACOSH": np.arccosh, "ATANH": np.arctanh, "CEIL": np.ceil, "FLOOR": np.floor, "SIGN": np.sign, "ROUND": np.round, "ISINF": np.isinf, "ISNAN": np.isnan,
}  # fmt: skip
DOMAIN = {"LOG": np.abs, "SQRT": np.abs, "ASIN": np.tanh, "ACOS": np.tanh, "ATANH": np.tanh, "ACOSH": lambda x: np.abs(x) + 1}


@case(*[(trt.UnaryOperation[name],) for name in UNARY])
def unary(to, op):
    x = floats(2, 3, 4)
    if op.name in ("ISINF", "ISNAN"):
        x[0, 0], x[1, 1] = np.inf, np.nan
    x = DOMAIN.get(op.name, lambda v: v)(x).astype(np.float32)
    return outputs_of(to.net.add_unary(to.input(x), op)), [UNARY[op.name](x)]


@case()
def unary_erf_and_not(to):
    x, b = floats(4, 5), np.array([True, False, True])
    erf = to.net.add_unary(to.input(x), trt.UnaryOperation.ERF).get_output(0)
    no = to.net.add_unary(to.input(b), trt.UnaryOperation.NOT).get_output(0)
    return [erf, no], [onnx_node("Erf", [x])[0], ~b]


ELEMENTWISE = {
    "SUM": np.add, "PROD": np.multiply, "MAX": np.maximum, "MIN": np.minimum, "SUB": np.subtract, "DIV": np.divide,
    "FLOOR_DIV": np.floor_divide, "EQUAL": np.equal, "GREATER": np.greater, "LESS": np.less,
}  # fmt: skip


@case(*[(trt.ElementWiseOperation[name],) for name in ELEMENTWISE])
def elementwise(to, op):
    a, b = floats(2, 1, 4), floats(1, 3, 4)
    b[0, 0] = a[0, 0]
    return outputs_of(to.net.add_elementwise(to.input(a), to.input(b), op)), [ELEMENTWISE[op.name](a, b)]


@case(("SUM",), ("FLOOR_DIV",), ("MAX",), ("PROD",))
def elementwise_of_integers(to, name):
    a, b = ints(-7, 7, 5, -5), ints(2, -2, 3, 3)
    return outputs_of(to.net.add_elementwise(to.input(a), to.input(b), trt.ElementWiseOperation[name])), [ELEMENTWISE[name](a, b)]


@case(("AND", np.logical_and), ("OR", np.logical_or), ("XOR", np.logical_xor))
def elementwise_of_bools(to, name, want):
    a, b = np.array([True, True, False, False]), np.array([True, False, True, False])
    return outputs_of(to.net.add_elementwise(to.input(a), to.input(b), trt.ElementWiseOperation[name])), [want(a, b)]


@case()
def elementwise_pow(to):
    a, b = np.abs(floats(3, 4)), floats(1, 4)
    return outputs_of(to.net.add_elementwise(to.input(a), to.input(b), trt.ElementWiseOperation.POW)), [np.power(a, b)]


@case(("UNIFORM",), ("CHANNEL",), ("ELEMENTWISE",))
def scale(to, mode):
    x = np.abs(floats(2, 3, 4, 5)) + 2
    shape = {"UNIFORM": (1,), "CHANNEL": (3, 1, 1), "ELEMENTWISE": (3, 4, 5)}[mode]
    shift, factor, power = (np.abs(floats(*shape)) for _ in range(3))
    layer = to.net.add_scale(to.input(x), trt.ScaleMode[mode], shift.ravel(), factor.ravel(), power.ravel())
    return outputs_of(layer), [(x * factor + shift) ** power]


@case()
def scale_along_another_axis(to):
    x, shift = floats(2, 3, 4, 5), floats(4)
    layer = to.net.add_scale_nd(to.input(x), trt.ScaleMode.CHANNEL, shift, channel_axis=2)
    return outputs_of(layer), [x + shift[:, None]]


@case()
def parametric_relu(to):
    x, slope = floats(2, 3, 4), floats(1, 3, 1)
    return outputs_of(to.net.add_parametric_relu(to.input(x), to.constant(slope))), [np.where(x < 0, slope * x, x)]


@case()
def select(to):
    a, b, c = floats(2, 3), floats(1, 3), RNG.random((2, 1)) < 0.5
    return outputs_of(to.net.add_select(to.input(c), to.input(a), to.input(b))), [np.where(c, a, b)]


@case((trt.int32, np.int32), (trt.float32, np.float32), (trt.bool, np.bool_), (trt.float16, np.float16))
def cast(to, type, want):  # noqa: A002
    x = np.array([-1.5, 0, 2.5, 3], np.float32)
    return outputs_of(to.net.add_cast(to.input(x), type)), [x.astype(want)]


@case()
def identity(to):
    x = floats(3)
    return outputs_of(to.net.add_identity(to.input(x))), [x]


# --- axes

REDUCE = {"SUM": np.sum, "PROD": np.prod, "MAX": np.max, "MIN": np.min, "AVG": np.mean}


@case(*[(op, axes, keep) for op in REDUCE for axes, keep in (((1,), True), ((0, 2), False))])
def reduce(to, op, axes, keep):
    x = floats(2, 3, 4)
    layer = to.net.add_reduce(to.input(x), trt.ReduceOperation[op], sum(1 << a for a in axes), keep)
    return outputs_of(layer), [REDUCE[op](x, axis=axes, keepdims=keep)]


@case(("MAX", 1), ("MIN", 0))
def topk(to, op, axis):
    x = floats(4, 5)
    order = np.argsort(-x if op == "MAX" else x, axis=axis, kind="stable").take(range(3), axis)
    layer = to.net.add_topk(to.input(x), trt.TopKOperation[op], 3, 1 << axis)
    return outputs_of(layer, k=3), [np.take_along_axis(x, order, axis), order.astype(np.int32)]


@case()
def topk_of_an_input(to):
    x = floats(2, 6)
    layer = to.net.add_topk(to.input(x), trt.TopKOperation.MAX, 1, 1 << 1, trt.int64)
    layer.set_input(1, to.constant(np.array(2, np.int32)))
    order = np.argsort(-x, axis=1)[:, :2]
    return outputs_of(layer), [np.take_along_axis(x, order, 1), order.astype(np.int64)]


@case((None,), (0,), (2,))
def softmax(to, axis):
    x = floats(2, 3, 4, 5)
    layer = to.net.add_softmax(to.input(x))
    if axis is not None:
        layer.axes = 1 << axis
    axis = 1 if axis is None else axis
    e = np.exp(x - x.max(axis, keepdims=True))
    return outputs_of(layer), [e / e.sum(axis, keepdims=True)]


@case((False, False), (True, False), (False, True), (True, True))
def cumulative(to, exclusive, reverse):
    x = floats(3, 4)
    layer = to.net.add_cumulative(to.input(x), to.constant(np.array(1, np.int32)), trt.CumulativeOperation.SUM, exclusive, reverse)
    return outputs_of(layer, exclusive=exclusive, reverse=reverse), onnx_node("CumSum", [x, np.array(1)], exclusive=int(exclusive), reverse=int(reverse))


@case((0,), (1,))
def concatenation(to, axis):
    a, b = floats(2, 3), floats(2, 3)
    return outputs_of(to.net.add_concatenation([to.input(a), to.input(b)]), axis=axis), [np.concatenate([a, b], axis)]


@case()
def shuffle(to):
    x = floats(2, 3, 4)
    layer = to.net.add_shuffle(to.input(x))
    layer.first_transpose, layer.reshape_dims, layer.second_transpose = (2, 0, 1), (0, -1), (1, 0)
    return outputs_of(layer), [x.transpose(2, 0, 1).reshape(4, 6).T]


@case()
def squeeze_and_unsqueeze(to):
    x = floats(2, 1, 3)
    thin = to.net.add_squeeze(to.input(x), to.constant(ints(1))).get_output(0)
    wide = to.net.add_unsqueeze(thin, to.constant(ints(0, 3))).get_output(0)
    return [thin, wide], [x[:, 0], x[None, :, 0, :, None]]


@case()
def shape(to):
    return outputs_of(to.net.add_shape(to.input(floats(2, 3, 4)))), [np.array([2, 3, 4])]


@case((False,), (True,))
def normalization(to, v2):
    x, factor, bias = floats(2, 3, 4), floats(1, 1, 4), floats(1, 1, 4)
    add = to.net.add_normalization_v2 if v2 else to.net.add_normalization
    layer = add(to.input(x), to.constant(factor), to.constant(bias), 1 << 2)
    want = (x - x.mean(2, keepdims=True)) / np.sqrt(x.var(2, keepdims=True) + 1e-3) * factor + bias
    layer.epsilon = 1e-3
    return outputs_of(layer), [want]


@case((False,), (True,))
def normalization_of_groups(to, v2):
    x = floats(2, 6, 4, 5)
    factor, bias = (floats(1, 6 if v2 else 3, 1, 1) for _ in range(2))
    add = to.net.add_normalization_v2 if v2 else to.net.add_normalization
    layer = add(to.input(x), to.constant(factor), to.constant(bias), 0b1100)
    g = x.reshape(2, 3, -1)
    y = ((g - g.mean(2, keepdims=True)) / np.sqrt(g.var(2, keepdims=True) + 1e-5)).reshape(x.shape)
    wide = [np.repeat(a, 6 // a.shape[1], 1) for a in (factor, bias)]
    return outputs_of(layer, num_groups=3), [y * wide[0] + wide[1]]


@case()
def reverse_sequence(to):
    x, lengths = floats(4, 3, 2), np.array([2, 4, 1], np.int32)
    want = onnx_node("ReverseSequence", [x, lengths.astype(np.int64)], batch_axis=1, time_axis=0)
    return outputs_of(to.net.add_reverse_sequence(to.input(x), to.input(lengths))), want


# --- indices


@case((0,), (1,))
def gather(to, axis):
    x, at = floats(4, 5), np.array([[2, 0], [3, 1]], np.int32)
    return outputs_of(to.net.add_gather(to.input(x), to.input(at), axis)), [np.take(x, at, axis)]


@case()
def gather_along_shared_axes(to):
    x, at = floats(3, 4, 5), RNG.integers(0, 4, (3, 2)).astype(np.int32)
    layer = to.net.add_gather(to.input(x), to.input(at), 1)
    return outputs_of(layer, num_elementwise_dims=1), [np.stack([x[i][at[i]] for i in range(3)])]


@case()
def gather_elements(to):
    x, at = floats(3, 4), RNG.integers(0, 3, (2, 4)).astype(np.int32)
    layer = to.net.add_gather_v2(to.input(x), to.input(at), trt.GatherMode.ELEMENT)
    return outputs_of(layer, axis=0), [np.take_along_axis(x, at, 0)]


@case((0,), (1,))
def gather_nd(to, batch):
    x = floats(2, 3, 4)
    at = np.array([[[1, 2], [0, 1]], [[1, 0], [0, 0]]], np.int64)
    layer = to.net.add_gather_v2(to.input(x), to.input(at.astype(np.int32)), trt.GatherMode.ND)
    return outputs_of(layer, num_elementwise_dims=batch), onnx_node("GatherND", [x, at], batch_dims=batch)


@case((0,), (1,))
def scatter_elements(to, axis):
    x, at, new = floats(3, 4), np.array([[1, 0], [2, 1]], np.int64), floats(2, 2)
    layer = to.net.add_scatter(to.input(x), to.input(at.astype(np.int32)), to.input(new), trt.ScatterMode.ELEMENT)
    return outputs_of(layer, axis=axis), onnx_node("ScatterElements", [x, at, new], axis=axis)


@case()
def scatter_nd(to):
    x, at, new = floats(4, 3), np.array([[2], [0]], np.int64), floats(2, 3)
    layer = to.net.add_scatter(to.input(x), to.input(at.astype(np.int32)), to.input(new), trt.ScatterMode.ND)
    return outputs_of(layer), onnx_node("ScatterND", [x, at, new])


@case((-1,), (0,))
def one_hot(to, axis):
    at, values, depth = ints(1, 0, 3), np.array([0.5, 2], np.float32), np.array(4, np.int32)
    layer = to.net.add_one_hot(to.input(at), to.constant(values), to.constant(depth), axis)
    return outputs_of(layer, axis=axis), onnx_node("OneHot", [at, depth, values], axis=axis)


@case((trt.int32,), (trt.int64,))
def non_zero(to, type):  # noqa: A002
    x = np.array([[0, 1.5, 0], [2, 0, -1]], np.float32)
    return outputs_of(to.net.add_non_zero(to.input(x), type)), [np.array(np.nonzero(x), trt.nptype(type))]


@case(((1, 0), (2, 3), (1, 1)), ((0, 4), (2, 3), (2, -2)), ((3, 1), (0, 2), (1, 1)), ((3, 4), (4, 1), (-1, 1)))
def slice_inside(to, start, size, stride):
    x = floats(4, 5)
    want = x[np.ix_(*[[s + i * d for i in range(n)] for s, n, d in zip(start, size, stride, strict=True)])]
    return outputs_of(to.net.add_slice(to.input(x), start, size, stride), start=start, shape=size, stride=stride), [want]


@case()
def slice_by_tensors(to):
    x = floats(4, 5)
    layer = to.net.add_slice(to.input(x), (0, 0), (0, 0), (1, 1))
    layer.set_input(1, to.constant(ints(1, 2)))
    layer.set_input(2, to.constant(ints(2, 3)))
    return outputs_of(layer), [x[1:3, 2:5]]


@case()
def slice_of_some_axes(to):
    x = floats(4, 5, 6)
    layer = to.net.add_slice(to.input(x), (1, 2), (3, 2), (1, 1))
    return outputs_of(layer, axes=(2, 0)), [x[2:4, :, 1:4]]


@case(("WRAP", "wrap"), ("CLAMP", "edge"), ("REFLECT", "reflect"), ("FILL", "constant"))
def slice_outside(to, mode, pad):
    x = floats(4, 5)
    wide = np.pad(x, ((2, 3), (1, 4)), pad)
    layer = to.net.add_slice(to.input(x), (-2, -1), (9, 5), (1, 2))
    return outputs_of(layer, mode=trt.SampleMode[mode]), [wide[:, ::2]]


@case()
def slice_filled_with_a_value(to):
    x = floats(2, 3)
    layer = to.net.add_slice(to.input(x), (0, -1), (2, 5), (1, 1))
    layer.set_input(4, to.constant(np.array(7, np.float32)))
    return outputs_of(layer, mode=trt.SampleMode.FILL), [np.pad(x, ((0, 0), (1, 1)), constant_values=7)]


@case()
def fill_one_axis(to):
    layer = to.net.add_fill((5,), trt.FillOperation.LINSPACE)
    layer.alpha, layer.beta = 1.5, -0.25
    assert (layer.alpha, layer.beta, layer.operation) == (1.5, -0.25, trt.FillOperation.LINSPACE)
    return outputs_of(layer), [np.float32(1.5) - np.float32(0.25) * np.arange(5, dtype=np.float32)]


@case((trt.int32, np.int32), (trt.int64, np.int64))
def fill_whole_numbers(to, type, want):  # noqa: A002
    layer = to.net.add_fill((4,), trt.FillOperation.LINSPACE, type)
    layer.alpha, layer.beta = 3, 2
    assert isinstance(layer.alpha, int)
    return outputs_of(layer), [np.array([3, 5, 7, 9], want)]


@case()
def fill_several_axes(to):
    layer = to.net.add_fill((2, 3), trt.FillOperation.LINSPACE)
    layer.set_input(1, to.constant(np.array(1, np.float32)))
    layer.set_input(2, to.constant(np.array([10, 0.5], np.float32)))
    return outputs_of(layer), [np.float32(1) + 10 * np.arange(2, dtype=np.float32)[:, None] + 0.5 * np.arange(3, dtype=np.float32)]


@case()
def fill_as_long_as_a_tensor_says(to):
    layer = to.net.add_fill((1,), trt.FillOperation.LINSPACE, trt.int64)
    layer.set_input(0, to.net.add_shape(to.input(floats(6))).get_output(0))
    layer.alpha, layer.beta = 0, 1
    return outputs_of(layer), [np.arange(6)]


# --- products


@case(("NONE", "NONE"), ("TRANSPOSE", "NONE"), ("NONE", "TRANSPOSE"))
def matrix_multiply(to, left, right):
    a, b = floats(2, 3, 4), floats(1, 4, 5)
    given = [np.ascontiguousarray(x.swapaxes(1, 2)) if op == "TRANSPOSE" else x for x, op in ((a, left), (b, right))]
    layer = to.net.add_matrix_multiply(to.input(given[0]), trt.MatrixOperation[left], to.input(given[1]), trt.MatrixOperation[right])
    return outputs_of(layer), [a @ b]


@case()
def matrix_times_vector(to):
    a, v = floats(3, 4), floats(4)
    layer = to.net.add_matrix_multiply(to.input(a), trt.MatrixOperation.NONE, to.input(v), trt.MatrixOperation.VECTOR)
    return outputs_of(layer), [a @ v]


@case(("bij,bjk->bik",), ("bij,bkj->bk",), ("bii,bij->bj",))
def einsum(to, equation):
    sides = {"i": 3, "j": 4, "k": 5, "b": 2}
    arrays = [floats(*[sides[c] for c in term]) for term in equation.split("->")[0].split(",")]
    layer = to.net.add_einsum([to.input(a) for a in arrays], equation)
    assert layer.equation == equation
    return outputs_of(layer), [np.einsum(equation, *arrays)]


# --- images and boxes

WINDOWS = [
    {"stride_nd": (2, 2)},
    {"stride_nd": (2, 1), "padding_nd": (1, 1)},
    {"dilation_nd": (2, 1), "pre_padding": (1, 0), "post_padding": (0, 1)},
]


@case(*[(i,) for i in range(3)])
def convolution(to, i):
    x, k, b = floats(2, 4, 9, 8), floats(6, 2, 3, 2), floats(6)
    layer = to.net.add_convolution_nd(to.input(x), 6, (3, 2), k, b)
    window = dict(WINDOWS[i])
    made = outputs_of(layer, num_groups=2, **window)
    return made, onnx_node("Conv", [x, k, b], group=2, **onnx_window(window))


@case(*[(i,) for i in range(3)])
def deconvolution(to, i):
    x, k, b = floats(2, 4, 5, 6), floats(4, 3, 3, 2), floats(6)
    layer = to.net.add_deconvolution_nd(to.input(x), 6, (3, 2), k, b)
    window = dict(WINDOWS[i])
    made = outputs_of(layer, num_groups=2, **window)
    return made, onnx_node("ConvTranspose", [x, k, b], group=2, **onnx_window(window))


@case(("SAME_UPPER",), ("SAME_LOWER",))
def deconvolution_to_the_same(to, mode):
    x, k = floats(1, 2, 5, 6), floats(2, 3, 4, 3)
    layer = to.net.add_deconvolution_nd(to.input(x), 3, (4, 3), k)
    layer.stride_nd, layer.padding_mode = (2, 2), trt.PaddingMode[mode]
    upper = mode == "SAME_UPPER"
    pads = [1, 0, 1, 1] if upper else [1, 1, 1, 0]  # DK - S is 2 and 1
    return outputs_of(layer), onnx_node("ConvTranspose", [x, k], strides=[2, 2], pads=pads)


def onnx_window(window):
    pads = [window.get("pre_padding", window.get("padding_nd", (0, 0))), window.get("post_padding", window.get("padding_nd", (0, 0)))]
    made = {"pads": [p for side in pads for p in side], "strides": list(window.get("stride_nd", (1, 1)))}
    return {**made, "dilations": list(window.get("dilation_nd", (1, 1)))}


@case(("MAX",), ("AVERAGE",))
def pooling(to, kind):
    x = floats(1, 2, 7, 8)
    layer = to.net.add_pooling_nd(to.input(x), trt.PoolingType[kind], (3, 2))
    layer.stride_nd, layer.padding_mode = (2, 2), trt.PaddingMode.EXPLICIT_ROUND_UP
    op = {"MAX": "MaxPool", "AVERAGE": "AveragePool"}[kind]
    return outputs_of(layer), onnx_node(op, [x], kernel_shape=[3, 2], strides=[2, 2], ceil_mode=1)


@case()
def lrn(to):
    x = floats(1, 6, 3, 3)
    return outputs_of(to.net.add_lrn(to.input(x), 5, 1e-2, 0.75, 2.0)), onnx_node("LRN", [x], size=5, alpha=1e-2, beta=0.75, bias=2.0)


@case()
def padding_and_cropping(to):
    x = floats(1, 2, 4, 5)
    layer = to.net.add_padding_nd(to.input(x), (1, -2), (-1, 3))
    return outputs_of(layer), [np.pad(x[:, :, :-1, 2:], ((0, 0), (0, 0), (1, 0), (0, 3)))]


RESIZE = [
    (mode, where, rounding)
    for mode in ("NEAREST", "LINEAR", "CUBIC")
    for where in ("ALIGN_CORNERS", "ASYMMETRIC", "HALF_PIXEL")
    for rounding in (("FLOOR", "CEIL", "HALF_UP", "HALF_DOWN") if mode == "NEAREST" else ("FLOOR",))
]


@case(*RESIZE)
def resize(to, mode, where, rounding):
    x, sizes = floats(1, 2, 5, 6), np.array([1, 2, 8, 9])
    layer = to.net.add_resize(to.input(x))
    layer.resize_mode, layer.coordinate_transformation = trt.InterpolationMode[mode], trt.ResizeCoordinateTransformation[where]
    layer.nearest_rounding, layer.shape = trt.ResizeRoundMode[rounding], tuple(sizes)
    names = {"FLOOR": "floor", "CEIL": "ceil", "HALF_UP": "round_prefer_ceil", "HALF_DOWN": "round_prefer_floor"}
    more = {"nearest_mode": names[rounding]} if mode == "NEAREST" else {}
    return outputs_of(layer), onnx_node("Resize", [x, None, None, sizes], mode=mode.lower(), coordinate_transformation_mode=where.lower(), **more)


@case()
def resize_by_scales(to):
    x = floats(1, 1, 3, 4)
    layer = to.net.add_resize(to.input(x))
    assert layer.scales == []
    layer.scales = [1, 1, 2, 1.5]
    assert layer.scales == [1, 1, 2, 1.5]
    scales = np.array([1, 1, 2, 1.5], np.float32)
    return outputs_of(layer), onnx_node("Resize", [x, None, scales], mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")


@case()
def resize_to_a_tensor(to):
    x, sizes = floats(1, 1, 3, 4), np.array([1, 1, 6, 8])
    layer = to.net.add_resize(to.input(x))
    layer.set_input(1, to.constant(sizes.astype(np.int32)))
    layer.resize_mode = trt.InterpolationMode.LINEAR
    return outputs_of(layer), onnx_node("Resize", [x, None, None, sizes], mode="linear", coordinate_transformation_mode="asymmetric")


GRID = [(m, s, a) for m in ("LINEAR", "NEAREST", "CUBIC") for s in ("FILL", "CLAMP", "REFLECT") for a in (False, True)]


@case(*GRID)
def grid_sample(to, mode, sample, align):
    x, grid = floats(1, 2, 5, 6), RNG.uniform(-1.3, 1.3, (1, 4, 3, 2)).astype(np.float32)
    layer = to.net.add_grid_sample(to.input(x), to.input(grid))
    made = outputs_of(layer, interpolation_mode=trt.InterpolationMode[mode], sample_mode=trt.SampleMode[sample], align_corners=align)
    padding = {"FILL": "zeros", "CLAMP": "border", "REFLECT": "reflection"}[sample]
    return made, onnx_node("GridSample", [x, grid], mode=mode.lower(), padding_mode=padding, align_corners=int(align))


@case(("CORNER_PAIRS",), ("CENTER_SIZES",))
def nms(to, form):
    boxes = np.sort(RNG.random((1, 12, 2, 2)).astype(np.float32), 2).reshape(1, 12, 4)
    scores = RNG.random((1, 12, 2)).astype(np.float32)
    layer = to.net.add_nms(to.input(boxes), to.input(scores), to.constant(np.array(4, np.int32)))
    layer.set_input(3, to.constant(np.array(0.3, np.float32)))
    layer.set_input(4, to.constant(np.array(0.2, np.float32)))
    layer.bounding_box_format = trt.BoundingBoxFormat[form]
    want = onnx_node("NonMaxSuppression", [boxes, scores.swapaxes(1, 2), np.array([4]), np.array([0.3], np.float32), np.array([0.2], np.float32)], center_point_box=int(form == "CENTER_SIZES"))[0]
    return outputs_of(layer), [want.astype(np.int32), np.array(len(want), np.int32)]


# --- quantization


@case()
def quantize_and_dequantize(to):
    x, factor = 3 * floats(2, 3), np.array(0.02, np.float32)
    q = to.net.add_quantize(to.input(x), to.constant(factor)).get_output(0)
    back = to.net.add_dequantize(q, to.constant(factor)).get_output(0)
    want = np.clip(np.round(x / factor), -128, 127).astype(np.int8)
    return [q, back], [want, want * factor]


@case()
def quantize_by_channel(to):
    x, factors = 3 * floats(2, 3, 4), np.array([0.02, 0.05, 0.1], np.float32)
    layer = to.net.add_quantize(to.input(x), to.constant(factors), trt.int8)
    want = np.clip(np.round(x / factors[:, None]), -128, 127).astype(np.int8)
    return outputs_of(layer, axis=1), [want]


# --- loops and branches


def loop_over(to, count):
    loop = to.net.add_loop()
    loop.add_trip_limit(to.constant(np.array(count, np.int32)), trt.TripLimit.COUNT)
    return loop


@case()
def loop_of_a_count(to):
    x, step = floats(3), floats(3)
    loop = loop_over(to, 4)
    recurrence = loop.add_recurrence(to.input(x))
    total = to.net.add_elementwise(recurrence.get_output(0), to.input(step), trt.ElementWiseOperation.SUM).get_output(0)
    recurrence.set_input(1, total)
    assert tuple(total.shape) == (3,) and recurrence.loop is loop
    last = loop.add_loop_output(recurrence.get_output(0), trt.LoopOutput.LAST_VALUE).get_output(0)
    every = loop.add_loop_output(total, trt.LoopOutput.CONCATENATE, 1).get_output(0)
    turned = loop.add_loop_output(total, trt.LoopOutput.REVERSE).get_output(0)
    sums = [x + np.float32(i) * step for i in range(1, 5)]
    doubled = to.net.add_elementwise(last, last, trt.ElementWiseOperation.SUM).get_output(0)
    return [doubled, every, turned], [2 * sums[-1], np.stack(sums, 1), np.stack(sums[::-1])]


@case((False,), (True,))
def loop_over_slices(to, reverse):
    x = floats(2, 5)
    loop = loop_over(to, 5)
    recurrence = loop.add_recurrence(to.constant(np.zeros(2, np.float32)))
    slice_ = loop.add_iterator(to.input(x), 1, reverse).get_output(0)
    half = to.net.add_elementwise(recurrence.get_output(0), to.constant(np.array([0.5], np.float32)), trt.ElementWiseOperation.PROD).get_output(0)
    recurrence.set_input(1, to.net.add_elementwise(half, slice_, trt.ElementWiseOperation.SUM).get_output(0))
    want = np.zeros(2, np.float32)
    for i in range(5):
        want = np.float32(0.5) * want + x[:, 4 - i if reverse else i]
    return [loop.add_loop_output(recurrence.get_output(0), trt.LoopOutput.LAST_VALUE).get_output(0)], [want]


@case((1.0,), (200.0,))
def loop_while_a_condition_holds(to, start):
    loop = to.net.add_loop()
    recurrence = loop.add_recurrence(to.input(np.array([start], np.float32)))
    value = recurrence.get_output(0)
    small = to.net.add_elementwise(value, to.constant(np.array([100], np.float32)), trt.ElementWiseOperation.LESS)
    flat = to.net.add_shuffle(small.get_output(0))
    flat.reshape_dims = ()
    limit = loop.add_trip_limit(flat.get_output(0), trt.TripLimit.WHILE)
    assert limit.kind == trt.TripLimit.WHILE
    recurrence.set_input(1, to.net.add_elementwise(value, value, trt.ElementWiseOperation.SUM).get_output(0))
    want = start
    while want < 100:
        want *= 2
    return [loop.add_loop_output(value, trt.LoopOutput.LAST_VALUE).get_output(0)], [np.array([want], np.float32)]


@case()
def loop_in_a_loop(to):
    x = floats(2)
    outer, inner = loop_over(to, 3), loop_over(to, 2)
    total = outer.add_recurrence(to.input(x))
    inside = inner.add_recurrence(total.get_output(0))
    inside.set_input(1, to.net.add_unary(inside.get_output(0), trt.UnaryOperation.SIN).get_output(0))
    done = inner.add_loop_output(inside.get_output(0), trt.LoopOutput.LAST_VALUE).get_output(0)
    total.set_input(1, to.net.add_elementwise(done, total.get_output(0), trt.ElementWiseOperation.SUM).get_output(0))
    want = x
    for _ in range(3):
        want = np.sin(np.sin(want)) + want
    return [outer.add_loop_output(total.get_output(0), trt.LoopOutput.LAST_VALUE).get_output(0)], [want]


@case((True,), (False,))
def branches(to, taken):
    x, y = floats(2, 3), floats(2, 3)
    choice = to.net.add_if_conditional()
    choice.set_condition(to.input(np.array(taken)))
    a, b = (choice.add_input(to.input(each)).get_output(0) for each in (x, y))
    total = to.net.add_elementwise(a, b, trt.ElementWiseOperation.SUM).get_output(0)
    product = to.net.add_elementwise(a, b, trt.ElementWiseOperation.PROD).get_output(0)
    first = choice.add_output(total, product)
    assert first.conditional is choice and tuple(total.shape) == (2, 3)
    second = choice.add_output(a, b)
    return [first.get_output(0), second.get_output(0)], [x + y, x] if taken else [x * y, y]


@pytest.mark.parametrize("name", CASES)
def test_a_layer_is_its_formula(name):
    function, variant = CASES[name]
    layers = Layers()
    outputs, want = function(layers, *variant)
    live = [tuple(tensor.shape) for tensor in outputs]
    got = layers.run(outputs)
    assert len(got) == len(want)
    for array, expected, shape in zip(got, want, live, strict=True):
        expected = np.asarray(expected)
        assert array.shape == expected.shape and array.dtype == expected.dtype
        assert len(shape) == expected.ndim and all(a in (-1, b) for a, b in zip(shape, expected.shape, strict=True))
        np.testing.assert_allclose(array, expected, rtol=1e-4, atol=1e-5)


def test_layers_are_told_apart():
    layers = Layers()
    x = layers.input(floats(1, 2, 4, 4))
    made = [layers.net.add_resize(x), layers.net.add_lrn(x, 3, 1, 1, 1), layers.net.add_shape(x), layers.net.add_topk(x, trt.TopKOperation.MAX, 2, 8)]
    classes = [trt.IResizeLayer, trt.ILRNLayer, trt.IShapeLayer, trt.ITopKLayer]
    assert [type(layer) for layer in made] == classes == [type(layer) for layer in layers.net]
    assert made[3].num_outputs == 2 and made[3].get_output(1).dtype == trt.int32
    assert layers.net[0].name == "(Unnamed Layer* 0) [Resize]"


LACKING = {
    "plugins": lambda net, x: net.add_plugin_v3(inputs=[x], shape_inputs=[], plugin=object()),
    "collectives": lambda net, x: net.add_dist_collective(
        input=x, dist_collective_op=trt.CollectiveOperation.ALL_REDUCE, reduce_op=trt.ReduceOperation.SUM, root=-1, groups=[0]
    ),
    "kFP4": lambda net, x: net.add_dynamic_quantize(x, axis=0, block_size=16, output_type=trt.fp4, scale_type=trt.fp8),
    "kFP4 and": lambda net, x: net.add_dynamic_quantize_v2(x, block_shape=(1, 16), output_type=trt.fp4, scale_type=trt.fp8),
    "experts": lambda net, x: net.add_moe(x, x, x),
    "kFP8": lambda net, x: net.add_quantize(x, x, trt.fp8),
}


@pytest.mark.parametrize("what", LACKING)
def test_what_tenon_lacks_is_none_and_one_report(what):
    logger = Records()
    layers = Layers(logger)
    x = layers.input(floats(1, 2))
    assert LACKING[what](layers.net, x) is None
    assert len(logger.lines) == 1 and "Error Code 10: Unsupported" in logger.errors()[0] and what in logger.errors()[0]
    assert len(layers.net) == 0


WRONG = {
    "2 axes": lambda net, x: net.add_padding_nd(x, (1,), (1,)),
    "it is odd": lambda net, x: net.add_lrn(x, 4, 1, 1, 1),
    "several bits": lambda net, x: net.add_topk(x, trt.TopKOperation.MAX, 1, 3),
    "k is 0": lambda net, x: net.add_topk(x, trt.TopKOperation.MAX, 0, 1),
    "not kFLOAT": lambda net, x: net.add_non_zero(x, trt.float32),
    "have not one rank": lambda net, x: net.add_slice(x, (0,), (1, 1), (1, 1)),
    "no bit": lambda net, x: net.add_normalization(x, x, x, 0),
    "an input is null": lambda net, x: net.add_einsum([], "i->i"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_argument_is_none_and_one_report(what):
    logger = Records()
    layers = Layers(logger)
    assert WRONG[what](layers.net, layers.input(floats(1, 2))) is None
    text = what if what != "2 axes" else "give those of the last two"
    assert len(logger.lines) == 1 and text in logger.errors()[0]


def test_weights_inside_a_loop_are_refitted():
    layers, logger = Layers(), Records()
    loop, kernel = loop_over(layers, 2), np.full((1, 1, 1, 1), 2, np.float32)
    recurrence = loop.add_recurrence(layers.input(np.ones((1, 1, 2, 2), np.float32)))
    conv = layers.net.add_convolution_nd(recurrence.get_output(0), 1, (1, 1), kernel)
    conv.name = "inside"
    recurrence.set_input(1, conv.get_output(0))
    y = loop.add_loop_output(recurrence.get_output(0), trt.LoopOutput.LAST_VALUE).get_output(0)
    y.name = "y"
    layers.net.mark_output(y)
    config = layers.builder.create_builder_config()
    config.set_flag(trt.BuilderFlag.REFIT)
    engine = layers.builder.build_engine_with_config(layers.net, config)
    context, made = engine.create_execution_context(), np.empty((1, 1, 2, 2), np.float32)
    bindings = [layers.inputs["x0"].ctypes.data, made.ctypes.data]
    assert context.execute_v2(bindings) and (made == 4).all()
    refitter = trt.Refitter(engine, logger)
    assert refitter.set_weights("inside", trt.WeightsRole.KERNEL, 3 * kernel / 2) and refitter.refit_cuda_engine()
    assert context.execute_v2(bindings) and (made == 9).all()


def test_a_loop_without_limit_or_next_value_is_told():
    logger = Records()
    layers = Layers(logger)
    loop = layers.net.add_loop()
    recurrence = loop.add_recurrence(layers.input(floats(2)))
    y = loop.add_loop_output(recurrence.get_output(0), trt.LoopOutput.LAST_VALUE).get_output(0)
    layers.net.mark_output(y)
    config = layers.builder.create_builder_config()
    assert layers.builder.build_engine_with_config(layers.net, config) is None and "no trip limit" in logger.errors()[-1]
    count = layers.constant(np.array(1, np.int32))
    assert loop.add_trip_limit(count, trt.TripLimit.COUNT) is not None
    assert loop.add_trip_limit(count, trt.TripLimit.COUNT) is None
    assert layers.builder.build_engine_with_config(layers.net, config) is None and "lacks its input 1" in logger.errors()[-1]
