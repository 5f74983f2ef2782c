"""Modules with parts in torch as one run of bytes: plans, tensors, and the graphs that join them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.utils._pytree as pytree
from torch import fx

from tenon import InputError, PlanError
from tenon.torch import _graphs, _op
from tenon.torch._module import CompiledModule, Program, codegen_of
from tenon.torch._part import EngineModule, State, TorchModule
from tenon.torch._partition import InTorch, holder

MAGIC = b"TENONMOD"
_ALIGNED = 64  # as plans and tensors lie in files


def pack(module: CompiledModule, state: State, description: dict[str, Any]) -> bytearray:
    """The module with a state. InputError for what has no such form."""
    program = module._program
    blobs: list[bytes] = [part.plan(weights) for part, weights in zip(program.parts, state.sets)]
    tensors = {}
    for name, tensor in state.tensors.items():
        plain = torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor
        tensors[name] = [str(plain.dtype).removeprefix("torch."), list(plain.shape), tensor.is_complex()]
        blobs.append(plain.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    text = {
        **description,
        "specs": [part.spec for part in program.parts],
        "stored": tensors,
        "graph": _graphs.encode(module.graph),
        "children": {name: _child(child) for name, child in module.named_children()},
        "calculator": None if program.calculator is None else _torch_part(program.calculator),
        "calculated": list(program.calculated),
        "torch_weights": sorted(program.torch_weights),
        "torch_reads": sorted(program.torch_reads),
        "report": [[each.op, each.module, each.reason, each.at_refit] for each in program.report],
        "sizes": [len(blob) for blob in blobs],
    }
    head = json.dumps(text).encode()
    packed = bytearray(MAGIC + len(head).to_bytes(8, "little") + head)
    for blob in blobs:
        packed += bytes(-len(packed) % _ALIGNED) + blob
    return packed


def _child(child: Any) -> dict[str, Any]:
    if isinstance(child, EngineModule):
        return {"engine": child.part.index}
    return {"torch": _torch_part(child.graph_module), "names": list(child.names)}


def _torch_part(module: fx.GraphModule) -> dict[str, Any]:
    if any(isinstance(each, fx.GraphModule) for each in module.children()):
        raise InputError("save: control flow runs in torch, which is not saved", "unsupported")
    reads = [name for name, _ in module.named_buffers()]
    for name in reads:
        if not _graphs.is_plain(name):
            raise InputError(f'save: "{name}" is read by torch, and is no plain name', "unsupported")
    return {"nodes": _graphs.encode(module.graph), "reads": reads}


def is_bundle(plan: torch.Tensor) -> bool:
    """Whether bytes are of pack()."""
    return plan.numel() > 16 and plan[:8].numpy().tobytes() == MAGIC


def described(plan: torch.Tensor) -> dict[str, Any]:
    """The description that pack() was given, and what it added."""
    length = int.from_bytes(plan[8:16].numpy().tobytes(), "little")
    if length > plan.numel() - 16:
        raise PlanError("the archive's module is cut off", "plan")
    found = json.loads(plan[16 : 16 + length].numpy().tobytes())
    if not isinstance(found, dict):
        raise PlanError("the archive's description of its module is damaged", "plan")
    return found


def unpack(plan: torch.Tensor, text: dict[str, Any], fields: dict[str, Any]) -> CompiledModule:
    """The module on the bytes where they lie; `fields` are its Program's that every archive has."""
    blobs = _blobs(plan, text["sizes"])
    specs = [str(spec) for spec in text["specs"]]
    parts = tuple(_op.load(blob, index, spec).part for index, (blob, spec) in enumerate(zip(blobs, specs)))
    tensors = {
        name: _tensor(blob, *kind) for (name, kind), blob in zip(text["stored"].items(), blobs[len(parts) :])
    }
    program = Program(
        **fields,
        parts=parts,
        torch_weights=frozenset(text["torch_weights"]),
        report=[InTorch(*each) for each in text["report"]],
        calculator=None if text["calculator"] is None else _module(text["calculator"], tensors),
        calculated=tuple(text["calculated"]),
        torch_reads=frozenset(text["torch_reads"]),
    )
    children: dict[str, torch.nn.Module] = {}
    for name, each in text["children"].items():
        _graphs.plain_name(name)
        if "engine" in each:
            children[name] = EngineModule(parts[each["engine"]])
        else:
            children[name] = TorchModule(_module(each["torch"], tensors), each["names"])
    graph = _graphs.decode(text["graph"], children)
    graph.set_codegen(codegen_of(program.signature))
    state = State(1, tuple(part.engine.current for part in parts), tensors)
    return CompiledModule(children, graph, program, state)


def _blobs(plan: torch.Tensor, sizes: Sequence[int]) -> list[torch.Tensor]:
    at = 16 + int.from_bytes(plan[8:16].numpy().tobytes(), "little")
    found = []
    for size in sizes:
        at += -at % _ALIGNED
        if not 0 <= size <= plan.numel() - at:
            raise PlanError("the archive's module is cut off", "plan")
        found.append(plan[at : at + size])
        at += size
    return found


def _tensor(blob: torch.Tensor, dtype: str, shape: list[int], complex_pairs: bool) -> torch.Tensor:
    kind = getattr(torch, dtype)
    values = blob.clone().view(kind).reshape(shape)
    return torch.view_as_complex(values) if complex_pairs else values


def _module(part: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> fx.GraphModule:
    reads = {_graphs.plain_name(name): tensors[name] for name in part["reads"]}
    return fx.GraphModule(holder(reads), _graphs.decode(part["nodes"], (), reads))


class Whole:
    """A module as tenon::run takes it: tensors in, tensors out."""

    def __init__(self, module: CompiledModule) -> None:
        self.module = module

    def run(self, inputs: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        signature = self.module._program.signature
        given = iter(inputs)
        leaves = [next(given) if leaf.is_tensor else leaf.constant for leaf in signature.inputs]
        args, kwargs = pytree.tree_unflatten(leaves, signature.in_spec)
        found = pytree.tree_leaves(self.module(*args, **kwargs))
        return [each for each in found if isinstance(each, torch.Tensor)]
