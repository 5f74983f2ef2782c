"""The one place where a translated graph becomes an engine."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from typing import Any

import onnx_ir as ir
import torch

import tenon
from tenon import BuildError
from tenon.torch._onnx import Translation
from tenon.torch._tensors import array_of


def build(translation: Translation, refit: str | Iterable[str], options: dict[str, Any]) -> tenon.Engine:
    """Compiles; `refit` is "all", "none", or names and globs of the module's tensors, aliases too."""
    names = refittable(translation, refit)
    aliases = {alias: owner for alias, owner in translation.aliases.items() if owner in names}
    weights = {name: array_of(tensor) for name, tensor in translation.tensors.items() if _is_large(tensor)}
    return tenon.build(
        _without(translation.model, weights), refit=names, weights=weights, aliases=aliases, **options
    )


def _is_large(tensor: torch.Tensor) -> bool:
    """Small ones travel in the model, which may need their values."""
    return tensor.nbytes >= 1024


def _without(model: ir.Model, names: Iterable[str]) -> bytes:
    """The model with initializers that are external data, in a file that is nowhere."""
    held: dict[str, Any] = {name: model.graph.initializers[name].const_value for name in names}
    try:
        for name, value in held.items():
            model.graph.initializers[name].const_value = ir.ExternalTensor(
                "weights", 0, value.nbytes, value.dtype, shape=value.shape, name=name
            )
        return ir.serde.serialize_model(model).SerializeToString()  # type: ignore[no-any-return]
    finally:
        for name, value in held.items():
            model.graph.initializers[name].const_value = value


def refittable(translation: Translation, refit: str | Iterable[str]) -> list[str] | str:
    """The initializers that shall be weights: what the module's tensors are, and nothing else."""
    known = {**{name: name for name in translation.tensors}, **translation.aliases}
    if refit == "none" or not known:
        return "none"
    if refit == "all":
        return sorted(translation.tensors)
    found: set[str] = set()
    for pattern in [refit] if isinstance(refit, str) else refit:
        matched = {owner for name, owner in known.items() if fnmatch.fnmatchcase(name, pattern)}
        if not matched and pattern not in translation.unused:
            raise BuildError(f'refit: "{pattern}" matches no tensor of the module', "build")
        found |= matched
    return sorted(found) if found else "none"
