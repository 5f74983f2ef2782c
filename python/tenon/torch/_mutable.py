"""MutableModule: a module that is compiled at its first call, and refitted whenever its weights have changed."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import torch
import torch.utils._pytree as pytree

import tenon
from tenon.torch import _archive
from tenon.torch._compile import compile
from tenon.torch._module import CompiledModule
from tenon.torch._program import quiet
from tenon.torch._watch import KINDS, Watch


class MutableModule(torch.nn.Module):
    """Looks like `module`, and answers from an engine with the weights that it has at each call.

    watch: how a change is seen. "version": new objects, addresses, and in-place operators that torch
    counts; "sample": some elements of each tensor too, for what writes through `.data`; "digest": all bytes.

        fast = tenon.torch.MutableModule(model); fast(x); model.load_state_dict(other); fast(x)"""

    def __init__(
        self, module: torch.nn.Module, *, dynamic_shapes: Any = None, watch: str = "sample", **options: Any
    ) -> None:
        super().__init__()
        if watch not in KINDS:
            raise tenon.InputError(f"watch is {watch!r}; give one of {', '.join(KINDS)}", "invalid_input")
        object.__setattr__(self, "original", module)
        self._shapes, self._options = dynamic_shapes, options
        self._watch = Watch(module, watch)
        self._compiled: list[tuple[Any, CompiledModule]] = []
        self._seen: Any = None

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(self.__dict__["original"], name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._follow()
        return self._fitting(args, kwargs)(*args, **kwargs)

    forward = __call__

    def compile(self, *args: Any, **kwargs: Any) -> CompiledModule:  # type: ignore[override]
        """What calls of this structure and these shapes run; compiled now if it is new."""
        self._follow()
        return self._fitting(args, kwargs)

    def refit(self) -> None:
        """Takes the module's weights now, whether they have changed or not. RefitError leaves all as it was,
        and comes again at every call until the module's weights fit."""
        if self._watch.restructured():
            self._compiled.clear()
        seen = self._watch.mark()
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

    refit_gm = refit  # its name in torch_tensorrt

    def set_expected_dynamic_shape_range(self, args: Any, kwargs: Mapping[str, Any]) -> None:
        """torch_tensorrt's: what varies, by position and by name; later calls compile anew."""
        names = list(inspect.signature(self.original.forward).parameters)
        self._shapes = {**dict(zip(names, args)), **kwargs}
        self._compiled.clear()

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

    @classmethod
    def load(cls, file_path: Any, module: torch.nn.Module, **options: Any) -> MutableModule:
        """A MutableModule of `module` with the engine of a file that save() wrote: what it takes is not
        compiled again. RefitError for a module of another architecture. options: as of MutableModule.

        fast = tenon.torch.MutableModule.load("model.ep", model)"""
        compiled = _archive.compiled_of(_archive.load(file_path))
        if compiled is None:
            raise tenon.PlanError(f'"{file_path}": has no engine; MutableModule.save() writes such', "plan")
        signature = compiled._program.signature
        args, kwargs, shapes = _archive.examples(signature)
        names = [*list(inspect.signature(module.forward).parameters)[: len(args)], *kwargs]
        shapes = dict(zip(names, shapes.values())) if shapes else None
        with quiet(), torch.no_grad():
            program = torch.export.export(module, args, kwargs, dynamic_shapes=shapes, strict=False)
        compiled.refit(program)
        made = cls(module, **options)
        made._watch.restructured()
        made._compiled.append((signature.in_spec, compiled))
        return made

    def _follow(self) -> None:
        if self._watch.restructured():
            self._compiled.clear()
            self._seen = None
        elif self._compiled and self._watch.mark() != self._seen:
            self.refit()

    def _fitting(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> CompiledModule:
        """The compiled module that takes such a call: known, or compiled with it as the example."""
        leaves, spec = pytree.tree_flatten((args, kwargs))
        made: CompiledModule
        for known, made in reversed(self._compiled):
            if known == spec and _takes(made, leaves):
                return made
        if self._seen is None:
            self._seen = self._watch.mark()
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

