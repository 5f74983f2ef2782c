"""save() and load(): compiled modules as torch.export archives, their plans as buffers."""

from __future__ import annotations

import contextlib
import errno
import inspect
import json
import os
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.utils._pytree as pytree
from torch.export import ExportedProgram

from tenon import InputError, PlanError
from tenon.torch import _bundle, _op
from tenon.torch._module import CompiledModule, Program, whole
from tenon.torch._part import State
from tenon.torch._program import quiet
from tenon.torch._vet import vet
from tenon.torch._signature import Leaf, Signature
from tenon.torch._spec import spec_of

FORMAT = 1

_INFO, _PLAN, _TENSOR = "tenon_info", "tenon_plan_{}", "tenon_tensor_{}"


class _Bundled(torch.nn.Module):
    """A module with parts in torch as torch.export takes it: one buffer holds all."""

    def __init__(self, module: CompiledModule, state: State) -> None:
        super().__init__()
        program = module._program
        self.signature, self.spec = program.signature, spec_of(program.signature)
        description = info_of(program, State(state.version, (), {}))
        packed = _bundle.pack(module, state, description)
        self.register_buffer(_PLAN.format(0), torch.frombuffer(packed, dtype=torch.uint8))

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        leaves = pytree.tree_leaves((args, kwargs))
        tensors = [each for each, leaf in zip(leaves, self.signature.inputs) if leaf.is_tensor]
        plan = getattr(self, _PLAN.format(0))
        return self.signature.unflatten(torch.ops.tenon.run(tensors, plan, self.spec), tensors)


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
        return self.signature.unflatten(torch.ops.tenon.run(tensors, plan, self.part.spec), tensors)


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
    if compiled._whole is None and strip:
        raise InputError("save: parts of the module run in torch; such are saved with weights", "unsupported")
    if adapters not in ("drop", "merge"):
        raise InputError(f'adapters is {adapters!r}; give "drop" or "merge"', "invalid_input")
    state = compiled.state if adapters == "merge" else compiled.state.plain or compiled.state
    args, kwargs, shapes = examples(compiled._program.signature)
    given = arg_inputs if inputs is None else inputs
    if given is not None or kwarg_inputs is not None:
        args, kwargs = tuple(given or ()), dict(kwarg_inputs or {})
    if dynamic_shapes is not None:
        shapes = _of_arguments(compiled._program.signature, args, kwargs, dynamic_shapes)
    with quiet(), torch.no_grad():
        portable = _Bundled(compiled, state) if compiled._whole is None else _Portable(compiled, state, strip)
        named = _named(portable, args, kwargs)
        program = torch.export.export(named, args, kwargs, dynamic_shapes=shapes, strict=False)
    _write(program, Path(file_path), dict(extra_files or {}))


def _of_arguments(signature: Signature, args: Sequence[Any], kwargs: Mapping[str, Any], shapes: Any) -> Any:
    """dynamic_shapes of the compiled module, by position or by name, for *args and **kwargs."""
    if isinstance(shapes, Mapping):
        names = list(dict.fromkeys(re.split(r"[\[.]", leaf.path)[0] for leaf in signature.inputs))
        positional = [shapes.get(name) for name, _ in zip(names, args)]
        named = {name: shapes.get(name) for name in kwargs}
    else:
        positional, named = list(shapes[: len(args)]), dict(zip(kwargs, shapes[len(args) :]))
    return _of_packed(positional, named)


def _of_packed(args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Shapes by the names that _named() gives."""
    return {**{f"arg{index}": shape for index, shape in enumerate(args)}, **kwargs}


def _named(module: torch.nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any]) -> torch.nn.Module:
    """Gives forward(*args, **kwargs) the arguments of a call: torch.export has no shapes for what is packed."""
    packed = module.forward

    def forward(*given: Any, **named: Any) -> Any:
        return packed(*given, **named)

    kinds = inspect.Parameter
    positional = [kinds(f"arg{index}", kinds.POSITIONAL_OR_KEYWORD) for index in range(len(args))]
    by_name = [kinds(name, kinds.KEYWORD_ONLY) for name in kwargs]
    forward.__signature__ = inspect.Signature([*positional, *by_name])  # type: ignore[attr-defined]
    module.forward = forward
    return module


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
    if leaf.extent:
        return {"path": leaf.path, "extent": leaf.extent}
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
    if "extent" in entry:
        return Leaf(entry["path"], False, extent=str(entry["extent"]))
    if "dtype" not in entry:
        return Leaf(entry["path"], False, entry["constant"])
    bounds = tuple((int(a), str(n), int(low), int(high)) for a, n, low, high in entry["bounds"])
    dtype = getattr(torch, entry["dtype"])
    return Leaf(entry["path"], True, None, dtype, tuple(entry["shape"]), bounds)


def compiled_of(program: ExportedProgram) -> CompiledModule | None:
    """The compiled module inside a program, or None; always the same one."""
    tensors = program.state_dict
    plan = tensors.get(_PLAN.format(0))
    if plan is None:
        return None
    if (known := _op.owner_of(plan)) is not None:
        return known  # type: ignore[no-any-return]
    if _bundle.is_bundle(plan):
        return bundled(plan)
    if _INFO not in tensors:
        return None
    with _damage():
        info = json.loads(tensors[_INFO].numpy().tobytes())
        made = _module_of(info, tensors, _spec_of(program), plan)
    _op.adopt(plan, next(made.children()), made)
    return made


def bundled(plan: torch.Tensor) -> CompiledModule:
    """The module of a plan that is a bundle."""
    with _damage():
        info = _bundle.described(plan)
        made = _bundle.unpack(plan, info, _fields(info))
    _op.adopt(plan, _bundle.Whole(made), made)
    return made


@contextlib.contextmanager
def _damage() -> Iterator[None]:
    """Whatever a damaged description makes of reading it is a PlanError."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RuntimeError, SyntaxError) as error:
        if isinstance(error, (PlanError, NotImplementedError)):
            raise
        raise PlanError(f"the archive's description of its engine is damaged: {error}", "plan") from error


def _spec_of(program: ExportedProgram) -> str:
    calls = [node for node in program.graph.nodes if node.target is torch.ops.tenon.run.default]
    if len(calls) != 1:
        raise PlanError(f"the archive has {len(calls)} engines where one is described", "plan")
    return str(calls[0].args[2])


def _fields(info: dict[str, Any]) -> dict[str, Any]:
    """What info_of() wrote of a Program."""
    if info["format"] != FORMAT:
        raise PlanError(
            f"the archive has format {info['format']}, this version reads {FORMAT}; save it again", "plan"
        )
    signature = Signature(
        [_as_leaf(each) for each in info["inputs"]],
        pytree.treespec_loads(info["in_spec"]),
        [_as_leaf(each) for each in info["outputs"]],
        pytree.treespec_loads(info["out_spec"]),
    )
    sets = {each: frozenset(info[each]) for each in ("constants", "frozen", "unused", "complexes")}
    names = {"fqns": tuple(info["names"]), "exported": tuple(info["exported"])}
    return {"signature": signature, "aliases": info["aliases"], **names, **sets}


def _module_of(
    info: dict[str, Any], tensors: Mapping[str, Any], spec: str, plan: torch.Tensor
) -> CompiledModule:
    fields = _fields(info)
    part = _op.load(plan, 0, spec).part
    program = Program(parts=(part,), **fields)
    kept = {name: tensors[_TENSOR.format(index)] for index, name in enumerate(info["tensors"])}
    current = part.engine.current if part.engine.ready else None
    return CompiledModule(*whole(program.signature, part), program, State(1, (current,), kept))


# Examples. ---------------------------------------------------------------------------------------


def examples(signature: Signature) -> tuple[tuple[Any, ...], dict[str, Any], Any]:
    """Inputs that the signature allows, with the dynamic shapes that it has."""
    dims: dict[str, Any] = {}
    sizes: dict[str, int] = {}
    values: list[Any] = []
    shapes: list[Any] = []
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
    dynamic = _of_packed(arg_shapes, kwarg_shapes) if dims else None
    return tuple(args), dict(kwargs), dynamic
