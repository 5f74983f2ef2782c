"""Lines of *.cases: one ONNX node each, with its oracle's answer and Tenon's.

A line is an ONNX op, its attributes, and its operands in order:

    Conv strides=[2,2] group=2  x: f32[1,4,9,9] w: f32[6,2,3,3] b: f32[6]  opset=17 tol=1e-5

An operand is `name: dtype[extents]` with random elements, `…{low..high}` for a range of them, or `…=[1,2]` for these
ones; `-` leaves one out; `value` is an attribute of constants. i64 and bool operands written out are always
initializers (axes, shapes, flags). Further keys: opset (default 21), outputs (their number), tol, oracle=reference
(where ONNX Runtime computes f64 in f32), symbolic=no (extents that the op must know while building), run=[1,2] (these
operands, although initializers, are also tried as inputs, whose elements only a run knows), and error, a part of the
message that building or running must give.
"""

import dataclasses
import pathlib
import re
import sys
import zlib

import ml_dtypes
import numpy as np
import onnx
import onnx.reference
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

import tenon

FOLDER = pathlib.Path(__file__).parent
NUMPY = {
    "f64": np.float64, "f32": np.float32, "f16": np.float16, "bf16": ml_dtypes.bfloat16,
    "i64": np.int64, "i32": np.int32, "i16": np.int16, "i8": np.int8,
    "u64": np.uint64, "u32": np.uint32, "u16": np.uint16, "u8": np.uint8, "bool": np.bool_,
}  # fmt: skip
ONNX = {
    "f64": TensorProto.DOUBLE, "f32": TensorProto.FLOAT, "f16": TensorProto.FLOAT16, "bf16": TensorProto.BFLOAT16,
    "i64": TensorProto.INT64, "i32": TensorProto.INT32, "i16": TensorProto.INT16, "i8": TensorProto.INT8,
    "u64": TensorProto.UINT64, "u32": TensorProto.UINT32, "u16": TensorProto.UINT16, "u8": TensorProto.UINT8,
    "bool": TensorProto.BOOL,
}  # fmt: skip
TOLERANCE = {np.float64: 1e-12, np.float32: 1e-5, np.float16: 2e-3, ml_dtypes.bfloat16: 2e-2}
FLOATS = ("f64", "f32", "f16", "bf16")

# Ops that the GPU has no kernel for yet: lowering refuses them by name.
WITHOUT_CUDA = {
    "BitCast", "Col2Im", "ConvTranspose", "CumProd", "CumSum", "DFT", "Det", "GRU", "GridSample", "LSTM", "MaxRoiPool",
    "RNN", "Resize", "RoiAlign", "STFT", "Unique", "Upsample",
}  # fmt: skip

OPERAND = re.compile(r"(\w+):\s*(\w+)\[([\d,\s]*)\](?:\{([^}]*)\}|=(\[[^\]]*\]|\S+))?")
SETTING = re.compile(r'(\w+)=("[^"]*"|\[[^\]]*\]|\S+)')


@dataclasses.dataclass
class Operand:
    name: str
    dtype: str
    shape: tuple[int, ...]
    array: np.ndarray
    frozen: bool  # an initializer in every model


@dataclasses.dataclass
class Case:
    where: str
    line: str
    op: str
    attributes: dict
    operands: list[Operand | None]
    opset: int = 21
    outputs: int = 1
    tol: float | None = None
    error: str | None = None
    oracle: str = "onnxruntime"
    symbolic: str = "yes"
    run: list[int] = dataclasses.field(default_factory=list)


# --- parsing


def number(text):
    return float(text) if re.search(r"[.einf]", text) else int(text)


def setting(text):
    """A number, a list of numbers or names, a quoted or bare string, or a dtype's ONNX number."""
    if text.startswith('"'):
        return text[1:-1]
    if text.startswith("["):
        parts = [each.strip() for each in text[1:-1].split(",") if each.strip()]
        return parts if parts and parts[0][0].isupper() else [number(each) for each in parts]
    if text in ONNX:
        return ONNX[text]
    return number(text) if re.fullmatch(r"-?[\d.]+(e-?\d+)?|-?inf|nan", text) else text


def elements(rng, dtype, shape, bounds):
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    if dtype in FLOATS:
        low, high = bounds or (None, None)
        made = rng.standard_normal(shape) if bounds is None else rng.uniform(low, high, shape)
        return np.asarray(made).astype(NUMPY[dtype])
    low, high = bounds or (0 if dtype[0] == "u" else -5, 6)
    return np.asarray(rng.integers(int(low), int(high), shape)).astype(NUMPY[dtype])


def operand(match, rng):
    name, dtype, extents, bounds, values = match.groups()
    shape = tuple(int(each) for each in extents.split(",") if each.strip())
    if values is None:
        bounds = bounds and tuple(float(each) for each in bounds.split(".."))
        return Operand(name, dtype, shape, elements(rng, dtype, shape, bounds), False)
    given = setting(values)
    array = np.array(given, np.float64 if dtype in FLOATS else object).astype(NUMPY[dtype])
    return Operand(name, dtype, shape, array.reshape(shape), dtype in ("i64", "bool"))


def parse(line, where):
    op, rest = line.split(None, 1) if " " in line else (line, "")
    case = Case(where, line, op, {}, [])
    rng = np.random.default_rng(zlib.crc32(line.encode()))
    while rest := rest.strip():
        match = re.match(r"-(?=\s|$)", rest)
        if match:
            case.operands.append(None)
        elif match := OPERAND.match(rest):
            case.operands.append(operand(match, rng))
        elif match := SETTING.match(rest):
            key, value = match[1], setting(match[2])
            if key in ("opset", "outputs", "tol", "error", "oracle", "symbolic", "run"):
                setattr(case, key, value)
            else:
                case.attributes[key] = value
        else:
            raise ValueError(f"{where}: cannot read {rest!r}")
        rest = rest[match.end() :]
    return case


def read(files=None):
    cases = []
    for file in sorted(files or FOLDER.glob("*.cases")):
        for at, line in enumerate(pathlib.Path(file).read_text().splitlines(), 1):
            line = line.partition("#")[0].strip()
            if line:
                cases.append(parse(line, f"{pathlib.Path(file).name}:{at}"))
    return cases


# --- models


def is_attribute(case, operand):
    return case.op.startswith("Constant") and operand.name == "value"


def is_initializer(case, index, form):
    if form == "run" and index in case.run:
        return False
    return case.operands[index].frozen or (form == "weights" and index > 0)


def dims_of(index, operand, form):
    symbolic = form == "symbolic" and index == 0 and operand.shape
    return ("n", *operand.shape[1:]) if symbolic else operand.shape


def model(case, form):
    """Operands as inputs ("inputs"), the second and later as initializers ("weights"), the first axis of the first one
    named ("symbolic"), or those as inputs that decide shapes ("run")."""
    inputs, initializers, names, attributes = [], [], [], dict(case.attributes)
    for i, each in enumerate(case.operands):
        names.append(each.name if each else "")
        if each is None:
            continue
        tensor = numpy_helper.from_array(each.array, each.name)
        if is_attribute(case, each):
            attributes["value"] = tensor
            names.pop()
        elif is_initializer(case, i, form):
            initializers.append(tensor)
        else:
            inputs.append(helper.make_tensor_value_info(each.name, ONNX[each.dtype], dims_of(i, each, form)))
    results = [f"y{i}" for i in range(case.outputs)]
    node = helper.make_node(case.op, names, results, name="node", **attributes)
    outputs = [helper.make_empty_tensor_value_info(name) for name in results]
    graph = helper.make_graph([node], "case", inputs, outputs, initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", case.opset)], ir_version=8)


def feed(case, form):
    used = [(i, each) for i, each in enumerate(case.operands) if each and not is_attribute(case, each)]
    return {each.name: each.array for i, each in used if not is_initializer(case, i, form)}


# --- the oracles


def by_onnxruntime(case):
    """None where ONNX Runtime has no such kernel."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    uses_bf16 = "bf16" in [each and each.dtype for each in case.operands] or case.attributes.get("to") == ONNX["bf16"]
    if uses_bf16:
        return None  # it neither takes nor gives NumPy arrays of them
    try:
        session = onnxruntime.InferenceSession(
            model(case, "inputs").SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except Exception:  # its classes are not public; the reference judges what is left
        return None
    return [np.asarray(each) for each in session.run(None, feed(case, "inputs"))]


def in_f32(case):
    """f16 and bf16 computed in f32 by ONNX Runtime and rounded once: more exact than either's own kernels."""
    if case.op in ("Cast", "CastLike", "Constant"):
        return None
    small = {each.dtype for each in case.operands if each and each.dtype in ("f16", "bf16")}
    if len(small) != 1:
        return None
    wide = [
        dataclasses.replace(each, dtype="f32", array=each.array.astype(np.float32))
        if each and each.dtype in small
        else each
        for each in case.operands
    ]
    answers = by_onnxruntime(dataclasses.replace(case, operands=wide))
    narrow = NUMPY[small.pop()]
    return answers and [each.astype(narrow) if each.dtype == np.float32 else each for each in answers]


def oracle(case):
    answers = None if case.oracle == "reference" else in_f32(case) or by_onnxruntime(case)
    if answers is None:
        evaluator = onnx.reference.ReferenceEvaluator(model(case, "inputs"))
        with np.errstate(all="ignore"):
            answers = [np.asarray(each) for each in evaluator.run(None, feed(case, "inputs"))]
    return answers


# --- comparing


def difference(got, want, tol):
    """What is wrong, or nothing: DESIGN's measure is max|got - want| <= tol * max(1, max|want|)."""
    if got.dtype != want.dtype or got.shape != want.shape:
        return f"{got.dtype}{list(got.shape)}, expected {want.dtype}{list(want.shape)}"
    if tol is None:
        tol = TOLERANCE.get(got.dtype.type, 0)
    if not tol:
        return None if np.array_equal(got, want) else f"{got.ravel()[:8]}, expected {want.ravel()[:8]}"
    got, want = got.astype(np.float64), want.astype(np.float64)
    finite = np.isfinite(want)
    if not np.array_equal(got[~finite], want[~finite], equal_nan=True):
        return f"{got[~finite].ravel()[:8]}, expected {want[~finite].ravel()[:8]}"
    worst = np.abs(got[finite] - want[finite]).max(initial=0)
    allowed = tol * max(1, np.abs(want[finite]).max(initial=0))
    return None if worst <= allowed else f"{worst:.3g} from the expected, {allowed:.3g} is allowed"


def run(case, form, device, **options):
    engine = tenon.build(model(case, form).SerializeToString(), device=device, threads=1, tactics="first", **options)
    outputs = engine.run(feed(case, form))
    return [outputs[f"y{i}"] for i in range(case.outputs)]


def run_in_code(case, form, device, **options):
    """The same node by Network.add()."""
    network = tenon.Network()

    def operand(index, each):
        if each is None:
            return None
        if not is_initializer(case, index, form):
            return network.input(each.name, dims_of(index, each, form), each.dtype)
        make = network.weight if each.dtype in FLOATS else network.constant
        return make(each.name, each.array)

    attributes = dict(case.attributes) | {
        "value": each.array for each in case.operands if each and is_attribute(case, each)
    }
    given = [each for each in enumerate(case.operands) if not (each[1] and is_attribute(case, each[1]))]
    operands = [operand(*each) for each in given]
    results = network.add(
        case.op, *operands, version=case.opset, name="node", outputs=case.outputs, **attributes
    )
    for i, result in enumerate(results[: case.outputs]):
        network.output(f"y{i}", result)
    engine = tenon.build(network, device=device, threads=1, tactics="first", **options)
    outputs = engine.run(feed(case, form))
    return [outputs[f"y{i}"] for i in range(case.outputs)]


def refusal(case, device, run=run):
    try:
        run(case, "run" if case.run else "inputs", device)
    except tenon.Error as error:
        wrong = case.error not in str(error) or "\n" in str(error)
        return f"says {str(error)!r}, expected {case.error!r}" if wrong else None
    return f"is accepted, expected {case.error!r}"


def is_refused(case, device, message):
    """Whether the device says that it has no kernel for the case, as it should."""
    return device.startswith("cuda") and case.op in WITHOUT_CUDA and "no kernel of the cuda backend takes it" in message


def forms(case):
    shaped = case.operands and case.operands[0] and case.operands[0].shape and not case.operands[0].frozen
    loose = [each for each in case.operands[1:] if each and not each.frozen]
    symbolic = shaped and case.op != "Constant" and case.symbolic == "yes"
    return ["inputs"] + ["weights"] * bool(loose) + ["symbolic"] * bool(symbolic) + ["run"] * bool(case.run)


def check(case, device, want=None, only=None, **options):
    """The problems of one case, as sentences."""
    if case.error:
        problem = refusal(case, device)
        return [f"{case.where}: {case.line}: {problem}"] if problem else []
    want = want or oracle(case)
    problems = []
    for form in only or forms(case):
        try:
            got = run(case, form, device, **options)
            wrong = [difference(g, w, case.tol) for g, w in zip(got, want, strict=True)]
        except tenon.Error as error:
            wrong = [] if is_refused(case, device, str(error)) else [str(error)]
        problems += [f"{case.where} ({form}): {case.line}: {each}" for each in wrong if each]
    return problems


def main(device, files):
    """Checks files in a process of its own: what the environment says is read once."""
    problems = [problem for case in read(files) for problem in check(case, device)]
    print("\n".join(problems))
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
