"""Input: a call's tensor by shape and dtype instead of an example."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.utils._pytree as pytree

from tenon import InputError
from tenon.torch import _dtype


class Input:
    """A tensor of one shape, or of any between `min_shape` and `max_shape`.

    tenon.torch.compile(model, [tenon.torch.Input(min_shape=(1, 3), opt_shape=(8, 3), max_shape=(64, 3))])"""

    def __init__(
        self,
        shape: Sequence[int] | None = None,
        *,
        min_shape: Sequence[int] | None = None,
        opt_shape: Sequence[int] | None = None,
        max_shape: Sequence[int] | None = None,
        dtype: torch.dtype | _dtype.dtype = torch.float32,
        format: Any = None,
        tensor_domain: tuple[float, float] | None = None,
        name: str = "",
    ) -> None:
        ranged = (min_shape, opt_shape, max_shape)
        if (shape is None) == all(each is None for each in ranged):
            raise InputError("Input: give a shape, or min_shape, opt_shape and max_shape", "invalid_input")
        if shape is None and any(each is None for each in ranged):
            raise InputError("Input: min_shape, opt_shape and max_shape come together", "invalid_input")
        least, typical, greatest = (tuple(shape or each or ()) for each in ranged)
        if not len(least) == len(typical) == len(greatest):
            raise InputError(
                "Input: min_shape, opt_shape and max_shape have different ranks", "invalid_input"
            )
        for axis, (low, middle, high) in enumerate(zip(least, typical, greatest)):
            if not 0 <= low <= middle <= high:
                raise InputError(
                    f"Input: axis {axis} is {low}, {middle}, {high}; they must not fall", "invalid_input"
                )
        self.min_shape, self.shape, self.max_shape = least, typical, greatest
        self.dtype, self.name, self.domain = _dtype.of_torch(dtype), name, tensor_domain

    def example(self) -> torch.Tensor:
        """A tensor of the typical shape."""
        if self.dtype.is_floating_point:
            low, high = self.domain or (0.0, 1.0)
            return torch.rand(self.shape, dtype=torch.float32).mul(high - low).add(low).to(self.dtype)
        return torch.zeros(self.shape, dtype=self.dtype)

    def dims(self, prefix: str) -> dict[int, Any] | None:
        """torch.export's Dims of the axes that vary."""
        return {
            axis: torch.export.Dim(f"{prefix}_{axis}", min=low, max=high)
            for axis, (low, high) in enumerate(zip(self.min_shape, self.max_shape))
            if low != high
        } or None


def examples_of(tree: Any, prefix: str = "input") -> tuple[Any, Any]:
    """The tree with tensors for Inputs, and its dynamic shapes, None without any that vary."""
    leaves, spec = pytree.tree_flatten(tree, is_leaf=lambda each: isinstance(each, Input))
    if not any(isinstance(each, Input) for each in leaves):
        return tree, None
    values = [each.example() if isinstance(each, Input) else each for each in leaves]
    dims = [
        each.dims(each.name or f"{prefix}{index}") if isinstance(each, Input) else None
        for index, each in enumerate(leaves)
    ]
    shapes = pytree.tree_unflatten(dims, spec) if any(dims) else None
    return pytree.tree_unflatten(values, spec), shapes
