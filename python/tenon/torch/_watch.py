"""Watch: sees whether a module's structure or weights have changed, in microseconds."""

from __future__ import annotations

import operator
from itertools import chain
from typing import Any

import numpy as np
import torch

import tenon
from tenon.torch._tensors import refuse_unfit

KINDS = ("version", "sample", "digest")
_SAMPLES = 32  # elements of each tensor

_version = operator.attrgetter("_version")
_pointer = torch.Tensor.data_ptr


class Watch:
    """Looks at one module before each call, by one of KINDS.

    What is found by walking the module (dicts of children, parameters and buffers; views of the
    tensors' bytes) is kept while the objects in those dicts stay the same."""

    def __init__(self, module: torch.nn.Module, kind: str) -> None:
        self._module, self._kind = module, kind
        self._outline: Any = None
        self._types: list[type] = []
        self._modules: list[torch.nn.Module] = []
        self._full: list[dict[str, Any]] = []
        self._empty: list[dict[str, Any]] = []
        self._held: list[Any] = []
        self._tensors: list[torch.Tensor] = []
        self._pointers: list[int] = []
        self._views: list[Any] = []

    def restructured(self) -> bool:
        """Whether a new compile is needed since the last look: other submodules, names, shapes or dtypes."""
        if self._outline is not None and self._same_objects():
            return False
        outline = self._walk()
        if outline == self._outline:
            return False
        self._outline = outline
        return True

    def mark(self) -> Any:
        """Equal for equal weights, as far as the kind of watching tells. Call restructured() before."""
        versions = list(map(_version, self._tensors))
        if self._kind == "version":
            return self._held, self._pointers, versions
        read = _digest if self._kind == "digest" else _sample
        return self._held, self._pointers, versions, list(map(read, self._views))

    def _same_objects(self) -> bool:
        if any(self._empty) or list(map(type, self._modules)) != self._types:
            return False
        now = list(chain.from_iterable(map(dict.values, self._full)))
        if len(now) != len(self._held) or not all(map(operator.is_, now, self._held)):
            return False
        return list(map(_pointer, self._tensors)) == self._pointers

    def _walk(self) -> Any:
        """Looks at everything anew, and gives what a compile depends on."""
        named = [
            *self._module.named_parameters(remove_duplicate=False),
            *self._module.named_buffers(remove_duplicate=False),
        ]
        refuse_unfit(named, tenon.RefitError)
        modules = dict(self._module.named_modules())
        self._modules = list(modules.values())
        self._types = list(map(type, self._modules))
        dicts = [d for m in self._modules for d in (m._modules, m._parameters, m._buffers)]
        self._full, self._empty = [d for d in dicts if d], [d for d in dicts if not d]
        self._held = _Objects(chain.from_iterable(map(dict.values, self._full)))
        self._tensors = [tensor for _, tensor in named]
        self._pointers = list(map(_pointer, self._tensors))
        views = [] if self._kind == "version" else list(map(_view, self._tensors))
        self._views = list(map(_sparse, views)) if self._kind == "sample" else views
        outline = [(name, tuple(tensor.shape), tensor.dtype) for name, tensor in named]
        return list(zip(modules, self._types)), outline


class _Objects(list[Any]):
    """Equal to a list of the same objects; tensors are not compared by their elements."""

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return isinstance(other, list) and len(self) == len(other) and all(map(operator.is_, self, other))

    __hash__ = None


def _view(tensor: torch.Tensor) -> Any:
    """The tensor's elements as rows of bytes, where they lie; the tensor itself where they are not dense."""
    tensor = tensor.detach()
    if tensor.numel() == 0:
        return np.empty((0, 1), np.uint8)
    strides = tensor.stride()
    order = sorted(range(tensor.dim()), key=lambda axis: -strides[axis])
    dense = tensor.permute(order)
    if not dense.is_contiguous() or tensor.is_conj() or tensor.is_neg():
        return tensor
    return dense.reshape(-1).view(torch.uint8).numpy().reshape(-1, tensor.element_size())


def _rows(view: Any) -> Any:
    return view if isinstance(view, np.ndarray) else _view(view.resolve_conj().resolve_neg().contiguous())


def _sparse(view: Any) -> Any:
    """Elements spread evenly over a tensor: what scales or adds to all of it shows in them."""
    return view[:: max(1, len(view) // _SAMPLES)] if isinstance(view, np.ndarray) else view


def _sample(view: Any) -> bytes:
    return view.tobytes() if isinstance(view, np.ndarray) else _sparse(_rows(view)).tobytes()


def _digest(view: Any) -> str:
    return tenon.digest(_rows(view).reshape(-1))
