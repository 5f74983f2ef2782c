"""CompiledModule: an fx.GraphModule whose parts are engines, with all its weights in one reference."""

from __future__ import annotations

import itertools
import keyword
import operator
import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import fx
from torch.fx.graph import _PyTreeCodeGen, _PyTreeInfo

import tenon
from tenon.torch._adapters import Adapters
from tenon.torch._part import EngineModule, EnginePart, State, TorchModule, taken
from tenon.torch._extent import evaluate
from tenon.torch._signature import Signature
from tenon.torch._spec import extents_of, spec_of


@dataclass
class Program:
    """What all modules that were refitted from one compile share."""

    signature: Signature
    parts: tuple[EnginePart, ...]
    fqns: tuple[str, ...]  # of state_dict(), in its order
    aliases: Mapping[str, str]
    constants: frozenset[str] = frozenset()  # tensors that no state_dict holds
    frozen: frozenset[str] = frozenset()  # compiled in
    unused: frozenset[str] = frozenset()  # read by nothing
    complexes: frozenset[str] = frozenset()  # pairs of reals in engines
    torch_weights: frozenset[str] = frozenset()  # read by torch's parts alone
    exported: Any = None  # key of the exported program: what refits by programs are compared with
    report: list[Any] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
    calculator: fx.GraphModule | None = None  # computes weights of engines from weights of torch
    calculated: tuple[str, ...] = ()  # what it gives, in order
    torch_reads: frozenset[str] = frozenset()  # what torch's parts read, computed tensors too
    filled: bool = False  # engines were loaded without weights, and do not know the first ones
    first: State | None = None  # what reset() goes back to; without sets where engines remember theirs
    lock: threading.RLock = field(default_factory=threading.RLock)
    versions: Iterator[int] = field(default_factory=lambda: itertools.count(2))

    def part_of(self, name: str) -> EnginePart | None:
        """The engine that has a weight."""
        return next((part for part in self.parts if name in part.weights), None)


class CompiledModule(fx.GraphModule):
    """A compiled module: call it like the one it was made of; `refit` it as often as you like.

    Every call is answered from one state of all weights. Use it from any thread."""

    def __init__(self, root: Any, graph: fx.Graph, program: Program, state: State) -> None:
        super().__init__(root, graph, "CompiledModule")
        for child in self.children():
            if isinstance(child, (EngineModule, TorchModule)):
                child.owner = weakref.ref(self)
        self._program, self._state = program, state
        if program.first is None:
            program.first = first_of(program, state)
        self._adapters: Adapters | None = None
        self.chosen: ContextVar[State | None] = ContextVar("tenon_torch_chosen", default=None)  # by a bank
        self._whole = program.parts[0] if len(program.parts) == 1 and not _has_torch(self) else None
        type(self).__call__ = CompiledModule._call  # type: ignore[method-assign]
        self.training = False

    def _call(self, *args: Any, **kwargs: Any) -> Any:
        if torch.compiler.is_compiling():
            return self.forward(*args, **kwargs)
        return self.run_with(self.chosen.get() or self._state, args, kwargs)

    def _run_graph(self, state: State, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        token = taken.set(state)
        try:
            with torch.no_grad():
                return self.forward(*args, **kwargs)
        finally:
            taken.reset(token)

    def run_with(self, state: State, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call with a state that need not be published."""
        tensors = self._program.signature.flatten(args, kwargs)
        if self._whole is not None:
            return self._program.signature.unflatten(self._whole.run(tensors, state.sets[0]), tensors)
        return self._run_graph(state, args, kwargs)

    # Weights. ------------------------------------------------------------------------------------

    @property
    def engines(self) -> tuple[tenon.Engine, ...]:
        """The engines of the parts, in order."""
        return tuple(part.engine for part in self._program.parts)

    @property
    def adapters(self) -> Adapters:
        """Low-rank changes over the weights."""
        if self._adapters is None:
            self._adapters = Adapters(self)
        return self._adapters

    @property
    def report(self) -> list[Any]:
        """What runs in torch, and why; empty when all is compiled."""
        return list(self._program.report)

    @property
    def state(self) -> State:
        """All current weights; publish() goes back to it."""
        return self._state

    @property
    def version(self) -> int:
        """Of the weights that the next call takes."""
        return self._state.version

    def publish(self, state: State) -> None:
        """Makes a state of this module the current one; calls under way finish with theirs."""
        if len(state.sets) != len(self._program.parts):
            raise tenon.InputError(
                "the state is another module's; publish one of this module", "invalid_input"
            )
        with self._program.lock:
            for part, weights in zip(self._program.parts, state.sets):
                if weights is not None:
                    part.engine.publish(weights)
            self._state = state

    def reset(self) -> None:
        """Goes back to the weights of compile() or load()."""
        first, program = self._program.first, self._program
        assert first is not None
        if first.sets:
            self.publish(first)
            return
        with program.lock:
            before = [part.engine.current for part in program.parts]
            try:
                for part in program.parts:
                    part.engine.reset()
            except BaseException:
                for part, weights in zip(program.parts, before):
                    part.engine.publish(weights)
                raise
            sets = tuple(part.engine.current for part in program.parts)
            self._state = State(next(program.versions), sets, first.tensors)

    def refit(self, source: Any, *, strict: bool = False, complete: bool = False) -> Any:
        """Replaces weights in place, all or nothing, and reports.

        `source`: a mapping of names to tensors or arrays, a module, an ExportedProgram, or the path
        of a file (.safetensors, .npz, .pt, .bin, .pt2, .plan, a folder or index of shards).

            report = compiled.refit(trained.state_dict())"""
        from tenon.torch import _refit

        return _refit.refit(self, source, strict=strict, complete=complete)

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        """As torch's, in place; `assign` changes nothing here. RefitError, and no change, for a misfit."""
        from tenon.torch import _refit

        return _refit.load_state_dict(self, state_dict, strict)

    def state_dict(  # type: ignore[override]
        self, *, destination: Any = None, prefix: str = "", keep_vars: bool = False
    ) -> dict[str, Any]:
        """Copies of the current weights without adapters, under all names of the module that was compiled."""
        if not all(engine.ready for engine in self.engines):
            raise tenon.NotReadyError(
                "the module was saved without its weights; refit() it first", "not_ready"
            )
        values = self.weights()
        found = OrderedDict() if destination is None else destination
        for name in self._program.fqns:
            if name not in self._program.constants:
                found[prefix + name] = values[name]
        return found

    def weights(self, merged: bool = False) -> dict[str, torch.Tensor]:
        """As state_dict(), with non-persistent buffers and tensor constants; `merged`: under the adapters."""
        now = self._state
        state, values = now.plain or now, {}
        for part, weights in zip(self._program.parts, state.sets):
            values.update(part.values(weights))
        values.update((name, tensor.clone()) for name, tensor in state.tensors.items())
        if merged and now.active:
            values.update(self.adapters.merged(now))
        for name in self._program.complexes & values.keys():
            values[name] = (
                torch.view_as_complex(values[name]) if not values[name].is_complex() else values[name]
            )
        for alias, owner in self._program.aliases.items():
            values[alias] = values[owner]
        return values

    # As a Python object. -------------------------------------------------------------------------

    def with_state(self, state: State) -> CompiledModule:
        """A module of the same program with other weights."""
        children = {name: _again(child) for name, child in self.named_children()}
        made = CompiledModule(children, self.graph, self._program, state)
        made.meta = dict(self.meta)
        if self._adapters is not None:
            made._adapters = Adapters(made, self._adapters._known)
        return made

    def __deepcopy__(self, memo: Any) -> CompiledModule:
        return self.with_state(self._state)

    def __copy__(self) -> CompiledModule:
        return self.with_state(self._state)

    def __reduce__(self) -> Any:
        raise TypeError("a compiled module is not pickled; tenon.torch.save() writes it to a file")

    def train(self, mode: bool = True) -> CompiledModule:
        if mode:
            raise tenon.InputError(
                "a compiled module has no train mode; train the original, then refit", "invalid_input"
            )
        return self


def first_of(program: Program, state: State) -> State:
    """The first weights: by their sources, which engines keep anyway, and else as the set itself."""
    known = all(part.engine.ready for part in program.parts) and not program.filled
    if known and program.options.get("sources") != "drop":
        return State(state.version, (), state.tensors)
    return state


def _again(child: Any) -> torch.nn.Module:
    """A child for another module of the same program."""
    if isinstance(child, EngineModule):
        return EngineModule(child.part)
    return TorchModule(child.graph_module, child.names)


def _has_torch(module: CompiledModule) -> bool:
    """Whether the module does more than to call one engine."""
    return any(not isinstance(child, EngineModule) for child in module.children())


def whole(signature: Signature, part: EnginePart) -> tuple[dict[str, Any], fx.Graph]:
    """The graph of a module that is one engine."""
    graph = fx.Graph()
    tensors = []
    names = _identifiers([leaf.path for leaf in signature.inputs])
    for name, leaf in zip(names, signature.inputs):
        node = graph.placeholder(name)
        if leaf.is_tensor:
            tensors.append(node)
    call = graph.call_module("_run_on_acc_0", tuple(tensors))
    results: list[Any] = []
    count = 0
    for leaf in signature.outputs:
        if leaf.is_tensor:
            results.append(graph.call_function(operator.getitem, (call, count)))
        elif leaf.extent:
            results.append(graph.call_function(_number, (spec_of(signature), leaf.extent, tensors)))
        else:
            results.append(leaf.constant)
        count += leaf.is_tensor
    graph.output(tuple(results))
    graph.set_codegen(codegen_of(signature))
    return {"_run_on_acc_0": EngineModule(part)}, graph


def _number(spec: str, extent: str, tensors: Sequence[torch.Tensor]) -> Any:
    """An output that is worked out from the inputs' extents."""
    return evaluate(extent, extents_of(spec, tensors))


def codegen_of(signature: Signature) -> _PyTreeCodeGen:
    """What lets a graph of leaves take and give pytrees."""
    args, kwargs = signature.in_spec.children()
    flat = [f"arg{i}" for i in range(args.num_children)]
    tops = [*flat, *(kwargs.context or [])]
    for name in tops:  # they become source text, and may come from an archive
        if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
            raise tenon.PlanError(f"an input has the name {str(name)[:60]!r}, which is no identifier", "plan")
    return _PyTreeCodeGen(_PyTreeInfo(tops, signature.in_spec, signature.out_spec))


def _identifiers(paths: Sequence[str]) -> list[str]:
    """The paths as names that Python code may have, each once."""
    made: list[str] = []
    for path in paths:
        name = "".join(c if c.isalnum() else "_" for c in path).strip("_") or "arg"
        made.append(f"{name}_{len(made)}" if name in made or not name.isidentifier() else name)
    return made
