"""torch.compile(module, backend="tenon"): graphs whose parameters arrive as arguments become engines."""

from __future__ import annotations

import logging
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import fx

from tenon import BuildError
from tenon.torch import _refit
from tenon.torch._compile import compile
from tenon.torch._module import CompiledModule
from tenon.torch._part import State
from tenon.torch._partition import holder
from tenon.torch._settings import ACCEPTED, HONOURED
from tenon.torch._sources import Source

log = logging.getLogger("tenon")

_OPTIONS = (
    "refit",
    "fallback",
    "check",
    "min_block_size",
    "torch_executed_ops",
    "threads",
    "tactics",
    "without",
    "sets",
    "sources",
    "cache",
)
_said_training = False


def backend(
    module: fx.GraphModule, inputs: Sequence[Any], *, options: Mapping[str, Any] | None = None, **_: Any
) -> Callable[..., Any]:
    """The backend that torch.compile calls; `options` are compile()'s.

    model = torch.compile(model, backend="tenon", options={"tactics": "first"})"""
    chosen = dict(options or {})
    theirs = {name: value for name, value in chosen.items() if name not in _OPTIONS}
    if unknown := sorted(theirs.keys() - {*HONOURED, *ACCEPTED}):
        raise TypeError(
            f'backend "tenon": there is no option "{unknown[0]}"; there are {", ".join(_OPTIONS)}'
        )
    if torch.is_grad_enabled() and any(
        isinstance(each, torch.Tensor) and each.requires_grad for each in inputs
    ):
        _say_training()
        return module.forward
    try:
        return _Graph(module, inputs, chosen)
    except BuildError as error:
        if chosen.get("fallback", "torch") == "error":
            raise
        log.warning("a graph runs in torch: %s", error)
        return module.forward


def _say_training() -> None:
    global _said_training
    if not _said_training:
        log.warning(
            "graphs that need gradients run in torch; call the model under torch.no_grad() to compile it"
        )
    _said_training = True


class _Graph:
    """One graph's engine, and the sets of weights of the modules that share it."""

    KEPT = 4  # sets: two modules that alternate must not refit each time

    def __init__(self, module: fx.GraphModule, inputs: Sequence[Any], options: dict[str, Any]) -> None:
        nodes = [node for node in module.graph.nodes if node.op == "placeholder"]
        self.weights = {i: name for i, name in enumerate(_names(nodes)) if name is not None}
        self.tensors = [
            i for i, each in enumerate(inputs) if i not in self.weights and isinstance(each, torch.Tensor)
        ]
        named = {name: inputs[i] for i, name in self.weights.items()}
        examples = tuple(inputs[i] for i in self.tensors)
        inner = _with_attributes(module, nodes, self.weights, self.tensors, named)
        options.setdefault(
            "check", False
        )  # the examples are the first call's: an answer that is wrong is seen there
        shapes = _shapes([nodes[i] for i in self.tensors])
        with torch._guards.tracing(None):
            self.compiled = _compiled(inner, examples, shapes, options)
        self.states: OrderedDict[tuple[int, ...], tuple[tuple[Any, ...], State, list[Any]]] = OrderedDict()
        self.lock = threading.Lock()

    def __call__(self, *inputs: Any) -> Any:
        state = self._state_of([inputs[i] for i in self.weights])
        return self.compiled.run_with(state, tuple(inputs[i] for i in self.tensors), {})

    def _state_of(self, weights: list[torch.Tensor]) -> State:
        """The set of these very tensors, as they now are; new ones are a refit."""
        key = tuple(map(id, weights))
        now = tuple((each._version, each.data_ptr()) for each in weights)
        with self.lock:
            found = self.states.get(key)
            if found is None or found[0] != now:
                state = self._refitted(weights, found)
                self.states[key] = (now, state, weights)  # held, so that an id stays theirs
            self.states.move_to_end(key)
            while len(self.states) > self.KEPT:
                self.states.popitem(last=False)
            return self.states[key][1]

    def _refitted(self, weights: list[torch.Tensor], found: Any) -> State:
        given = dict(zip(self.weights.values(), weights))
        state, _ = _refit.prepare(self.compiled, Source(given))
        return state


def _compiled(
    module: torch.nn.Module, examples: tuple[Any, ...], shapes: Any, options: dict[str, Any]
) -> CompiledModule:
    if not examples:
        raise BuildError("a graph without tensor inputs is a constant; leave it to torch", "build")
    return compile(module.eval(), examples, dynamic_shapes=shapes, **options)


def _names(nodes: Sequence[fx.Node]) -> list[str | None]:
    """The FQN of every placeholder that is a parameter or buffer of a module."""
    found: list[str | None] = []
    for node in nodes:
        source = getattr(getattr(node, "_dynamo_source", None), "name", "")
        source = source() if callable(source) else source
        is_weight = "_parameters[" in source or "_buffers[" in source
        steps = [step for step in re.findall(r"\['([^']*)'\]", source)[1:]]
        name = ".".join(steps) if is_weight and steps else None
        found.append(f"{node.name}" if name in found and name is not None else name)
    return found


def _with_attributes(
    module: fx.GraphModule,
    nodes: Sequence[fx.Node],
    weights: Mapping[int, str],
    tensors: Sequence[int],
    named: Mapping[str, torch.Tensor],
) -> fx.GraphModule:
    """The graph with its weights as attributes, and sizes taken from its tensors."""
    graph, made = fx.Graph(), {}
    for i in tensors:
        made[nodes[i]] = graph.node_copy(nodes[i])
    for i, name in weights.items():
        made[nodes[i]] = graph.get_attr(name)
    for i, node in enumerate(nodes):
        if i not in weights and i not in tensors:
            made[node] = _size(graph, node, [nodes[t] for t in tensors], made)
    for node in module.graph.nodes:
        if node.op != "placeholder":
            made[node] = graph.node_copy(node, lambda each: made[each])
    root = holder(named)
    for name, value in [*module.named_children(), *module.named_buffers(recurse=False)]:
        setattr(root, name, value)
    return fx.GraphModule(root, graph)


def _size(graph: fx.Graph, node: fx.Node, tensors: Sequence[fx.Node], made: Mapping[fx.Node, fx.Node]) -> Any:
    """An extent that arrives as an argument, as the size of a tensor that has it."""
    wanted = node.meta.get("example_value")
    for tensor in tensors:
        for axis, extent in enumerate(tensor.meta["example_value"].shape):
            if isinstance(extent, torch.SymInt) and str(extent) == str(wanted):
                return graph.call_function(torch.ops.aten.sym_size.int, (made[tensor], axis))
    raise BuildError(
        f'the argument "{node.name}" of the graph is no tensor and no extent of one', "unsupported"
    )


def _shapes(nodes: Sequence[fx.Node]) -> Any:
    """Which axes vary, as dynamo saw it; None when none does."""
    shapes = []
    for node in nodes:
        value = node.meta.get("example_value")
        extents = enumerate(value.shape) if isinstance(value, torch.Tensor) else ()
        shapes.append(
            {axis: torch.export.Dim.AUTO for axis, e in extents if isinstance(e, torch.SymInt)} or None
        )
    return tuple(shapes) if any(shapes) else None
