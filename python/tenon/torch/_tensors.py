"""Torch tensors as the core takes and gives them: no copy but where the core has no such form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch

from tenon import BuildError, RefitError


def array_of(tensor: torch.Tensor) -> torch.Tensor:
    """What the core reads of a tensor: its values, complex ones as pairs along a last axis."""
    tensor = tensor.detach().cpu()
    return torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor


def tensor_of(array: Any) -> torch.Tensor:
    """An output of the core as a tensor on the same memory."""
    if array.dtype.kind == "V" or array.dtype.name == "bfloat16":
        return torch.from_numpy(array.view("int16")).view(torch.bfloat16)
    return torch.from_numpy(array)


def tensor_dtype(dtype: Any) -> torch.dtype:
    """The core's dtype (NumPy's, or its name) as torch's."""
    name = getattr(dtype, "name", None) or str(dtype)
    return getattr(torch, name)  # type: ignore[no-any-return]


def unfit(tensor: Any) -> str | None:
    """Why a parameter cannot be a weight of an engine, or None."""
    if type(tensor).__name__ == "DTensor":
        return "is a DTensor; gather it with full_tensor()"
    if tensor.layout is not torch.strided:
        return f"is sparse ({str(tensor.layout).removeprefix('torch.')}); make it dense with to_dense()"
    if tensor.is_meta:
        return "is on the meta device and has no values; load its weights first"
    if tensor.is_quantized:
        return "is quantised; dequantize() it"
    return None


def refuse_unfit(tensors: Iterable[tuple[str, Any]], error: type[BuildError] | type[RefitError]) -> None:
    """One error for all tensors that cannot be weights."""
    problems = [f'weights: "{name}" {why}' for name, each in tensors if (why := unfit(each))]
    if problems:
        raise error_with(error, problems)


def error_with(kind: type[BuildError] | type[RefitError], problems: list[str]) -> Exception:
    """An error of one line for the first problem and the number of others, and all of them as data."""
    more = f" (and {len(problems) - 1} more problems)" if len(problems) > 1 else ""
    if kind is RefitError:
        return RefitError(problems[0] + more, problems=tuple(problems))
    return BuildError(problems[0] + more, "build", tuple(("build", -1, "", "", line) for line in problems))


def place_of(tensor: torch.Tensor) -> tuple[object, ...]:
    """Equal for tensors that are one: same memory, same view."""
    return tensor.data_ptr(), tuple(tensor.shape), tuple(tensor.stride()), tensor.dtype


def aliases_of(tensors: Mapping[str, torch.Tensor], owners: Iterable[str]) -> dict[str, str]:
    """The further names of tensors that are one, each with the name among `owners`."""
    first = {place_of(tensors[name]): name for name in owners if name in tensors}
    named = set(first.values())
    found = {}
    for name, tensor in tensors.items():
        if name not in named and tensor.numel() and (owner := first.get(place_of(tensor))):
            found[name] = owner
    return found
