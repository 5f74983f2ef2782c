"""The parts of a compiled module: engines, and what torch runs beside them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

import tenon
from tenon.torch import _op
from tenon.torch._tensors import array_of, tensor_dtype, tensor_of

if TYPE_CHECKING:
    from tenon.torch._lora import LowRank

#: The state that the call under way in this thread has taken.
taken: ContextVar[State | None] = ContextVar("tenon_torch_state", default=None)


@dataclass(frozen=True)
class State:
    """All weights of a module at one moment: a set for each engine, and torch's own tensors."""

    version: int
    sets: tuple[tenon.WeightSet | None, ...]
    tensors: Mapping[str, torch.Tensor] = field(default_factory=dict)
    plain: State | None = None  # the same without adapters, when there are any
    active: tuple[tuple[str, float], ...] = ()  # adapters and their scales


class EnginePart:
    """An engine between torch tensors, shared by all modules that were refitted from one compile."""

    def __init__(self, engine: tenon.Engine, index: int, spec: str) -> None:
        self.engine, self.index, self.spec = engine, index, spec
        self.dtypes = {name: tensor_dtype(weight.dtype) for name, weight in engine.weights.items()}
        self.weights = frozenset(self.dtypes)
        self.lock = threading.RLock()
        self._inputs = [port.name for port in engine.inputs]
        self._outputs = [port.name for port in engine.outputs]

    def run(self, tensors: Sequence[torch.Tensor], weights: tenon.WeightSet | None) -> list[torch.Tensor]:
        """Runs with one set of weights. The outputs are torch's to keep."""
        given = {n: t.detach() if t.requires_grad else t for n, t in zip(self._inputs, tensors)}
        results = self.engine.run(given, weights=weights)
        return [tensor_of(results[name]) for name in self._outputs]

    # Relative to a set. --------------------------------------------------------------------------

    def prepare(
        self,
        base: tenon.WeightSet | None,
        tensors: Mapping[str, torch.Tensor],
        terms: Iterable[tuple[str, str, LowRank, float]] = (),
    ) -> tenon.WeightSet:
        """The set that `tensors` make of `base`, with terms of (weight, adapter, change, scale) over it;
        all or nothing, and nothing is published."""
        with self.lock:
            refitter = self.engine.refitter(strict=True, base=base)
            for name, tensor in tensors.items():
                refitter.borrow(name, array_of(tensor))
            for name, adapter, change, scale in terms:
                a, b = change.a.detach(), change.b.detach()
                refitter.add_low_rank(name, a, b, change.scaling * scale, adapter)
            return refitter.prepare()

    def values(
        self, base: tenon.WeightSet | None, names: Iterable[str] | None = None
    ) -> dict[str, torch.Tensor]:
        """Copies of the weights of a set: all, or those of the names."""
        with self.lock, _as_current(self.engine, base):
            weights = self.engine.weights
            return {name: tensor_of(weights[name].numpy()) for name in (weights if names is None else names)}

    def plan(self, base: tenon.WeightSet | None, strip: bool = False) -> bytes:
        """The plan with the weights of a set, as they answer."""
        with self.lock, _as_current(self.engine, base):
            return self.engine.to_bytes(strip=strip, merge=True)


class EngineModule(torch.nn.Module):
    """A part as a child of one module: runs with the state that the module's call has taken.

    Traced, it is a call of tenon::run, whose `plan` is then only a reference to this object."""

    def __init__(self, part: EnginePart) -> None:
        super().__init__()
        self.part = part
        self.owner: Callable[[], Any] = lambda: None
        self.register_buffer("plan", _op.reference_to(self), persistent=False)

    def forward(self, *tensors: torch.Tensor) -> list[torch.Tensor]:
        if torch.compiler.is_compiling():
            return torch.ops.tenon.run(list(tensors), self.plan, self.part.spec)  # type: ignore[no-any-return]
        return self.run(tensors)

    def run(self, tensors: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        state = taken.get()
        if state is None and (module := self.owner()) is not None:
            state = module.state
        return self.part.run(tensors, state.sets[self.part.index] if state is not None else None)


class TorchModule(torch.nn.Module):
    """What torch runs: a graph on the tensors of the state that the module's call has taken."""

    def __init__(self, graph: torch.fx.GraphModule, names: Sequence[str]) -> None:
        super().__init__()
        self.graph_module, self.names = graph, tuple(names)
        self.owner: Callable[[], Any] = lambda: None

    def forward(self, *tensors: Any) -> Any:
        state = taken.get()
        if state is None and (module := self.owner()) is not None:
            state = module.state
        if state is None:
            return self.graph_module(*tensors)
        own = {name: state.tensors[name] for name in self.names}
        return torch.func.functional_call(self.graph_module, own, tensors)


class _as_current:
    """Makes a set the engine's current one for a while; calls of modules name theirs, and see nothing.

    None: the engine has no weights yet, and stays as it is."""

    def __init__(self, engine: tenon.Engine, base: tenon.WeightSet | None) -> None:
        self.engine, self.base = engine, base

    def __enter__(self) -> None:
        self.before = self.engine.current if self.engine.ready else None
        if self._other():
            self.engine.publish(self.base)  # type: ignore[arg-type]

    def __exit__(self, *raised: Any) -> None:
        if self._other():
            self.engine.publish(self.before)  # type: ignore[arg-type]

    def _other(self) -> bool:
        return self.base is not None and self.before is not None and self.before.version != self.base.version
