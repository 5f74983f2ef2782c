"""Tenon's engine, as the package tenon shows it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
import concurrent.futures
import os
import threading
from typing import Any

import numpy
import numpy.typing
from typing_extensions import CapsuleType

import tenon._outputs
import tenon._types


version: str = '0.1.0'

class Value:
    """
    A value of one network.

        x = network.input("x", ["n", 3])
    """

class ValueInfo:
    """
    The type of a value: NumPy dtype and shape.

        shape = network.info(x).shape
    """

    @property
    def dtype(self) -> numpy.dtype[Any]: ...

    @property
    def shape(self) -> tuple[int | str, ...] | None:
        """
        Numbers, and expressions over named extents as strings; None: the rank is not known.
        """

class LeafInfo:
    """
    A weight or constant of a network.

        names = [leaf.name for leaf in network.leaves() if leaf.refittable]
    """

    @property
    def name(self) -> str: ...

    @property
    def dtype(self) -> numpy.dtype[Any]: ...

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def refittable(self) -> bool: ...

class Network:
    """
    A network built by hand; tenon.build() compiles it.

        network = tenon.Network()
        network.output("y", network.relu(network.input("x", ["n", 3])))
    """

    def __init__(self) -> None:
        """
        An empty network.

            network = tenon.Network()
        """

    def __repr__(self) -> str: ...

    def input(self, name: str, shape: Sequence[int | str], dtype: object = 'float32') -> Value:
        """
        An input; an extent that varies is a name.

            x = network.input("x", ["n", 3])
        """

    def weight(self, name: str, value: object, dtype: object = None) -> Value:
        """
        A refittable weight: an array, which is copied, or a shape with a dtype, for a weight without a value yet.

            w = network.weight("w", array)
        """

    def borrow(self, name: str, value: object) -> Value:
        """
        A refittable weight; build() reads the array.

            w = network.borrow("w", array)
        """

    def constant(self, name: str, value: object) -> Value:
        """
        A frozen tensor; the array is copied.

            c = network.constant("c", array)
        """

    def add(self, op: str, *inputs: Value | None, domain: str = '', version: int | None = None, name: str = '', outputs: int | Sequence[str] = 1, **attributes: object) -> tuple[Value, ...]:
        """
        A node of any ONNX operator that Tenon has, as ONNX defines it; all its outputs.

        None is an operand that is not there. Attributes are numbers, strings, lists of these, arrays, and networks: the body's inputs are those that the node gives it, then values that it reads of this network, by name. version: of the operators (the opset); None is the newest. outputs: how many are wanted, or their names.

            (y,) = network.add("Softmax", x, axis=-1)
        """

    def conv(self, x: Value, weight: Value, bias: Value | None = None, strides: Sequence[int] = [], pads: Sequence[int] = [], dilations: Sequence[int] = [], groups: int = 1) -> Value:
        """
        x [n, c, h…], weight [o, c / groups, k…], bias [o]; pads are begins, then ends.

            y = network.conv(x, w, pads=[1, 1, 1, 1])
        """

    def matmul(self, a: Value, b: Value, bias: Value | None = None, transpose_b: bool = False) -> Value:
        """
        a [.., m, k] x b [.., k, n] (or [.., n, k] with transpose_b), bias [n].

            y = network.matmul(x, w, bias)
        """

    def max_pool(self, x: Value, kernel: Sequence[int], strides: Sequence[int] = [], pads: Sequence[int] = [], ceil_mode: bool = False) -> Value:
        """
        The greatest of each window; pads are begins, then ends.

            y = network.max_pool(x, [2, 2], strides=[2, 2])
        """

    def relu(self, x: Value) -> Value:
        """
        The greater of x and 0.

            y = network.relu(x)
        """

    def reshape(self, x: Value, shape: Sequence[int]) -> Value:
        """
        One extent may be -1, and 0 copies the input's.

            y = network.reshape(x, [0, -1])
        """

    def output(self, name: str, value: Value) -> None:
        """
        Makes a value an output.

            network.output("y", y)
        """

    def info(self, value: Value) -> ValueInfo:
        """
        The type of a value.

            shape = network.info(x).shape
        """

    def leaves(self) -> list[LeafInfo]:
        """
        Weights and constants, sorted by name.

            names = [leaf.name for leaf in network.leaves()]
        """

    def outputs(self) -> dict[str, Value]:
        """
        The outputs so far, in order.

            last = list(network.outputs())[-1]
        """

    def __str__(self) -> str: ...

class Port:
    """
    An input or output: its name, NumPy dtype, and shape.

        name = engine.inputs[0].name
    """

    @property
    def name(self) -> str: ...

    @property
    def dtype(self) -> numpy.dtype[Any]: ...

    @property
    def shape(self) -> tuple[int | str, ...]:
        """Numbers, and expressions over named extents as strings."""

    @property
    def kind(self) -> str:
        """
        tensor, sequence, optional, optional sequence or maps; dtype and shape are then those of the tensors in it.
        """

    def __repr__(self) -> str: ...

class Layer:
    """
    One step of a run, and the kernel chosen for it.

        kernels = [layer.kernel for layer in engine.layers]
    """

    @property
    def op(self) -> str: ...

    @property
    def name(self) -> str:
        """The model's name of the node, or of its output."""

    @property
    def kernel(self) -> str: ...

    @property
    def tactic(self) -> str: ...

    @property
    def device(self) -> str:
        """Where it runs; cpu is the host, also beside a device."""

    @property
    def output(self) -> str:
        """Type of the first output."""

    @property
    def body(self) -> list[Layer]:
        """
        Of an If or a Loop, which have no kernel: the steps of its branches, or of a turn.
        """

    def __repr__(self) -> str: ...

def digest(array: Any) -> str:
    """
    xxh3:… of an array's bytes, as Weight.digest gives it of a weight.

        changed = tenon.digest(array) != engine.weights["fc.weight"].digest
    """

class Weight:
    """
    A refittable weight of an engine; reads the engine's current value.

        array = numpy.asarray(engine.weights["fc.weight"])
    """

    @property
    def name(self) -> str: ...

    @property
    def dtype(self) -> numpy.dtype[Any]: ...

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def guarded(self) -> bool:
        """The build used its value: a refit must bring the same bits."""

    @property
    def slots(self) -> list[str]:
        """The engine's tables that are made from it."""

    @property
    def kernels(self) -> list[str]:
        """The kernels that read those."""

    @property
    def aliases(self) -> list[str]:
        """Its further names; see build()."""

    @property
    def digest(self) -> str:
        """xxh3:… of the current value's bytes."""

    def numpy(self) -> numpy.typing.NDArray[Any]:
        """
        A copy of the current value.

            array = engine.weights["fc.weight"].numpy()
        """

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> tenon._types.Array: ...

    def __dlpack__(self, **options: Any) -> CapsuleType: ...

    def __dlpack_device__(self) -> tuple[int, int]: ...

    def torch(self) -> tenon._types.TorchTensor:
        """
        The same as a torch tensor.

            tensor = engine.weights["fc.weight"].torch()
        """

    def __repr__(self) -> str: ...

class RefitReport:
    """
    What a refit did.

        changed = engine.refit({"fc.weight": array}).changed
    """

    @property
    def changed(self) -> list[str]:
        """Weights that were given."""

    @property
    def ignored(self) -> list[str]:
        """Given, and not used."""

    @property
    def reasons(self) -> dict[str, str]:
        """Why the ignored are not used, by name."""

    @property
    def kept(self) -> list[str]:
        """Refittable weights that were not given."""

    @property
    def overflowed(self) -> dict[str, int]:
        """By weight: finite values that became infinite in its dtype."""

    @property
    def seconds(self) -> float: ...

    @property
    def bytes(self) -> int:
        """Bytes of the engine's tables that were written."""

    @property
    def version(self) -> int:
        """Of the weights now current."""

    def __repr__(self) -> str: ...

class WeightSet:
    """
    One complete, immutable set of weights of one engine.

        old = engine.current
    """

    @property
    def version(self) -> int: ...

    def __repr__(self) -> str: ...

class Tensor:
    """
    An output in the memory of a device; DLPack takes it on.

        y = torch.from_dlpack(engine.run({"x": x}, device_outputs=True)["y"])
    """

    @property
    def device(self) -> str: ...

    @property
    def dtype(self) -> numpy.dtype[Any]: ...

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __dlpack__(self, **kwargs: Any) -> CapsuleType: ...

    def __dlpack_device__(self) -> tuple[int, int]: ...

    def __repr__(self) -> str: ...

class Engine:
    """
    A compiled network with its weights. Use it from any thread.

        y = engine(x)
    """

    def __call__(self, *arrays: object, **named: object) -> numpy.typing.NDArray[Any]:
        """
        Runs on arrays (NumPy, torch, anything with DLPack or the buffer protocol), by position or by name, and returns an array; a tuple of them where there are several outputs, which type checkers may unpack like an array.

            y = engine(x)
        """

    def run(self, inputs: Mapping[str, Any], out: Mapping[str, Any] | None = None, weights: WeightSet | None = None, device_outputs: bool = False, stop: threading.Event | None = None) -> tenon._outputs.Outputs:
        """
        Runs on a mapping of arrays; returns a dict of outputs with an attribute `version`. A sequence is a list of arrays, an optional an array or None. With `out`, a mapping of writable arrays, only those are written and returned. With `weights`, runs with that set. Arrays may lie on the engine's device; with `device_outputs`, fresh outputs do, as Tensor. Ctrl-C ends it, and `stop` once it is set: between steps and turns of a loop, with an Error whose code is "cancelled".

            y = engine.run({"x": x})["y"]
        """

    def submit(self, inputs: Mapping[str, Any], out: Mapping[str, Any] | None = None, weights: WeightSet | None = None, device_outputs: bool = False, stop: threading.Event | None = None) -> concurrent.futures.Future[tenon._outputs.Outputs]:
        """
        As run(), on a thread of the engine, in the order of the calls: returns a future (`asyncio.wrap_future` takes it) of the outputs or the error. The arrays stay untouched until it is done.

            future = engine.submit({"x": x})
        """

    @property
    def inputs(self) -> list[Port]: ...

    @property
    def outputs(self) -> list[Port]: ...

    @property
    def device(self) -> str: ...

    @property
    def weights(self) -> dict[str, Weight]:
        """The refittable weights by name."""

    @property
    def constants(self) -> dict[str, str]:
        """The frozen tensors by name, and why they are."""

    @property
    def ready(self) -> bool:
        """All weights are there."""

    @property
    def version(self) -> int:
        """Version of the current weights; 0 when not ready."""

    @property
    def current(self) -> WeightSet:
        """The current set of weights."""

    def publish(self, set: WeightSet) -> None:
        """
        Makes a set of this engine the current one; runs under way finish with theirs.

            engine.publish(old)
        """

    def refit(self, weights: str | os.PathLike[str] | Mapping[str, Any], strict: bool = False, *, complete: bool = False, prefix: str = '', rename: Mapping[str, str | dict[str, Any]] | Callable[[str], str] | str | os.PathLike[str] | None = None, only: str | Iterable[str] = (), ignore: str | Iterable[str] = (), base: WeightSet | None = None, progress: bool | Callable[[str, float], object] | None = None, stop: threading.Event | None = None) -> RefitReport:
        """
        Replaces weights by those of a file (safetensors, ONNX, npz, a folder of shards) or a mapping of arrays. All or nothing: RefitError holds every problem, and nothing has changed.

        strict refuses names that the engine does not need, complete wants every weight. The given names lose `prefix`, then `rename` (a mapping, a callable, or the path of a JSON object) makes the engine's of them (`{"name": …, "permute": [1, 0]}` in a mapping gives axes their order too), which the globs of `only` and `ignore` match. base: the set that the given weights change, in place of the current one. progress, stop: as of build().

            report = engine.refit("finetuned.safetensors")
        """

    def reset(self) -> RefitReport:
        """
        Goes back to the weights that the engine was built or loaded with.

            engine.reset()
        """

    def save(self, path: str | os.PathLike[str] | Any, strip: bool = False, identical: bool = False, *, merge: bool = False, notes: Mapping[str, str] | None = None, progress: bool | Callable[[str, float], object] | None = None, stop: threading.Event | None = None) -> None:
        """
        Writes a plan, which is a safetensors file, to a path or an open binary file. `strip` leaves the refittable weights out; a plan saved as `identical` takes only these weights. merge: weights with low-rank terms as the sums, not as their bases. `notes` are kept for the caller; None keeps those that are there.

            engine.save("model.plan")
        """

    def to_bytes(self, strip: bool = False, identical: bool = False, *, merge: bool = False, notes: Mapping[str, str] | None = None, progress: bool | Callable[[str, float], object] | None = None, stop: threading.Event | None = None) -> bytes:
        """
        The plan that save() would write.

            again = tenon.load(engine.to_bytes())
        """

    def close(self) -> None:
        """
        Ends the engine and frees its memory, when what was submitted is done. Weights, sets and refitters that are held keep it. `with` calls it.

            engine.close()
        """

    def __enter__(self) -> Engine: ...

    def __exit__(self, *raised: object) -> None: ...

    def __reduce__(self) -> tuple[object, ...]: ...

    def output_shapes(self, inputs: Mapping[str, Sequence[int]]) -> dict[str, list[int] | None]:
        """
        Extents of the outputs for inputs of these, without a run; -1 where only a run tells, and None where not even the rank is known.

            shapes = engine.output_shapes({"x": (1, 3, 224, 224)})
        """

    @property
    def notes(self) -> dict[str, str]:
        """
        What the plan that it was loaded from keeps for its caller; see save().
        """

    @property
    def layers(self) -> list[Layer]:
        """The steps of a run, in order."""

    @property
    def views(self) -> list[Layer]:
        """
        Nodes that are no steps, since their results lie in the memory of other values.
        """

    def profile(self, inputs: Mapping[str, Any], runs: int = 10) -> list[float]:
        """
        Median seconds of each of `layers`, over so many runs on a mapping of arrays.

            seconds = engine.profile({"x": x})
        """

    def __repr__(self) -> str: ...

    def explain(self) -> str:
        """
        The kernels of every node, their timings and refusals, as text.

            print(engine.explain())
        """

    def refitter(self, strict: bool = False, *, complete: bool = False, prefix: str = '', rename: Mapping[str, str | dict[str, Any]] | Callable[[str], str] | str | os.PathLike[str] | None = None, only: str | Iterable[str] = (), ignore: str | Iterable[str] = (), base: WeightSet | None = None) -> Refitter:
        """
        A refitter for several weights, commit by commit; its keywords are those of refit().

            refitter = engine.refitter(prefix="module.")
        """

class Refitter:
    """
    Replaces named weights of an engine. Not thread-safe itself; runs go on.

        refitter = engine.refitter()
        refitter.set("fc.weight", array)
        refitter.commit()
    """

    def set(self, name: str, weight: object) -> None:
        """
        Copies the array; forgotten by a successful commit().

            refitter.set("fc.weight", array)
        """

    def borrow(self, name: str, weight: object) -> None:
        """
        Keeps the object, and reads it anew at every commit() until unset(), wherever its memory then is.

            refitter.borrow("fc.weight", parameter)
        """

    def __repr__(self) -> str: ...

    def unset(self, name: str) -> None:
        """
        Forgets what was set, borrowed or loaded under a name.

            refitter.unset("fc.weight")
        """

    def add_low_rank(self, name: str, a: object, b: object, scale: float = 1.0, adapter: str = '') -> None:
        """
        From the next commit on the engine answers with the weight plus scale * b @ a, for a [rank, k] and b [n, rank] beside n rows of k elements each. The weight itself is kept: refits change it, and it is what is read and saved. Adapters' terms are summed by name; a scale of 0 takes one away. Copies.

            refitter.add_low_rank("fc.weight", a, b, scale=0.5)
        """

    def clear_low_rank(self) -> None:
        """
        Takes all such terms away; those added afterwards stay.

            refitter.clear_low_rank()
        """

    def load(self, path: str | os.PathLike[str]) -> None:
        """
        Takes the weights of a file: safetensors, ONNX, npz, or a folder of shards.

            refitter.load("base.safetensors")
        """

    def missing(self) -> list[str]:
        """
        Names that must still come before commit().

            names = refitter.missing()
        """

    def prepare(self, *, progress: bool | Callable[[str, float], object] | None = None, stop: threading.Event | None = None) -> WeightSet:
        """
        Makes a complete set without publishing it; see Engine.publish.

            engine.publish(refitter.prepare())
        """

    def commit(self, *, progress: bool | Callable[[str, float], object] | None = None, stop: threading.Event | None = None) -> RefitReport:
        """
        Publishes what is set, all or nothing.

            report = refitter.commit()
        """

def build(model: str | os.PathLike[str] | bytes | Any | Network, *, device: str = 'cpu', refit: str | Iterable[str] = 'all', shapes: dict[str, Sequence[int | str | tuple[int, int, int]]] | None = None, folder: str | os.PathLike[str] | None = None, weights: Mapping[str, Any] | None = {}, aliases: Mapping[str, str] | None = None, threads: int | None = None, tactics: str = 'time', precision: str = 'model', without: str | Iterable[str] = (), memory: str = 'double', sets: int = 2, sources: str = 'keep', progress: bool | Callable[[str, float], object] | None = None, stop: threading.Event | None = None) -> Engine:
    """
    Compiles a model: the path of an ONNX file, an open binary file, bytes (any buffer), an onnx.ModelProto, or a tenon.Network.

    refit: "all", "none", or names and globs of leaves. shapes: by input, for each axis a number, a name or (least, typical, greatest). folder: of external data, where it is not the model's own. weights: arrays in place of the model's initializers, by name, which are read and not kept; None: the model's weights are not looked for, and the engine waits for a refit. aliases: further names of weights, each to the weight's own. tactics: "time" kernels here, or take the "first" that accepts (reproducible plans). precision: on a GPU "tf32", "fp16" or "bf16" compute in less than f32; inputs, outputs and weights keep their types. without: names of passes to leave out. memory: "double" refits beside runs, "in_place" over the weights. sources: "keep" remembers where weights' bytes are, "file" moves those of arrays to a nameless file in the cache's folder, "drop" forgets. progress: called with the stage and the fraction done, or True for a bar of tqdm; stop: once it is set, the work ends with an Error whose code is "cancelled".

        engine = tenon.build("model.onnx", shapes={"x": ("n", 3, 224, 224)})
    """

def load(path: str | os.PathLike[str] | Any, device: str | None = None, threads: int | None = None, tactics: str | None = None, memory: str = 'double', sets: int = 2, sources: str = 'keep', *, progress: bool | Callable[[str, float], object] | None = None, stop: threading.Event | None = None) -> Engine:
    """
    Loads a plan: a path, an open binary file, or bytes (any buffer). A stripped one is not ready until it is refitted.

    tactics: None takes the kernels that the plan records; "time" and "first" choose as build() does. progress, stop: as of build().

        with tenon.load("model.plan") as engine:
            y = engine(x)
    """

def pass_names() -> list[str]:
    """
    Names of the optimisation passes, in order: what `without` may hold.

        engine = tenon.build("model.onnx", without=tenon.pass_names())
    """

class ThreadLimit:
    """
    While it is entered, what this thread asks of a CPU (builds, loads, refits, runs) takes at most so many threads, this one among them. Results do not depend on it.

        with tenon.ThreadLimit(1):
            engine.refit("new.safetensors")
    """

    def __init__(self, threads: int) -> None: ...

    def __enter__(self) -> ThreadLimit: ...

    def __exit__(self, *args: object) -> None: ...

def run_command(arguments: Sequence[str]) -> int:
    """
    Runs the command line tool, once in a process; the program's name comes first. Returns its exit status.
    """
