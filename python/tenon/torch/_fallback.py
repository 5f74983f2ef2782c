"""Modules of which parts run in torch: found by what exporter and core refuse, part by part."""

from __future__ import annotations

import logging
import operator
import re
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import fx
from torch.export import ExportedProgram

from tenon import BuildError
from tenon.torch import _core, _graph, _key, _onnx
from tenon.torch._module import CompiledModule, Program
from tenon.torch._part import EngineModule, EnginePart, State, TorchModule
from tenon.torch._partition import (
    InTorch,
    Piece,
    build_module,
    computing,
    flat_module,
    of_weights,
    pieces,
    reason_of,
)
from tenon.torch._program import complex_names, quiet, tensors_of
from tenon.torch._signature import Signature, signature_of
from tenon.torch._spec import spec_of
from tenon.torch._tensors import aliases_of

log = logging.getLogger("tenon")


class Splitter:
    """One compile with torch beside the engines."""

    def __init__(
        self,
        program: ExportedProgram,
        signature: Signature,
        names: Mapping[str, str],
        refit: Any,
        options: dict[str, Any],
        min_block_size: int,
        torch_executed_ops: Iterable[Any],
    ) -> None:
        self.program, self.signature, self.names = program, signature, names
        self.refit, self.options, self.smallest = refit, options, min_block_size
        self.module = flat_module(program)
        self.tensors = tensors_of(program)
        self.aliases = aliases_of(self.tensors, self._owners())
        self.fixed = of_weights(self.module)
        chosen = {str(op) for op in torch_executed_ops}
        self.refused: dict[str, str] = {
            node.name: "is among torch_executed_ops"
            for node in self.module.graph.nodes
            if chosen & {str(node.target), str(node.target).rpartition(".")[0]}
        }
        self.computed: dict[str, torch.Tensor] = {}
        self.calculator: fx.GraphModule | None = None

    def _owners(self) -> list[str]:
        """Of tensors that are one, the name that the program reads first."""
        read = [str(node.target) for node in self.module.graph.nodes if node.op == "get_attr" and node.users]
        return list({name: None for name in read if name in self.tensors})

    def owner(self, name: str) -> str:
        return self.aliases.get(name, name)

    def compile(
        self, examples: tuple[tuple[Any, ...], dict[str, Any]], names: tuple[str, ...]
    ) -> CompiledModule:
        """Cuts, builds, and cuts again where a part is refused, until every part stands."""
        while True:
            self._compute_weights()
            cut = pieces(self.module, self.refused, set(self._hidden()), self.smallest)
            children = self._children(cut, examples)
            if children is not None:
                return self._assembled(cut, children, names)

    # Weights alone. ------------------------------------------------------------------------------

    def _compute_weights(self) -> None:
        """What is refused and depends on weights alone, with all that follows of weights alone."""
        nodes = {node.name: node for node in self.module.graph.nodes}
        chain = {name for name in self.refused if name in self.fixed}
        for name, node in nodes.items():
            if name in self.fixed and any(each.name in chain for each in node.all_input_nodes):
                chain.add(name)
        self.ends = [
            n for n in nodes if n in chain and any(user.name not in chain for user in nodes[n].users)
        ]
        self.calculator = computing(self.module, self.ends, self.owner) if self.ends else None
        with torch.no_grad():
            values = self.calculator() if self.calculator is not None else ()
        self.computed = {name: value.clone() for name, value in zip(self.ends, values)}

    def _hidden(self) -> list[str]:
        """Nodes that no part has: those computed at refits, and those that only lead to them."""
        nodes = {node.name: node for node in self.module.graph.nodes}
        hidden = set(self.computed)
        for name in reversed(list(nodes)):
            users = nodes[name].users
            if name in self.fixed and users and all(user.name in hidden for user in users):
                hidden.add(name)
        return sorted(hidden)

    # Parts. --------------------------------------------------------------------------------------

    def _children(self, cut: list[Piece], examples: Any) -> list[torch.nn.Module] | None:
        """A module for every part; None after a refusal, which is then noted."""
        values = _values(self.module, examples)
        children: list[torch.nn.Module] = []
        engines = 0
        for piece in cut:
            module = build_module(self.module, piece, self.computed, self.owner)
            if not piece.engine:
                children.append(TorchModule(module, piece.names))
                continue
            try:
                part = self._engine(piece, [values[node] for node in piece.inputs], engines)
            except BuildError as error:
                self._note(piece, error)
                return None
            children.append(EngineModule(part))
            engines += 1
        return children

    def _engine(self, piece: Piece, inputs: list[Any], index: int) -> EnginePart:
        assert piece.module is not None
        with quiet(), torch.no_grad():
            try:
                program = torch.export.export(
                    piece.module, tuple(inputs), dynamic_shapes=self._shapes(piece), strict=False
                )
            except Exception as error:  # noqa: BLE001
                cause = (str(error).strip().splitlines() or [type(error).__name__])[0]
                raise BuildError(f"torch.export.export failed: {cause}", "build") from error
        signature = signature_of(program, self._symbols(program, piece))
        inner = [leaf.path for leaf in signature.inputs]
        outer = [leaf.path for leaf in signature.outputs]
        translation = _onnx.translate(program, inner, outer)
        self.translation = translation
        _graph.rename_extents(translation.model.graph, self._symbols(program, piece))
        translation.aliases.update({a: o for a, o in self.aliases.items() if o in translation.tensors})
        refit = self.refit
        if refit not in ("all", "none"):
            refit = [
                *self._chosen(translation),
                *(n for n in translation.tensors if n in self.computed),
            ] or "none"
        return EnginePart(_core.build(translation, refit, self.options), index, spec_of(signature))

    def _chosen(self, translation: _onnx.Translation) -> list[str]:
        """What the user's patterns choose of one part's tensors."""
        import fnmatch

        patterns = [self.refit] if isinstance(self.refit, str) else list(self.refit)
        known = {**{n: n for n in translation.tensors}, **translation.aliases}
        return [owner for name, owner in known.items() if any(fnmatch.fnmatchcase(name, p) for p in patterns)]

    def _shapes(self, piece: Piece) -> Any:
        """Dynamic axes of a part's inputs: those whose extents are symbols of the program."""
        shapes = [
            {
                axis: torch.export.Dim.AUTO
                for axis, e in enumerate(node.meta["val"].shape)
                if isinstance(e, torch.SymInt)
            }
            for node in piece.inputs
        ]
        return tuple(each or None for each in shapes) if any(shapes) else None

    def _symbols(self, program: ExportedProgram, piece: Piece) -> dict[str, str]:
        """The Dims' names by the symbols of a part's own program."""
        found = {}
        placeholders = [n.meta["val"] for n in program.graph.nodes if n.op == "placeholder"][
            -len(piece.inputs) :
        ]
        for node, inner in zip(piece.inputs, placeholders):
            for outer, extent in zip(node.meta["val"].shape, inner.shape):
                if isinstance(extent, torch.SymInt) and isinstance(outer, torch.SymInt):
                    name = str(outer.node.expr)
                    found[str(extent.node.expr)] = self.names.get(name, name)
        return found

    def _note(self, piece: Piece, error: BuildError) -> None:
        """Marks what was refused: the node where it can be told, else the whole part."""
        node = _blamed(piece, error, getattr(self, "translation", None))
        for each in piece.nodes if node is None else [node]:
            self.refused[each.name] = str(error)

    # The whole. ----------------------------------------------------------------------------------

    def _assembled(
        self, cut: list[Piece], children: list[torch.nn.Module], names: tuple[str, ...]
    ) -> CompiledModule:
        graph, made = fx.Graph(), {}
        for node in self.module.graph.nodes:
            if node.op == "placeholder":
                made[node] = graph.node_copy(node)
        named = {}
        for index, (piece, child) in enumerate(zip(cut, children)):
            name = f"_run_on_{'acc' if piece.engine else 'gpu'}_{index}"
            named[name] = child
            call = graph.call_module(name, tuple(made[node] for node in piece.inputs))
            for number, node in enumerate(piece.outputs):
                made[node] = graph.call_function(operator.getitem, (call, number))
        output = next(node for node in self.module.graph.nodes if node.op == "output")

        def copied(node: fx.Node) -> fx.Node:
            """A value of the parts, or an extent of one."""
            if node not in made:
                made[node] = graph.node_copy(node, copied)
            return made[node]

        graph.output(fx.map_arg(output.args[0], copied))
        graph.set_codegen(self.module.graph._codegen)
        parts = tuple(child.part for child in children if isinstance(child, EngineModule))
        return CompiledModule(named, graph, self._program(cut, parts, names), self._state(cut, parts))

    def _program(self, cut: list[Piece], parts: tuple[EnginePart, ...], names: tuple[str, ...]) -> Program:
        weights = {name for part in parts for name in part.weights}
        in_torch = {name for piece in cut if not piece.engine for name in piece.names} | set(
            self._calculated()
        )
        read = {name for piece in cut for name in piece.names} | in_torch
        volatile = {*self.program.graph_signature.non_persistent_buffers, *self.program.constants}
        return Program(
            signature=self.signature,
            parts=parts,
            fqns=names,
            aliases=self.aliases,
            constants=frozenset(n for n in names if n in volatile),
            frozen=frozenset(n for n in read if n not in weights and n not in in_torch and n in self.tensors),
            unused=frozenset(n for n in self.tensors if n not in read and n not in self.aliases),
            complexes=complex_names(self.program),
            torch_weights=frozenset(n for n in in_torch if n in self.tensors),
            exported=_key.lines(self.program),
            report=self._report(),
            options=self.options,
            calculator=self.calculator,
            calculated=tuple(self.ends),
            torch_reads=frozenset(in_torch),
        )

    def _calculated(self) -> list[str]:
        return [] if self.calculator is None else [n for n, _ in self.calculator.named_buffers()]

    def _state(self, cut: list[Piece], parts: tuple[EnginePart, ...]) -> State:
        weights = {name for part in parts for name in part.weights}
        torchs = {name for piece in cut if not piece.engine for name in piece.names} | set(self._calculated())
        kept = {
            n: t
            for n, t in self.tensors.items()
            if n not in self.aliases and (n in torchs or n not in weights)
        }
        kept.update({n: self.computed[n] for n in torchs if n in self.computed})
        return State(
            1, tuple(part.engine.current for part in parts), {n: t.detach().clone() for n, t in kept.items()}
        )

    def _report(self) -> list[InTorch]:
        lines = []
        for node in self.module.graph.nodes:
            if node.name in self.refused:
                lines.append(reason_of(node, self.refused[node.name], node.name in self.fixed))
            elif node.op == "call_function" and str(node.target).endswith("copy_.default"):
                lines.append(reason_of(node, "writes a buffer, and an engine keeps no state between calls"))
        if lines:
            log.warning("%d operators run in torch; the first is %s", len(lines), lines[0])
        return lines


def _values(module: fx.GraphModule, examples: Any) -> dict[fx.Node, Any]:
    """The value of every node on the examples; buffers are as before."""
    found: dict[fx.Node, Any] = {}

    class Recorder(fx.Interpreter):
        def run_node(self, node: fx.Node) -> Any:
            found[node] = super().run_node(node)
            return found[node]

    leaves = torch.utils._pytree.tree_leaves(examples)
    before = {name: value.clone() for name, value in module.named_buffers()}
    with torch.no_grad():
        Recorder(module).run(*leaves, enable_io_processing=False)
        for name, value in module.named_buffers():
            if not torch.equal(value, before[name]):
                value.copy_(before[name])
    return found


def _blamed(piece: Piece, error: BaseException, translation: Any) -> fx.Node | None:
    """The part's node that an error is about."""
    inner = _failing(error)
    if inner is None and translation is not None:
        names = set(re.findall(r'"([^"]+)"', str(error)))
        inner = next((n.meta.get("node") for n in translation.model.graph if n.name in names), None)
    if inner is None:
        return None
    names = {inner.name, *_origins(inner.meta.get("from_node") or [])}
    return next((node for node in piece.nodes if node.name in names), None)


def _failing(error: BaseException | None) -> fx.Node | None:
    """The node that the exporter was at: it is a local of the frame that raised."""
    found = None
    while error is not None:
        trace = error.__traceback__
        while trace is not None:
            node = trace.tb_frame.f_locals.get("node")
            found = node if isinstance(node, fx.Node) else found
            trace = trace.tb_next
        error = error.__cause__
    return found


def _origins(sources: list[Any]) -> Iterable[str]:
    for source in sources:
        yield source.name
        yield from _origins(source.from_node)
