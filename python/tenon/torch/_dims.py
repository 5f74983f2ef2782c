"""Dynamic extents: the names that the user gave them, and examples that torch.export does not specialise."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import torch
import torch.utils._pytree as pytree
from torch.export import ExportedProgram

Examples = tuple[tuple[Any, ...], dict[str, Any]]


def widened(module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], shapes: Any) -> Examples:
    """The examples, repeated to 2 along dynamic axes of extent 1: torch.export takes 1 for a constant."""
    axes = {id(t): axes for t, axes in _dynamic(module, args, kwargs, shapes)}

    def widen(tensor: torch.Tensor) -> torch.Tensor:
        for axis in axes.get(id(tensor), ()):
            if tensor.shape[axis] == 1:
                tensor = tensor.repeat_interleave(2, dim=axis)
        return tensor

    found: Examples = pytree.tree_map_only(torch.Tensor, widen, (args, kwargs))
    return found


def names(
    module: torch.nn.Module,
    program: ExportedProgram,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    shapes: Any,
) -> dict[str, str]:
    """The Dims' names by the symbols that torch.export gave them."""
    found: dict[str, str] = {}
    for extent, dim in _extents(module, program, args, kwargs, shapes):
        name = getattr(dim, "__name__", None)
        if isinstance(extent, torch.SymInt) and name and extent.node.expr.is_symbol:
            found.setdefault(str(extent.node.expr), name)
    return found


def fixed(
    module: torch.nn.Module,
    program: ExportedProgram,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    shapes: Any,
) -> bool:
    """Whether an axis that was to vary does not."""
    extents = [extent for extent, _ in _extents(module, program, args, kwargs, shapes)]
    return any(isinstance(each, int) or each.node.expr.is_number for each in extents)


def _extents(
    module: torch.nn.Module,
    program: ExportedProgram,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    shapes: Any,
) -> Iterator[tuple[Any, Any]]:
    """The program's extent of each axis that was to vary, and what dynamic_shapes says of it."""
    leaves = pytree.tree_leaves((args, kwargs))
    placeholders = {n.name: n.meta.get("val") for n in program.graph.nodes if n.op == "placeholder"}
    users = [s.arg for s in program.graph_signature.input_specs if s.kind.name == "USER_INPUT"]
    values = {id(t): placeholders.get(getattr(arg, "name", "")) for t, arg in zip(leaves, users)}
    for tensor, axes in _dynamic(module, args, kwargs, shapes):
        shape = getattr(values.get(id(tensor)), "shape", None)
        if shape is not None:
            yield from ((shape[axis], dim) for axis, dim in axes.items())


def by_name(
    module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], shapes: Any
) -> dict[str, Any]:
    """Shapes of positional arguments and keywords, by the names of forward's parameters."""
    bound = inspect.signature(module.forward).bind(*args, **kwargs).arguments
    positional, named = shapes
    return {**dict(zip(bound, positional)), **named}


def _dynamic(
    module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], shapes: Any
) -> Iterator[tuple[torch.Tensor, dict[int, Any]]]:
    """Every example tensor that has dynamic axes, with what dynamic_shapes says of each."""
    if shapes is None:
        return
    if isinstance(shapes, Mapping):
        bound = inspect.signature(module.forward).bind(*args, **kwargs).arguments
        values: dict[str, Any] = {}
        for name, value in bound.items():
            kind = inspect.signature(module.forward).parameters[name].kind
            values.update(value if kind == inspect.Parameter.VAR_KEYWORD else {name: value})
        pairs = [(values[name], each) for name, each in shapes.items() if name in values]
    else:
        pairs = list(zip([*args, *kwargs.values()], shapes))
    for value, each in pairs:
        yield from _walk(value, each)


def _walk(value: Any, shapes: Any) -> Iterator[tuple[torch.Tensor, dict[int, Any]]]:
    if shapes is None:
        return
    if isinstance(value, torch.Tensor):
        axes = shapes.items() if isinstance(shapes, Mapping) else enumerate(shapes)
        yield value, {
            axis % value.dim(): dim for axis, dim in axes if dim is not None and not isinstance(dim, int)
        }
    elif isinstance(value, Mapping) and isinstance(shapes, Mapping):
        for key, each in shapes.items():
            yield from _walk(value[key], each)
    elif isinstance(value, (list, tuple)):
        for item, each in zip(value, shapes):
            yield from _walk(item, each)
