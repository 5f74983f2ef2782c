"""Grows a random graph node by node, each evaluated by onnx's reference evaluator at once, so that shapes and elements are known."""

import collections
import dataclasses

import numpy as np
import onnx
import onnxruntime
from onnx import helper
from onnx.reference import ReferenceEvaluator

OPSET = 21
EXTENTS = [0, 1, 1, 2, 2, 3, 3, 4, 5, 7, 8, 17]
FLOATS = ("float32", "float32", "float32", "float64", "float16")
INTEGERS = ("int64", "int64", "int32", "uint8", "int8")
GREATEST = 1e4  # beyond it f16 overflows soon, and differences are those of rounding
TOLERANCE = {"float64": 1e-11, "float32": 2e-5, "float16": 4e-3}  # of sums, whose order is free
NOISE = {"float64": 1e-15, "float32": 2e-7, "float16": 1e-3}  # a rounding or two of each result


class Unfit(Exception):
    """What was drawn makes no node: another is drawn."""


@dataclasses.dataclass
class Value:
    """array: the reference's; shadow: the same, were every result a rounding or two off; exact: no result was rounded;
    tolerance: of the coarsest type that it comes from."""

    name: str
    array: np.ndarray
    shadow: np.ndarray
    exact: bool = True
    tolerance: float = 0

    @property
    def dtype(self):
        return self.array.dtype.name

    @property
    def shape(self):
        return self.array.shape

    @property
    def rank(self):
        return self.array.ndim

    @property
    def floating(self):
        return self.array.dtype.kind == "f"


def info(name, array, shape=None):
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), shape or array.shape)


# The reference drops an axis of GlobalMaxPool's three, takes MaxPool's pads for SAME_UPPER where their sum is the kernel's
# less one, misreads ends before the first element where Slice's steps go backwards, and rounds Resize's places otherwise.
BY_ONNXRUNTIME = {"GlobalMaxPool", "MaxPool", "Resize", "Slice"}
REFUSED = collections.Counter()  # op and error of nodes that have no oracle


def evaluate(node, arrays):
    """One node by the reference; absent operands are left out."""
    given = {name: array for name, array in zip(node.input, arrays) if name}
    graph = helper.make_graph(
        [node], "g", [info(name, array) for name, array in given.items()], [onnx.ValueInfoProto(name=o) for o in node.output]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
    run = run_onnxruntime if node.op_type in BY_ONNXRUNTIME else run_reference
    try:
        return run(model, given)
    except Exception as error:  # each op has its own
        REFUSED[node.op_type, str(error).splitlines()[0][:100]] += 1
        raise Unfit from error


def run_reference(model, given):
    return [np.asarray(made) for made in ReferenceEvaluator(model).run(None, given)]


def run_onnxruntime(model, given):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, given)


def bounded(array):
    if array.dtype.kind == "f":
        return np.isfinite(array).all() and (array.size == 0 or np.abs(array).max() <= GREATEST)
    return array.dtype.kind in "biu" and (array.size == 0 or np.abs(array.astype(np.float64)).max() < 2**40)


class Maker:
    """What a graph has so far, and draws for its next node."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.values = []
        self.nodes = []
        self.inputs, self.weights, self.constants = {}, {}, {}

    # --- draws

    def one_of(self, choices):
        return choices[self.rng.integers(len(choices))]

    def chance(self, probability):
        return self.rng.random() < probability

    def integer(self, low, high):
        """low … high, both included."""
        return int(self.rng.integers(low, high + 1))

    def shape(self, low=0, high=4, extents=EXTENTS):
        drawn = [self.one_of(extents) for _ in range(self.integer(low, high))]
        return tuple(drawn) if np.prod(drawn) <= 2000 else self.shape(low, high, extents)

    def elements(self, dtype, shape, low=-3, high=3):
        if dtype == "bool":
            return self.rng.integers(0, 2, shape).astype(bool)
        if dtype.startswith("float"):
            return np.asarray(self.rng.uniform(low, high, shape)).astype(dtype)
        return np.asarray(self.rng.integers(max(low, 0) if dtype[0] == "u" else low, high + 1, shape)).astype(dtype)

    # --- values

    def fresh(self, dtype, shape, low=-3, high=3):
        """A new input, weight or constant."""
        array = self.elements(dtype, shape, low, high)
        kind = self.one_of([self.inputs, self.inputs, self.weights, self.constants])
        if kind is self.weights and not dtype.startswith("float"):
            kind = self.constants
        return self.leaf(array, kind)

    def leaf(self, array, kind):
        name = f"{'x' if kind is self.inputs else 'w' if kind is self.weights else 'c'}{len(kind)}"
        kind[name] = array
        value = Value(name, array, array)
        self.values.append(value)
        return value

    def list(self, numbers):
        """An int64 operand that is known while building: axes, shapes."""
        name = f"c{len(self.constants)}"
        self.constants[name] = np.array(numbers, np.int64)
        return Value(name, self.constants[name], self.constants[name])

    def value(self, fits=lambda value: True, dtypes=FLOATS, low=0, high=4, extents=EXTENTS):
        """Mostly one of the last results that fit, else a leaf, else a new one."""
        there = [each for each in self.values if each.dtype in dtypes and low <= each.rank <= high and fits(each)]
        results = [each for each in there if each.name[0] == "v"]
        if there and self.chance(0.9):
            return self.one_of((results or there)[-4:])
        made = self.fresh(self.one_of(dtypes), self.shape(low, high, extents))
        if not fits(made):
            raise Unfit
        return made

    def broadcasting(self, to, low=-3, high=3):
        """A value whose shape broadcasts with that of `to`: one that is there, or a new one."""
        there = [each for each in self.values if each.dtype == to.dtype and fits_beside(each.shape, to.shape)]
        if there and self.chance(0.5):
            return self.one_of(there)
        shape = [1 if self.chance(0.3) else extent for extent in to.shape][self.integer(0, to.rank) :]
        if len(shape) == to.rank and to.rank < 4 and self.chance(0.1):
            shape = [self.one_of([1, 2, 3]), *shape]
        return self.fresh(to.dtype, tuple(shape), low, high)

    # --- nodes

    def add(self, op, *operands, outputs=1, exact=False, **attributes):
        """exact: results are elements of the operands, or integers."""
        names = [f"v{len(self.nodes)}{'abc'[i] if outputs > 1 else ''}" for i in range(outputs)]
        node = helper.make_node(op, [each.name if each else "" for each in operands], names, **attributes)
        present = [each for each in operands if each]
        arrays = evaluate(node, [each.array if each else None for each in operands])
        shadows = arrays
        if not all(each.exact for each in present):
            shadows = evaluate(node, [each.shadow if each else None for each in operands])
        if not all(map(bounded, arrays)) or [a.shape for a in arrays] != [s.shape for s in shadows]:
            raise Unfit
        known = exact and all(each.exact for each in present)
        for name, array, shadow in zip(names, arrays, shadows):
            rounded = not known and array.dtype.kind == "f"
            tolerance = max([each.tolerance for each in present] + [TOLERANCE[array.dtype.name] if rounded else 0])
            noisy = self.noisy(shadow) if rounded and not exact else shadow
            self.values.append(Value(name, array, noisy, not rounded, tolerance))
        self.nodes.append(node)

    def noisy(self, array):
        noise = NOISE[array.dtype.name]
        return (array * (1 + noise * self.rng.choice([-1, 1], array.shape))).astype(array.dtype)

    # --- the graph

    def last(self):
        """Names of the values that nothing reads."""
        read = {name for node in self.nodes for name in node.input}
        return [name for node in self.nodes for name in node.output if name not in read]

    def model(self, outputs, symbolic=False):
        made = {value.name: value.array for value in self.values}
        shapes = {name: self.symbols(name, array) if symbolic else None for name, array in self.inputs.items()}
        leaves = {**self.weights, **self.constants}
        graph = helper.make_graph(
            self.nodes,
            "g",
            [info(name, array, shapes[name]) for name, array in self.inputs.items()],
            [info(name, made[name], [None] * made[name].ndim if symbolic else None) for name in outputs],
            [onnx.numpy_helper.from_array(array, name) for name, array in leaves.items()],
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)

    def symbols(self, name, array):
        return [f"{name}_{axis}" for axis in range(array.ndim)]


def fits_beside(a, b):
    return all(x == y or 1 in (x, y) for x, y in zip(a[::-1], b[::-1]))
