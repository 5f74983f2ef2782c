"""save() and load(): compiled modules as torch.export archives, their plans as buffers."""

from __future__ import annotations

import errno
import json
import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.utils._pytree as pytree
from torch.export import ExportedProgram

from tenon import InputError, PlanError
from tenon.torch import _op
from tenon.torch._module import CompiledModule, Program, whole
from tenon.torch._part import State
from tenon.torch._program import quiet
from tenon.torch._vet import vet
from tenon.torch._signature import Leaf, Signature

FORMAT = 1

_INFO, _PLAN, _TENSOR = "tenon_info", "tenon_plan_{}", "tenon_tensor_{}"


class _Portable(torch.nn.Module):
    """A compiled module as torch.export takes it: the plan and all other tensors are buffers."""

    def __init__(self, module: CompiledModule, state: State, strip: bool) -> None:
        super().__init__()
        program = module._program
        self.signature, (self.part,) = program.signature, program.parts
        plan = bytearray(self.part.plan(state.sets[0], strip))
        self.register_buffer(_PLAN.format(0), torch.frombuffer(plan, dtype=torch.uint8))
        for index, tensor in enumerate(state.tensors.values()):
            self.register_buffer(_TENSOR.format(index), tensor)
        text = bytearray(json.dumps(info_of(program, state)).encode())
        self.register_buffer(_INFO, torch.frombuffer(text, dtype=torch.uint8))

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        leaves = pytree.tree_leaves((args, kwargs))
        tensors = [each for each, leaf in zip(leaves, self.signature.inputs) if leaf.is_tensor]
        plan = getattr(self, _PLAN.format(0))
        return self.signature.unflatten(torch.ops.tenon.run(tensors, plan, self.part.spec))


def save(
    module: CompiledModule | ExportedProgram,
    file_path: str | os.PathLike[str],
    *,
    inputs: Sequence[Any] | None = None,
    arg_inputs: Sequence[Any] | None = None,
    kwarg_inputs: Mapping[str, Any] | None = None,
    dynamic_shapes: Any = None,
    extra_files: Mapping[str, str] | None = None,
    strip: bool = False,
    adapters: str = "drop",
) -> None:
    """Writes a compiled module with its current weights, as an archive that torch.export.load reads.

    Inputs and dynamic_shapes are not needed; they trace the program with other examples. strip:
    without the refittable weights; what is loaded refuses to run until it is refitted. adapters: "drop"
    keeps the base alone, "merge" writes the weights under the active ones.

        tenon.torch.save(compiled, "model.ep")"""
    if inputs is not None and arg_inputs is not None:
        raise InputError("save: inputs and arg_inputs are one; give either", "invalid_input")
    compiled = compiled_of(module) if isinstance(module, ExportedProgram) else module
    if not isinstance(compiled, CompiledModule):
        raise InputError("save takes what tenon.torch.compile() or load() returns", "invalid_input")
    if compiled._whole is None:
        raise InputError(
            "save: parts of the module run in torch; only wholly compiled modules are saved", "unsupported"
        )
    if adapters not in ("drop", "merge"):
        raise InputError(f'adapters is {adapters!r}; give "drop" or "merge"', "invalid_input")
    state = compiled.state if adapters == "merge" else compiled.state.plain or compiled.state
    args, kwargs, shapes = _examples(compiled._program.signature)
    given = arg_inputs if inputs is None else inputs
    if given is not None or kwarg_inputs is not None:
        args, kwargs = tuple(given or ()), dict(kwarg_inputs or {})
    shapes = dynamic_shapes if dynamic_shapes is not None else shapes
    with quiet(), torch.no_grad():
        program = torch.export.export(
            _Portable(compiled, state, strip), args, kwargs, dynamic_shapes=shapes, strict=False
        )
    _write(program, Path(file_path), dict(extra_files or {}))


def _write(program: ExportedProgram, path: Path, extra_files: dict[str, str]) -> None:
    """Whole or not at all: beside the file, then renamed."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.pt2")
    try:
        torch.export.save(program, partial, extra_files=extra_files)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def load(file_path: str | os.PathLike[str], extra_files: dict[str, Any] | None = None) -> ExportedProgram:
    """The program of an archive, its engines on the archive's own bytes. PlanError for other files, and
    for archives that reading would let run code.

    program = tenon.torch.load("model.ep"); y = program.module()(x)"""
    path = Path(file_path)
    if not path.exists():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    vet(path)
    try:
        with warnings.catch_warnings(), quiet():
            warnings.simplefilter("ignore")
            program = torch.export.load(str(path), extra_files=extra_files)
    except (MemoryError, KeyboardInterrupt):
        raise
    except Exception as error:  # noqa: BLE001  (what torch raises for damaged archives has no common class)
        cause = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise PlanError(f'"{path}": cannot be read by torch.export.load: {cause}', "plan") from error
    compiled_of(program)
    return program


# What torch.export does not know. ----------------------------------------------------------------


def info_of(program: Program, state: State) -> dict[str, Any]:
    """A module but for its engine and tensors, as JSON takes it."""
    signature = program.signature
    return {
        "format": FORMAT,
        "inputs": [_leaf(leaf) for leaf in signature.inputs],
        "outputs": [_leaf(leaf) for leaf in signature.outputs],
        "in_spec": pytree.treespec_dumps(signature.in_spec),
        "out_spec": pytree.treespec_dumps(signature.out_spec),
        "tensors": list(state.tensors),
        "names": list(program.fqns),
        "aliases": dict(program.aliases),
        "constants": sorted(program.constants),
        "frozen": sorted(program.frozen),
        "unused": sorted(program.unused),
        "complexes": sorted(program.complexes),
        "exported": list(program.exported),
        "version": state.version,
    }


def _leaf(leaf: Leaf) -> dict[str, Any]:
    if not leaf.is_tensor:
        if leaf.constant is not None and not isinstance(leaf.constant, (bool, int, float, str)):
            raise InputError(
                f'save: the constant "{leaf.path}" is a {type(leaf.constant).__name__}', "unsupported"
            )
        return {"path": leaf.path, "constant": leaf.constant}
    dtype = str(leaf.dtype).removeprefix("torch.")
    return {
        "path": leaf.path,
        "dtype": dtype,
        "shape": list(leaf.shape),
        "bounds": [list(b) for b in leaf.bounds],
    }


def _as_leaf(entry: Mapping[str, Any]) -> Leaf:
    if "dtype" not in entry:
        return Leaf(entry["path"], False, entry["constant"])
    bounds = tuple((int(a), str(n), int(low), int(high)) for a, n, low, high in entry["bounds"])
    dtype = getattr(torch, entry["dtype"])
    return Leaf(entry["path"], True, None, dtype, tuple(entry["shape"]), bounds)


def compiled_of(program: ExportedProgram) -> CompiledModule | None:
    """The compiled module inside a program, or None; always the same one."""
    tensors = program.state_dict
    if _INFO not in tensors:
        return None
    plan = tensors[_PLAN.format(0)]
    if (known := _op.owner_of(plan)) is not None:
        return known  # type: ignore[no-any-return]
    try:
        info = json.loads(tensors[_INFO].numpy().tobytes())
        if info["format"] != FORMAT:
            raise PlanError(
                f"the archive has format {info['format']}, this version reads {FORMAT}; save it again", "plan"
            )
        made = _module_of(info, tensors, _spec_of(program), plan)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, PlanError):
            raise
        raise PlanError(f"the archive's description of its engine is damaged: {error}", "plan") from error
    _op.adopt(plan, next(made.children()), made)  # type: ignore[arg-type]
    return made


def _spec_of(program: ExportedProgram) -> str:
    calls = [node for node in program.graph.nodes if node.target is torch.ops.tenon.run.default]
    if len(calls) != 1:
        raise PlanError(f"the archive has {len(calls)} engines where one is described", "plan")
    return str(calls[0].args[2])


def _module_of(
    info: dict[str, Any], tensors: Mapping[str, Any], spec: str, plan: torch.Tensor
) -> CompiledModule:
    signature = Signature(
        [_as_leaf(each) for each in info["inputs"]],
        pytree.treespec_loads(info["in_spec"]),
        [_as_leaf(each) for each in info["outputs"]],
        pytree.treespec_loads(info["out_spec"]),
    )
    part = _op.load(plan, 0, spec).part
    program = Program(
        signature=signature,
        parts=(part,),
        fqns=tuple(info["names"]),
        aliases=info["aliases"],
        constants=frozenset(info["constants"]),
        frozen=frozenset(info["frozen"]),
        unused=frozenset(info["unused"]),
        complexes=frozenset(info["complexes"]),
        exported=tuple(info["exported"]),
    )
    kept = {name: tensors[_TENSOR.format(index)] for index, name in enumerate(info["tensors"])}
    current = part.engine.current if part.engine.ready else None
    return CompiledModule(*whole(signature, part), program, State(1, (current,), kept))


# Examples. ---------------------------------------------------------------------------------------


def _examples(signature: Signature) -> tuple[tuple[Any, ...], dict[str, Any], Any]:
    """Inputs that the signature allows, with the dynamic shapes that it has."""
    dims: dict[str, Any] = {}
    sizes: dict[str, int] = {}
    values, shapes = [], []
    for leaf in signature.inputs:
        if not leaf.is_tensor:
            values.append(leaf.constant)
            shapes.append(None)
            continue
        axes = {}
        for axis, name, least, greatest in leaf.bounds:
            if not name.isidentifier():
                raise InputError(
                    f'save: an extent of "{leaf.path}" is {name}; give inputs and dynamic_shapes',
                    "invalid_input",
                )
            if name not in dims:
                dims[name] = torch.export.Dim(name, min=least, max=greatest if greatest < 2**62 else None)
                sizes[name] = min(max(least, 2 + 3 * len(sizes) + 1), greatest)
            axes[axis] = dims[name]
        extents = [each if isinstance(each, int) else sizes[each] for each in leaf.shape]
        values.append(torch.zeros(extents, dtype=leaf.dtype))
        shapes.append(axes or None)
    args, kwargs = pytree.tree_unflatten(values, signature.in_spec)
    arg_shapes, kwarg_shapes = pytree.tree_unflatten(shapes, signature.in_spec)
    dynamic = {**({"args": tuple(arg_shapes)} if args else {}), **kwarg_shapes} if dims else None
    return tuple(args), dict(kwargs), dynamic
