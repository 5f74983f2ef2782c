"""The operator tenon::run: an engine inside whatever torch traces, exports, or compiles."""

from __future__ import annotations

import itertools
import threading
import weakref
from typing import TYPE_CHECKING, Any

import torch

import tenon
from tenon import InputError, PlanError
from tenon.torch import _spec

if TYPE_CHECKING:
    from tenon.torch._part import EngineModule

_MAGIC = b"TENONREF"  # a plan begins with the length of its header, below 2^40
_numbers = itertools.count(1)
_referred: weakref.WeakValueDictionary[int, EngineModule] = weakref.WeakValueDictionary()
_loaded: dict[tuple[int, int], tuple[Any, EngineModule]] = {}
_lock = threading.Lock()


def reference_to(module: EngineModule) -> torch.Tensor:
    """What stands for a plan while its engine lives in this process."""
    number = next(_numbers)
    _referred[number] = module
    return torch.frombuffer(bytearray(_MAGIC + number.to_bytes(8, "little")), dtype=torch.uint8)


def engine_of(plan: torch.Tensor, spec: str) -> Any:
    """The engine of a plan: the live one, or the one loaded from these bytes, once."""
    if plan.dtype != torch.uint8 or plan.dim() != 1:
        raise InputError("tenon::run: the plan is no vector of uint8", "invalid_input")
    if plan.numel() == 16 and plan[:8].numpy().tobytes() == _MAGIC:
        module = _referred.get(int.from_bytes(plan[8:].numpy().tobytes(), "little"))
        if module is None:
            raise PlanError(
                "tenon::run: the program refers to an engine of another process, or one that is gone; "
                "tenon.torch.save() writes modules with their plans",
                "plan",
            )
        return module
    key = (plan.data_ptr(), plan.numel())
    with _lock:
        if (found := _loaded.get(key)) is not None:
            return found[1]
    if plan[:8].numpy().tobytes() == b"TENONMOD":
        from tenon.torch import _archive

        _archive.bundled(plan)
        return engine_of(plan, spec)
    return adopt(plan, load(plan, 0, spec))


def load(plan: torch.Tensor, index: int, spec: str) -> EngineModule:
    """An engine on the bytes of a plan."""
    from tenon.torch._part import EngineModule, EnginePart

    return EngineModule(EnginePart(tenon.load(plan.numpy()), index, spec))


def adopt(plan: torch.Tensor, module: Any, owner: Any = None) -> Any:
    """Makes `module` what calls with this plan run, as long as the tensor lives; keeps `owner` as long."""
    key = (plan.data_ptr(), plan.numel())
    with _lock:
        _loaded[key] = (owner, module)
    weakref.finalize(plan, _loaded.pop, key, None)
    return module


def owner_of(plan: torch.Tensor) -> Any:
    """What adopt() was given with a plan."""
    with _lock:
        return _loaded.get((plan.data_ptr(), plan.numel()), (None, None))[0]


_library: Any = torch.library.Library("tenon", "DEF")  # type: ignore[no-untyped-call]
_library.define("run(Tensor[] inputs, Tensor plan, str spec) -> Tensor[]")


def _run(inputs: list[torch.Tensor], plan: torch.Tensor, spec: str) -> list[torch.Tensor]:
    if torch.is_grad_enabled() and any(each.requires_grad for each in inputs):
        raise InputError(
            "tenon::run: an input requires grad, and engines do not differentiate", "invalid_input"
        )
    outputs: list[torch.Tensor] = engine_of(plan, spec).run(inputs)
    return outputs


def _fake(inputs: list[torch.Tensor], plan: torch.Tensor, spec: str) -> list[torch.Tensor]:
    return _spec.results(spec, inputs)


_library.impl("run", _run, "CompositeExplicitAutograd")
torch.library.register_fake("tenon::run", _fake, lib=_library)
