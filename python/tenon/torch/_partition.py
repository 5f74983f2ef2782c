"""Cuts a program into parts for engines, parts for torch, and what torch computes of weights alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import fx
from torch.export import ExportedProgram

from tenon.torch._program import place


@dataclass(frozen=True)
class InTorch:
    """One operator that runs in torch: which, where in the model, and why."""

    op: str
    module: str  # path, file and line of the user's code
    reason: str
    at_refit: bool = False  # of weights alone: it runs at each refit, not at each call

    def __str__(self) -> str:
        return f"{self.op} ({self.module}): {self.reason}"


@dataclass
class Piece:
    """Nodes that run together. `inputs` come from outside, `outputs` go there."""

    engine: bool
    nodes: list[fx.Node] = field(default_factory=list)
    inputs: list[fx.Node] = field(default_factory=list)
    outputs: list[fx.Node] = field(default_factory=list)
    module: fx.GraphModule | None = None
    names: tuple[str, ...] = ()  # of the weights that it reads


def flat_module(program: ExportedProgram) -> fx.GraphModule:
    """The program without in-place operators and guards; every tensor is read by get_attr."""
    module: fx.GraphModule = program.run_decompositions({}).module()
    for node in list(module.graph.nodes):
        if node.op == "call_module" and node.target == "_guards_fn":
            module.graph.erase_node(node)
    return module


def pieces(
    module: fx.GraphModule, refused: Mapping[str, str], computed: set[str], smallest: int
) -> list[Piece]:
    """The parts in the order in which they run. `computed`: nodes of weights alone, which no part has."""
    kept = _written(module)
    engine = {
        node: _fits(node) and node.name not in refused and kept.isdisjoint(node.all_input_nodes)
        for node in _work(module, computed)
    }
    found = _grouped(engine)
    small = [p for p in found if p.engine and len(p.nodes) < smallest]
    if small and any(not p.engine for p in found):
        engine.update((node, False) for piece in small for node in piece.nodes)
        found = _grouped(engine)
    for piece in found:
        _border(piece, computed)
    return found


def of_weights(module: fx.GraphModule) -> set[str]:
    """The names of nodes that depend on no input."""
    fixed: set[fx.Node] = set()
    kept = _written(module)
    for node in module.graph.nodes:
        if (node.op == "get_attr" and node not in kept) or (
            node.op == "call_function"
            and not _writes(node)
            and node.all_input_nodes
            and fixed.issuperset(node.all_input_nodes)
        ):
            fixed.add(node)
    return {node.name for node in fixed if node.op == "call_function"}


def _work(module: fx.GraphModule, computed: set[str]) -> Iterable[fx.Node]:
    for node in module.graph.nodes:
        if (
            node.op not in ("placeholder", "get_attr", "output")
            and node.name not in computed
            and not _extent(node)
        ):
            yield node


def _extent(node: fx.Node) -> bool:
    """Sizes are worked out anew wherever they are needed."""
    return isinstance(node.meta.get("val"), (torch.SymInt, int))


def _writes(node: fx.Node) -> bool:
    schema = getattr(node.target, "_schema", None)
    return schema is not None and schema.is_mutable


def _written(module: fx.GraphModule) -> set[fx.Node]:
    """The reads of tensors that the program writes: they are torch's alone."""
    nodes = [node for node in module.graph.nodes if node.op == "call_function" and _writes(node)]
    names = {each.target for node in nodes for each in node.all_input_nodes[:1] if each.op == "get_attr"}
    return {node for node in module.graph.nodes if node.op == "get_attr" and node.target in names}


def _fits(node: fx.Node) -> bool:
    value = node.meta.get("val")
    values = value if isinstance(value, (list, tuple)) else [value]
    return not _writes(node) and all(isinstance(each, torch.Tensor) for each in values)


def _grouped(engine: Mapping[fx.Node, bool]) -> list[Piece]:
    """Nodes by the number of changes between engine and torch before them: no part waits for a later one."""
    levels: dict[fx.Node, int] = {}
    found: dict[tuple[int, bool], Piece] = {}
    for node, kind in engine.items():
        before = [each for each in _sources(node) if each in engine]
        levels[node] = max((levels[each] + (engine[each] != kind) for each in before), default=0)
        found.setdefault((levels[node], kind), Piece(kind)).nodes.append(node)
    return [found[key] for key in sorted(found)]


def _sources(node: fx.Node) -> Iterable[fx.Node]:
    """Operands, those of sizes instead of the sizes; a write waits for all readers of what it writes."""
    for each in node.all_input_nodes:
        if _extent(each):
            yield from _sources(each)
        else:
            yield each
            if _writes(node):
                yield from (user for user in each.users if user is not node)


def _border(piece: Piece, computed: set[str]) -> None:
    inside = set(piece.nodes)
    for node in piece.nodes:
        for each in _operands(node, computed):
            if (
                each not in inside
                and each not in piece.inputs
                and each.op != "get_attr"
                and each.name not in computed
            ):
                piece.inputs.append(each)
        if _leaves(node, inside):
            piece.outputs.append(node)


def _leaves(node: fx.Node, inside: set[fx.Node]) -> bool:
    return any(_leaves(user, inside) if _extent(user) else user not in inside for user in node.users)


def _operands(node: fx.Node, computed: set[str]) -> Iterable[fx.Node]:
    for each in node.all_input_nodes:
        if _extent(each) and each.op == "call_function":
            yield from _operands(each, computed)
        else:
            yield each


# Modules of parts. -------------------------------------------------------------------------------


def build_module(
    source: fx.GraphModule, piece: Piece, computed: Mapping[str, torch.Tensor], owner: Callable[[str], str]
) -> fx.GraphModule:
    """The part as a module that holds the tensors it reads, each under its own name."""
    graph, made, tensors = fx.Graph(), {}, {}
    for node in piece.inputs:
        made[node] = graph.placeholder(node.name)
        made[node].meta = dict(node.meta)

    def copied(node: fx.Node) -> fx.Node:
        if node in made:
            return made[node]
        if node.name in computed or node.op == "get_attr":
            name = node.name if node.name in computed else owner(str(node.target))
            tensors[name] = computed[name] if node.name in computed else _attribute(source, name)
            made[node] = graph.get_attr(name)
            made[node].meta = dict(node.meta)
        else:
            made[node] = graph.node_copy(node, copied)
        return made[node]

    for node in piece.nodes:
        copied(node)
    graph.output(tuple(made[node] for node in piece.outputs))
    piece.names = tuple(tensors)
    piece.module = fx.GraphModule(holder(tensors), graph)
    return piece.module


def computing(source: fx.GraphModule, ends: list[str], owner: Callable[[str], str]) -> fx.GraphModule:
    """A module without inputs that computes the values of nodes that are of weights alone."""
    nodes = [node for node in source.graph.nodes if node.name in ends]
    piece = Piece(False, nodes=nodes, outputs=nodes)
    return build_module(source, piece, {}, owner)


def _attribute(module: torch.nn.Module, name: str) -> torch.Tensor:
    value: Any = module
    for step in name.split("."):
        value = getattr(value, step)
    return value  # type: ignore[no-any-return]


def holder(tensors: Mapping[str, torch.Tensor]) -> torch.nn.Module:
    """Empty modules that hold the tensors at their paths."""
    root = torch.nn.Module()
    for name, tensor in tensors.items():
        *steps, last = name.split(".")
        module = root
        for step in steps:
            if step not in module._modules:
                module.add_module(step, torch.nn.Module())
            module = module._modules[step]  # type: ignore[assignment]
        module.register_buffer(last, tensor.detach())
    return root


def reason_of(node: fx.Node, reason: str, at_refit: bool = False) -> InTorch:
    """The report's line for a node."""
    return InTorch(str(node.target), place(node), reason, at_refit)
