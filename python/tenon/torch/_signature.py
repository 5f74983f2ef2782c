"""What a compiled module's calls look like: pytrees of tensors and constants in, pytrees out."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.utils._pytree as pytree
from torch.export import ExportedProgram
from torch.export.graph_signature import ConstantArgument, OutputKind, SymIntArgument, TensorArgument

from tenon import BuildError, InputError
from tenon.torch._extent import evaluate


@dataclass(frozen=True)
class Leaf:
    """One leaf of a pytree: a tensor with the extents that the program allows, an extent, or a constant."""

    path: str
    is_tensor: bool
    constant: Any = None
    dtype: torch.dtype | None = None
    shape: tuple[int | str, ...] = ()
    bounds: tuple[tuple[int, str, int, int], ...] = ()  # axis, name of the extent, least, greatest
    extent: str = ""  # of an output that is a number: its expression over the inputs' extents


class Signature:
    """Flattens calls and unflattens results as torch.export recorded them."""

    def __init__(
        self, inputs: list[Leaf], in_spec: pytree.TreeSpec, outputs: list[Leaf], out_spec: pytree.TreeSpec
    ) -> None:
        self.inputs, self.in_spec = inputs, in_spec
        self.outputs, self.out_spec = outputs, out_spec
        self.device = torch.device("cpu")
        self._flat = len(inputs) if _is_flat(in_spec, inputs) else -1
        self._single = out_spec.is_leaf() and outputs[0].is_tensor
        self.extents = any(leaf.extent for leaf in outputs)

    def flatten(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[torch.Tensor]:
        """The tensors of a call, checked for what the engine cannot tell; InputError names the path."""
        if kwargs or len(args) != self._flat:
            leaves = self._leaves(args, kwargs)
        else:
            leaves = list(args)
        tensors = []
        gradients = torch.is_grad_enabled()
        for leaf, value in zip(self.inputs, leaves):
            if leaf.is_tensor:
                self._check(leaf, value, gradients)
                tensors.append(value)
            elif value is not leaf.constant and value != leaf.constant:
                raise InputError(
                    f'input "{leaf.path}" is {value!r}, the module was compiled with {leaf.constant!r}; '
                    "compile it again for another constant",
                    "invalid_input",
                )
        return tensors

    def unflatten(self, tensors: Sequence[torch.Tensor], inputs: Sequence[torch.Tensor]) -> Any:
        """The result of a call with these inputs, as flatten() gave them."""
        if self._single:
            return tensors[0]
        given, sizes = iter(tensors), self.sizes(inputs) if self.extents else {}
        leaves = [next(given) if leaf.is_tensor else number(leaf, sizes) for leaf in self.outputs]
        return pytree.tree_unflatten(leaves, self.out_spec)

    def sizes(self, inputs: Sequence[torch.Tensor]) -> dict[str, Any]:
        """The extents of a call by their names."""
        found: dict[str, Any] = {}
        for leaf, tensor in zip((each for each in self.inputs if each.is_tensor), inputs):
            for name, size in zip(leaf.shape, tensor.shape):
                if isinstance(name, str):
                    found.setdefault(name, size)
        return found

    def _leaves(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
        names = self.in_spec.children()[1].context or []
        if set(names) == set(kwargs):
            kwargs = {name: kwargs[name] for name in names}
        leaves, spec = pytree.tree_flatten((args, kwargs))
        if spec != self.in_spec:
            wanted = ", ".join(leaf.path for leaf in self.inputs)
            raise InputError(
                f"the call's arguments have another structure than the examples of compile(): {len(args)} "
                f"positional and {sorted(kwargs)} by name; wanted are {wanted}",
                "invalid_input",
            )
        return leaves

    def _check(self, leaf: Leaf, value: Any, gradients: bool) -> None:
        if not isinstance(value, torch.Tensor):
            raise InputError(
                f'input "{leaf.path}" is a {type(value).__name__}, not a torch tensor', "invalid_input"
            )
        if value.device != self.device:
            raise InputError(
                f'input "{leaf.path}" is on {value.device}, the module runs on {self.device}; move it with .to()',
                "invalid_input",
            )
        if value.dtype != leaf.dtype:
            raise InputError(
                f'input "{leaf.path}" is {_name(value.dtype)}, the module takes {_name(leaf.dtype)}',
                "invalid_input",
            )
        if gradients and value.requires_grad:
            raise InputError(
                f'input "{leaf.path}" requires grad, and engines do not differentiate; '
                "call under torch.no_grad() or detach() it",
                "invalid_input",
            )
        if value.dim() != len(leaf.shape):
            raise InputError(
                f'input "{leaf.path}" has rank {value.dim()}, the module takes {_shape(leaf.shape)}',
                "invalid_input",
            )
        self._check_extents(leaf, value)

    def _check_extents(self, leaf: Leaf, value: torch.Tensor) -> None:
        for axis, (wanted, extent) in enumerate(zip(leaf.shape, value.shape)):
            if isinstance(wanted, int) and wanted != extent:
                raise InputError(
                    f'input "{leaf.path}" is {_shape(tuple(value.shape))}, axis {axis} must be {wanted}; '
                    "dynamic_shapes of compile() lets it vary",
                    "invalid_input",
                )
        for axis, name, least, greatest in leaf.bounds:
            if not least <= value.shape[axis] <= greatest:
                raise InputError(
                    f'input "{leaf.path}": axis {axis} ("{name}") is {value.shape[axis]}, outside {least}..{greatest}',
                    "invalid_input",
                )


def number(leaf: Leaf, sizes: Mapping[str, Any]) -> Any:
    """An output that is no tensor."""
    return evaluate(leaf.extent, dict(sizes)) if leaf.extent else leaf.constant


def _is_flat(spec: pytree.TreeSpec, inputs: list[Leaf]) -> bool:
    args, kwargs = spec.children()
    return (
        not kwargs.num_leaves
        and all(c.is_leaf() for c in args.children())
        and all(i.is_tensor for i in inputs)
    )


def _name(dtype: torch.dtype | None) -> str:
    return str(dtype).removeprefix("torch.")


def _shape(shape: Sequence[int | str]) -> str:
    return "[" + ", ".join(map(str, shape)) + "]"


# From a program. ---------------------------------------------------------------------------------


def signature_of(program: ExportedProgram, names: Mapping[str, str] | None = None) -> Signature:
    """The signature of a program; `names` are the Dims' by the symbols of torch.export."""
    names = names or {}
    placeholders = {n.name: n.meta.get("val") for n in program.graph.nodes if n.op == "placeholder"}
    in_spec, out_spec = program.call_spec.in_spec, program.call_spec.out_spec
    paths = _paths(in_spec, program)
    users = [s.arg for s in program.graph_signature.input_specs if s.kind.name == "USER_INPUT"]
    inputs = [
        _leaf(path, arg, placeholders.get(getattr(arg, "name", "")), program, names)
        for path, arg in zip(paths, users)
    ]
    produced = {n.name: n.meta.get("val") for n in program.graph.nodes}
    results = [s.arg for s in program.graph_signature.output_specs if s.kind == OutputKind.USER_OUTPUT]
    labels = _output_paths(out_spec)
    outputs = [
        _extent(path, arg, produced.get(getattr(arg, "name", "")), names)
        or _leaf(path, arg, produced.get(getattr(arg, "name", "")), program, names)
        for path, arg in zip(labels, results)
    ]
    return Signature(inputs, in_spec, outputs, out_spec)


def _extent(path: str, arg: Any, value: Any, names: Mapping[str, str]) -> Leaf | None:
    """An output that is worked out from the inputs' extents."""
    if not isinstance(arg, SymIntArgument) or not isinstance(value, torch.SymInt):
        return None
    unknown = [str(each) for each in value.node.expr.free_symbols if not str(each).startswith("s")]
    if unknown:
        raise BuildError(f'"{path}" is a number that depends on the data; return it as a tensor', "build")
    return Leaf(path, False, None, extent=rename(str(value.node.expr), names))


def _leaf(path: str, arg: Any, value: Any, program: ExportedProgram, names: Mapping[str, str]) -> Leaf:
    if isinstance(arg, ConstantArgument):
        return Leaf(path, False, arg.value)
    if not isinstance(arg, TensorArgument) or not isinstance(value, torch.Tensor):
        raise BuildError(
            f'"{path}" is a {type(arg).__name__} of the program; it must be a tensor or a constant', "build"
        )
    shape: list[int | str] = []
    bounds: list[tuple[int, str, int, int]] = []
    for axis, extent in enumerate(value.shape):
        if isinstance(extent, int):
            shape.append(extent)
            continue
        symbol = extent.node.expr
        shape.append(rename(str(symbol), names))
        limits = program.range_constraints.get(symbol)
        if limits is not None:
            greatest = int(limits.upper) if limits.upper.is_Integer else 2**62
            bounds.append((axis, str(shape[-1]), int(limits.lower), greatest))
    return Leaf(path, True, None, value.dtype, tuple(shape), tuple(bounds))


def rename(expression: str, names: Mapping[str, str]) -> str:
    """An expression over torch's symbols, over the Dims' names."""
    for symbol, name in names.items():
        if expression == symbol:
            return name
    return re.sub(r"\bs\d+\b", lambda found: names.get(found[0], found[0]), expression)


def _paths(spec: pytree.TreeSpec, program: ExportedProgram) -> list[str]:
    """A path for every leaf of (args, kwargs): `x`, `masks[0]`, `batch['ids']`."""
    args, kwargs = pytree.tree_unflatten(list(range(spec.num_leaves)), spec)
    labels = [""] * spec.num_leaves
    positional = _positional_names(program, len(args))
    for root, value in [*zip(positional, args), *kwargs.items()]:
        for key, index in pytree.tree_flatten_with_path(value)[0]:
            labels[index] = root + pytree.keystr(key)
    return labels


def _positional_names(program: ExportedProgram, count: int) -> list[str]:
    """The names of forward's positional arguments, as far as the program tells them."""
    names = getattr(program, "_tenon_names", None)
    if names is None:
        flat = [s.arg for s in program.graph_signature.input_specs if s.kind.name == "USER_INPUT"]
        simple = all(child.is_leaf() for child in program.call_spec.in_spec.children()[0].children())
        names = [getattr(arg, "name", "") for arg in flat[:count]] if simple else []
    return [*names[:count], *(f"args[{i}]" for i in range(len(names), count))]


def note_names(program: ExportedProgram, module: torch.nn.Module) -> None:
    """Keeps the names of forward's arguments with the program."""
    try:
        parameters = inspect.signature(module.forward).parameters.values()
    except (TypeError, ValueError):
        return
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    program._tenon_names = [p.name for p in parameters if p.kind in kinds]  # type: ignore[attr-defined]


def _output_paths(spec: pytree.TreeSpec) -> list[str]:
    if spec.is_leaf():
        return ["output"]
    tree = pytree.tree_unflatten(list(range(spec.num_leaves)), spec)
    return ["output" + pytree.keystr(key) for key, _ in pytree.tree_flatten_with_path(tree)[0]]
