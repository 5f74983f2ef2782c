"""What an exported program is but for its weights, line by line: equal lines, equal architecture."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import fx
from torch.export import ExportedProgram

from tenon.torch._program import tensors_of
from tenon.torch._tensors import place_of


def lines(program: ExportedProgram) -> tuple[str, ...]:
    """Inputs, operators with all arguments and edges, shapes, ranges, pytrees, and shared tensors."""
    return (*_nodes(program), *_frame(program))


def digest(parts: tuple[str, ...]) -> str:
    """One short name for lines."""
    hashed = hashlib.sha256()
    for part in parts:
        hashed.update(part.encode())
        hashed.update(b"\n")
    return hashed.hexdigest()


def first_difference(old: tuple[str, ...], new: tuple[str, ...]) -> str | None:
    """Where two programs part, or None."""
    for left, right in zip(old, new):
        if left != right:
            return f'"{right}" where the compiled one has "{left}"'
    if len(old) != len(new):
        return f"{len(new)} lines where the compiled one has {len(old)}"
    return None


def _nodes(program: ExportedProgram) -> Iterator[str]:
    kinds = {
        s.arg.name: (s.kind.name, s.target)
        for s in program.graph_signature.input_specs
        if hasattr(s.arg, "name")
    }
    for node in program.graph.nodes:
        if node.op == "placeholder":
            kind, target = kinds.get(node.name, ("", None))
            yield f"{node.name}: {kind} {target or ''} {_value(node.meta.get('val'))}"
        elif node.op == "output":
            yield f"output: {_argument(node.args)}"
        else:
            yield f"{node.name}: {node.target}({_arguments(node)}) {_value(node.meta.get('val'))}"
    for name, module in program.graph_module.named_children():
        if isinstance(module, fx.GraphModule):
            for node in module.graph.nodes:
                yield f"{name}/{node.name}: {node.op} {node.target} {node.args} {node.kwargs}"


def _frame(program: ExportedProgram) -> Iterator[str]:
    yield f"in {program.call_spec.in_spec}"
    yield f"out {program.call_spec.out_spec}"
    for symbol, limits in sorted(program.range_constraints.items(), key=lambda item: str(item[0])):
        yield f"range {symbol} {limits.lower} {limits.upper}"
    first: dict[Any, str] = {}
    for name, tensor in sorted(tensors_of(program).items()):
        owner = first.setdefault(place_of(tensor), name) if tensor.numel() else name
        if owner != name:
            yield f"tie {name} {owner}"


def _arguments(node: fx.Node) -> str:
    """By the names of the operator's schema, without defaults: archives write those out."""
    schema = getattr(node.target, "_schema", None)
    if schema is None:
        return ", ".join(
            [*map(_argument, node.args), *(f"{k}={_argument(v)}" for k, v in node.kwargs.items())]
        )
    given = {**dict(zip((a.name for a in schema.arguments), node.args)), **node.kwargs}
    written = [
        f"{argument.name}={_argument(given[argument.name])}"
        for argument in schema.arguments
        if argument.name in given and not _is_default(argument, given[argument.name])
    ]
    return ", ".join(written)


def _is_default(argument: Any, value: Any) -> bool:
    if not argument.has_default_value() or isinstance(value, fx.Node):
        return False
    default = argument.default_value
    return type(default) is type(value) and bool(default == value)


def _argument(value: Any) -> str:
    if isinstance(value, fx.Node):
        return f"%{value.name}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_argument, value)) + "]"
    return repr(value)


def _value(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return f"{str(value.dtype).removeprefix('torch.')}{list(value.shape)}"
    if isinstance(value, (list, tuple)):
        return "(" + ", ".join(map(_value, value)) + ")"
    return "" if value is None else str(value)
