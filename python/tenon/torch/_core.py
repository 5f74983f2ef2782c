"""The one place where a translated graph becomes an engine."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from typing import Any

import onnx_ir as ir

import tenon
from tenon import BuildError
from tenon.torch._onnx import Translation


def build(translation: Translation, refit: str | Iterable[str], options: dict[str, Any]) -> tenon.Engine:
    """Compiles; `refit` is "all", "none", or names and globs of the module's tensors, aliases too."""
    names = refittable(translation, refit)
    return tenon.build(
        ir.serde.serialize_model(translation.model).SerializeToString(), refit=names, **options
    )


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
