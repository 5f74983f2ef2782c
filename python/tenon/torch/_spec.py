"""What an engine's ports look like, as text: enough to trace a call without running it."""

from __future__ import annotations

import ast
import json
import operator
from typing import Any

import torch

from tenon.torch._signature import Leaf, Signature

VERSION = 1


def spec_of(signature: Signature) -> str:
    """JSON: each port's dtype, and its extents as numbers or expressions over named extents."""
    ports = {
        "version": VERSION,
        "inputs": [_port(leaf) for leaf in signature.inputs if leaf.is_tensor],
        "outputs": [_port(leaf) for leaf in signature.outputs if leaf.is_tensor],
    }
    return json.dumps(ports, separators=(",", ":"))


def _port(leaf: Leaf) -> dict[str, Any]:
    return {"name": leaf.path, "dtype": str(leaf.dtype).removeprefix("torch."), "shape": list(leaf.shape)}


def dtype_of(port: dict[str, Any]) -> torch.dtype:
    dtype = getattr(torch, port["dtype"], None)
    if not isinstance(dtype, torch.dtype):
        raise ValueError(f"spec: {port['dtype']!r} is no dtype of torch")
    return dtype


def results(spec: str, inputs: list[torch.Tensor]) -> list[torch.Tensor]:
    """Outputs without values, for inputs that may have symbols as extents."""
    ports = json.loads(spec)
    extents: dict[str, Any] = {}
    for port, tensor in zip(ports["inputs"], inputs):
        for wanted, size in zip(port["shape"], tensor.shape):
            if isinstance(wanted, str) and wanted.isidentifier():
                extents.setdefault(wanted, size)
    device = inputs[0].device if inputs else torch.device("cpu")
    return [
        torch.empty([extent(each, extents) for each in port["shape"]], dtype=dtype_of(port), device=device)
        for port in ports["outputs"]
    ]


def extent(expression: int | str, extents: dict[str, Any]) -> Any:
    """An extent's value; one that depends on data is new."""
    if isinstance(expression, int):
        return expression
    return _value(ast.parse(expression, mode="eval").body, extents)


def _value(node: ast.expr, extents: dict[str, Any]) -> Any:
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return node.value
    if isinstance(node, ast.Name):
        if node.id not in extents:
            extents[node.id] = torch.library.get_ctx().new_dynamic_size()
        return extents[node.id]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand, extents)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return _OPERATORS[type(node.op)](_value(node.left, extents), _value(node.right, extents))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS:
        return _FUNCTIONS[node.func.id](*(_value(each, extents) for each in node.args))
    raise ValueError(f"spec: {ast.unparse(node)!r} is no extent")


_OPERATORS: dict[type[ast.operator], Any] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_FUNCTIONS = {
    "Max": torch.sym_max,
    "Min": torch.sym_min,
    "Mod": operator.mod,
    "PythonMod": operator.mod,
    "FloorDiv": operator.floordiv,
}
