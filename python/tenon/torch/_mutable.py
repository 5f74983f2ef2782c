"""MutableModule: a module that is compiled at its first call, and refitted whenever its weights have changed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import torch
import torch.utils._pytree as pytree

import tenon
from tenon.torch import _archive
from tenon.torch._compile import compile
from tenon.torch._module import CompiledModule
from tenon.torch._tensors import refuse_unfit

_WATCHES = ("version", "sample", "digest")
_SAMPLE = 64  # bytes of each end, and of the middle


class MutableModule(torch.nn.Module):
    """Looks like `module`, and answers from an engine with the weights that it has at each call.

    watch: how a change is seen. "version": new objects, addresses, and in-place operators that torch
    counts; "sample": some bytes of each tensor too, for what writes through `.data`; "digest": all bytes.

        fast = tenon.torch.MutableModule(model); fast(x); model.load_state_dict(other); fast(x)"""

    def __init__(
        self, module: torch.nn.Module, *, dynamic_shapes: Any = None, watch: str = "sample", **options: Any
    ) -> None:
        super().__init__()
        if watch not in _WATCHES:
            raise tenon.InputError(f"watch is {watch!r}; give one of {', '.join(_WATCHES)}", "invalid_input")
        object.__setattr__(self, "original", module)
        self._shapes, self._watch, self._options = dynamic_shapes, watch, options
        self._compiled: list[tuple[Any, CompiledModule]] = []
        self._seen: Any = None
        self._structure: Any = None

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(self.__dict__["original"], name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._follow()
        return self._fitting(args, kwargs)(*args, **kwargs)

    forward = __call__

    def compile(self, *args: Any, **kwargs: Any) -> CompiledModule:
        """What calls of this structure and these shapes run; compiled now if it is new."""
        self._follow()
        return self._fitting(args, kwargs)

    def refit(self) -> None:
        """Takes the module's weights now, whether they have changed or not. RefitError leaves all as it was,
        and comes again at every call until the module's weights fit."""
        seen = self._mark()
        before = [(compiled, compiled.state) for _, compiled in self._compiled]
        try:
            for compiled, _ in before:
                compiled.refit(self.original)
        except BaseException:
            for compiled, state in before:
                compiled.publish(state)
            self._seen = None
            raise
        self._seen = seen

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        """Of the original; the next call sees it."""
        return self.original.load_state_dict(state_dict, strict=strict, assign=assign)

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        return self.original.state_dict(*args, **kwargs)

    def train(self, mode: bool = True) -> MutableModule:
        self.original.train(mode)
        return self

    def save(self, file_path: Any) -> None:
        """Writes the engine of the last call's shapes; load() of this package reads it."""
        if not self._compiled:
            raise tenon.InputError("nothing is compiled yet; call the module first", "invalid_input")
        self._follow()
        _archive.save(self._compiled[-1][1], file_path)

    # Changes. ------------------------------------------------------------------------------------

    def _follow(self) -> None:
        structure = self._outline()
        if structure != self._structure:
            self._compiled.clear()
            self._structure, self._seen = structure, None
        elif self._compiled and self._mark() != self._seen:
            self.refit()

    def _outline(self) -> Any:
        """What a new compile is needed for: other submodules, names, shapes or dtypes."""
        modules = [(name, type(module)) for name, module in self.original.named_modules()]
        return modules, [(name, tuple(t.shape), t.dtype) for name, t in self._tensors()]

    def _tensors(self) -> list[tuple[str, torch.Tensor]]:
        return [
            *self.original.named_parameters(remove_duplicate=False),
            *self.original.named_buffers(remove_duplicate=False),
        ]

    def _mark(self) -> Any:
        refuse_unfit(self._tensors(), tenon.RefitError)
        marks = [(id(t), t._version, t.data_ptr()) for _, t in self._tensors()]
        if self._watch == "version":
            return marks
        read = _digest if self._watch == "digest" else _sample
        return marks, [read(t) for _, t in self._tensors()]

    def _fitting(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> CompiledModule:
        """The compiled module that takes such a call: known, or compiled with it as the example."""
        leaves, spec = pytree.tree_flatten((args, kwargs))
        for known, compiled in reversed(self._compiled):
            if known == spec and _takes(compiled, leaves):
                return compiled
        if self._seen is None:
            self._seen = self._mark()
        made = compile(self.original, args, kwarg_inputs=kwargs, dynamic_shapes=self._shapes, **self._options)
        self._compiled.append((spec, made))
        return made


def _takes(compiled: CompiledModule, leaves: list[Any]) -> bool:
    for leaf, value in zip(compiled._program.signature.inputs, leaves):
        if not leaf.is_tensor:
            if value != leaf.constant:
                return False
        elif (
            not isinstance(value, torch.Tensor) or value.dtype != leaf.dtype or value.dim() != len(leaf.shape)
        ):
            return False
        elif any(isinstance(a, int) and a != b for a, b in zip(leaf.shape, value.shape)):
            return False
        elif any(not low <= value.shape[axis] <= high for axis, _, low, high in leaf.bounds):
            return False
    return True


def _bytes(tensor: torch.Tensor) -> torch.Tensor:
    """The bytes of a tensor's elements, in any order that stays the same."""
    tensor = tensor.detach()
    if not tensor.is_contiguous():
        order = sorted(range(tensor.dim()), key=lambda axis: -tensor.stride(axis))
        tensor = tensor.permute(order).contiguous()
    return tensor.reshape(-1).view(torch.uint8)


def _sample(tensor: torch.Tensor) -> bytes:
    """Elements spread evenly over a tensor: what scales or adds to all of it shows in them."""
    if tensor.numel() == 0:
        return b""
    tensor = tensor.detach()
    if not tensor.is_contiguous():
        return _bytes(tensor)[:_SAMPLE].numpy().tobytes()
    flat = tensor.view(-1)
    return flat[:: max(1, flat.numel() // _SAMPLE)].contiguous().view(torch.uint8).numpy().tobytes()


def _digest(tensor: torch.Tensor) -> bytes:
    return hashlib.blake2b(_bytes(tensor).numpy(), digest_size=16).digest()
