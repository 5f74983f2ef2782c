"""ONNX's interface to runtimes, so that `onnx.backend.test` and what is written for it run on Tenon.

    backend = tenon.backend.Backend
    outputs = backend.prepare(onnx.load("model.onnx"), "CPU").run([x])

`python -m tenon.backend --report FILE` runs ONNX's published cases and writes which of them pass;
`--check FILE` says whether the file is still true. Needs the package onnx.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, TypeProto, helper, numpy_helper
from onnx.backend.base import Backend as OnnxBackend
from onnx.backend.base import BackendRep

import tenon

__all__ = ["Backend", "Prepared", "prepare", "run_model", "run_node", "supports_device"]


def _device(name: str) -> str:
    """Tenon's name of an ONNX device: "CPU" -> "cpu", "CUDA:1" -> "cuda:1"."""
    return name.lower().removesuffix(":0")


def _type_of(value: Any) -> TypeProto:
    """The type of an input as a model declares it; extents are left open."""
    if isinstance(value, list):
        return helper.make_sequence_type_proto(_type_of(value[0]))
    array = np.asarray(value)
    return helper.make_tensor_type_proto(helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)


def _array(value: Any) -> Any:
    """Tensors of ONNX's own, as some of its cases give them, as arrays."""
    if isinstance(value, list):
        return [_array(each) for each in value]
    return numpy_helper.to_array(value) if isinstance(value, TensorProto) else value


class Prepared(BackendRep):  # type: ignore[misc]  # onnx has no types here
    """An engine that takes its inputs in the model's order. Run it from any thread."""

    def __init__(self, engine: tenon.Engine, outputs: Sequence[str]) -> None:
        self.engine = engine
        self.outputs = tuple(outputs)

    def run(self, inputs: Any, **options: Any) -> tuple[Any, ...]:
        """Outputs in the model's order. `inputs`: a sequence of arrays, one array, or a mapping by
        name; `options` are those of Engine.run."""
        if not isinstance(inputs, dict):
            values = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
            names = [port.name for port in self.engine.inputs]
            if len(values) > len(names):
                raise tenon.InputError(f"{len(values)} inputs given, the model has {len(names)}")
            inputs = dict(zip(names, values))
        inputs = {name: _array(value) for name, value in inputs.items()}
        results = self.engine.run(inputs, **options)
        return tuple(results[name] for name in self.outputs)


class Backend(OnnxBackend):  # type: ignore[misc]  # onnx has no types here
    """Tenon as ONNX's tools see it. Errors are Tenon's own; one that is a NotImplementedError says
    what is not supported."""

    @classmethod
    def is_compatible(cls, model: onnx.ModelProto, device: str = "CPU", **options: Any) -> bool:
        """Whether prepare() would take the model."""
        try:
            cls.prepare(model, device, **options)
        except tenon.Error:
            return False
        return True

    @classmethod
    def prepare(cls, model: onnx.ModelProto, device: str = "CPU", **options: Any) -> Prepared:
        """Builds the model; `options` are those of tenon.build, but that nothing is timed unless
        `tactics="time"` is among them."""
        options.setdefault("tactics", "first")
        engine = tenon.build(model, device=_device(device), **options)
        return Prepared(engine, [output.name for output in model.graph.output])

    @classmethod
    def run_model(
        cls, model: onnx.ModelProto, inputs: Any, device: str = "CPU", **options: Any
    ) -> tuple[Any, ...]:
        """prepare() and run()."""
        return cls.prepare(model, device, **options).run(inputs)

    @classmethod
    def run_node(
        cls,
        node: onnx.NodeProto,
        inputs: Any,
        device: str = "CPU",
        outputs_info: Sequence[Any] | None = None,
        **options: Any,
    ) -> tuple[Any, ...]:
        """Runs one node; `opset_version` is the newest unless given. Absent inputs have no value in
        `inputs`. `outputs_info` is not needed."""
        version = options.pop("opset_version", onnx.defs.onnx_opset_version())
        domains = {"": version}
        if node.domain not in ("", "ai.onnx"):
            known = helper.OP_SET_ID_VERSION_MAP
            domains[node.domain] = max((v for (d, v) in known if d == node.domain), default=1)
        names = list(dict.fromkeys(name for name in node.input if name))
        values = inputs if isinstance(inputs, dict) else dict(zip(names, inputs))
        graph = helper.make_graph(
            [node],
            "node",
            [helper.make_value_info(name, _type_of(values[name])) for name in names],
            [onnx.ValueInfoProto(name=name) for name in node.output if name],
        )
        opsets = [helper.make_opsetid(domain, number) for domain, number in domains.items()]
        model = helper.make_model(graph, opset_imports=opsets)
        return cls.prepare(model, device, **options).run(values)

    @classmethod
    def supports_device(cls, device: str) -> bool:
        """Whether engines can be built for the device here: "CPU", "CUDA", "CUDA:1"."""
        network = tenon.Network()
        network.output("y", network.input("x", (1,)))
        try:
            tenon.build(network, device=_device(device), tactics="first")
        except tenon.Error:
            return False
        return True


prepare = Backend.prepare
run_model = Backend.run_model
run_node = Backend.run_node
supports_device = Backend.supports_device

if __name__ == "__main__":
    from tenon import _coverage

    raise SystemExit(_coverage.main())
