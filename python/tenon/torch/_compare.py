"""Comparing two results of a module, output by output."""

from __future__ import annotations

from typing import Any

import torch
import torch.utils._pytree as pytree


def differences(found: Any, expected: Any, rtol: float = 5e-3, atol: float = 5e-3) -> list[str]:
    """One line for every output whose values differ by more than atol + rtol * |expected|."""
    left, left_spec = pytree.tree_flatten(found)
    paths, right_spec = pytree.tree_flatten_with_path(expected)
    if left_spec != right_spec:
        return ["the outputs have another structure"]
    lines = []
    for value, (path, wanted) in zip(left, paths):
        if isinstance(wanted, torch.Tensor):
            line = _difference(value, wanted, rtol, atol)
        else:
            line = None if value == wanted else f"is {value!r}, not {wanted!r}"
        if line:
            lines.append(f"output{pytree.keystr(path)} {line}")
    return lines


def _difference(found: torch.Tensor, wanted: torch.Tensor, rtol: float, atol: float) -> str | None:
    if found.shape != wanted.shape or found.dtype != wanted.dtype:
        return f"is {found.dtype} {list(found.shape)}, not {wanted.dtype} {list(wanted.shape)}"
    wide = torch.complex128 if wanted.is_complex() else torch.float64
    a, b = found.detach().to(wide), wanted.detach().to(wide)
    near = torch.isclose(a, b, rtol=rtol, atol=atol, equal_nan=True)
    if bool(near.all()):
        return None
    gap = torch.where(near, 0.0, (a - b).abs().nan_to_num(nan=float("inf"), posinf=float("inf")))
    worst = int(gap.argmax())
    index = [int(i) for i in torch.unravel_index(torch.tensor(worst), gap.shape)]
    return f"at {index} is {a.flatten()[worst].item():.6g}, not {b.flatten()[worst].item():.6g}"
