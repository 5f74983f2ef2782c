"""fx graphs of plain operators as JSON, and back: nothing executable is written, and nothing else is read."""

from __future__ import annotations

import operator
from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import fx

from tenon import InputError, PlanError

#: Beside operators of torch: what sizes are worked out by.
_FUNCTIONS = {
    "getitem": operator.getitem, "add": operator.add, "sub": operator.sub, "mul": operator.mul,
    "floordiv": operator.floordiv, "mod": operator.mod, "neg": operator.neg,
    "sym_max": torch.sym_max, "sym_min": torch.sym_min,
}  # fmt: skip
_NAMES = {function: name for name, function in _FUNCTIONS.items()}
#: torch's own values among arguments, by the name of their type.
_VALUES = {
    "dtype": torch.dtype,
    "layout": torch.layout,
    "memory_format": torch.memory_format,
}
#: Operators that read what no graph of a module reads.
_REFUSED = ("from_file", "_test", "_unsafe")


def encode(graph: fx.Graph) -> list[dict[str, Any]]:
    """InputError names what has no such form."""
    return [
        {
            "op": node.op,
            "name": node.name,
            "target": _target(node),
            "args": _encoded(node.args),
            "kwargs": {name: _encoded(value) for name, value in node.kwargs.items()},
        }
        for node in graph.nodes
    ]


def _target(node: fx.Node) -> str:
    if node.op != "call_function":
        return str(node.target)
    if isinstance(node.target, torch._ops.OpOverload) and node.target.namespace in ("aten", "prims"):
        return str(node.target)
    if node.target in _NAMES:
        return _NAMES[node.target]
    raise InputError(f"save: {node.target} runs in torch, and is no operator of torch's own", "unsupported")


def _encoded(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, fx.Node):
        return {"node": value.name}
    if isinstance(value, (list, tuple)):
        return [_encoded(each) for each in value]
    if isinstance(value, torch.device):
        return {"device": str(value)}
    for name, kind in _VALUES.items():
        if isinstance(value, kind):
            return {name: str(value).removeprefix("torch.")}
    raise InputError(f"save: an argument of what runs in torch is a {type(value).__name__}", "unsupported")


def decode(nodes: list[dict[str, Any]], children: Collection[str], tensors: Collection[str] = ()) -> fx.Graph:
    """The graph; it calls `children` and reads `tensors` alone. PlanError for anything that encode() does
    not write: fx makes source text of a graph, in which names stand as they are."""
    graph = fx.Graph()
    made: dict[str, fx.Node] = {}
    for each in nodes:
        args = tuple(_decoded(each["args"], made))
        kwargs = {plain_name(name): _decoded(value, made) for name, value in each["kwargs"].items()}
        op, target = each["op"], str(each["target"])
        if op == "placeholder":
            made[each["name"]] = graph.placeholder(plain_name(target))
        elif op == "get_attr" and target in tensors:
            made[each["name"]] = graph.get_attr(target)
        elif op == "output":
            graph.output(args[0])
        elif op == "call_module" and target in children:
            made[each["name"]] = graph.call_module(target, args, kwargs)
        elif op == "call_function":
            made[each["name"]] = graph.call_function(_function(target), args, kwargs)
        else:
            raise PlanError(f"the archive has a node {op} {target[:60]!r}, which save() does not write", "plan")
    return graph


def is_plain(name: Any) -> bool:
    """Whether a name is an identifier, or several between dots."""
    return isinstance(name, str) and all(e.isidentifier() or e.isdecimal() for e in name.split("."))


def plain_name(name: Any) -> str:
    """The name, if it is plain; else PlanError."""
    if not is_plain(name):
        raise PlanError(f"the archive has the name {str(name)[:60]!r}, which save() does not write", "plan")
    return str(name)


def _function(name: str) -> Any:
    if name in _FUNCTIONS:
        return _FUNCTIONS[name]
    namespace, _, rest = name.partition(".")
    packet, _, overload = rest.partition(".")
    found = None
    if namespace in ("aten", "prims") and packet.isidentifier() and not packet.startswith(_REFUSED):
        found = getattr(getattr(getattr(torch.ops, namespace), packet, None), overload, None)
    if not isinstance(found, torch._ops.OpOverload):
        raise PlanError(f"the archive calls {name[:60]!r}, which is no operator of torch", "plan")
    return found


def _decoded(value: Any, made: Mapping[str, fx.Node]) -> Any:
    if isinstance(value, list):
        return [_decoded(each, made) for each in value]
    if not isinstance(value, dict):
        return value
    ((kind, text),) = value.items()
    if kind == "node":
        return made[text]
    if kind == "device":
        return torch.device(text)
    found = getattr(torch, text, None) if kind in _VALUES else None
    if not isinstance(found, _VALUES.get(kind, ())):
        raise PlanError(f"the archive has an argument {kind} {str(text)[:60]!r}", "plan")
    return found
