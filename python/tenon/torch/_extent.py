"""Extents as expressions over named extents, as torch.export writes them."""

from __future__ import annotations

import ast
import operator
from typing import Any

import torch


def evaluate(expression: int | str, extents: dict[str, Any]) -> Any:
    """An extent's value; a name that is not among `extents` depends on data, and is new."""
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
