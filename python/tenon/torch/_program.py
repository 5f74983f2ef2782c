"""Reading ExportedPrograms: their tensors, what they write, and where their nodes come from."""

from __future__ import annotations

import contextlib
import copy
import io
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import torch
import torch.utils._pytree as pytree
from torch.export import ExportedProgram
from torch.export.graph_signature import ExportGraphSignature, InputKind, OutputKind, TensorArgument

from tenon import BuildError
from tenon.torch._tensors import error_with

WEIGHTS = (InputKind.PARAMETER, InputKind.BUFFER, InputKind.CONSTANT_TENSOR)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keeps the exporter's remarks on tensors that nothing uses, and its progress, to itself."""
    names = ("torch.onnx", "onnxscript", "onnx_ir", "torch.export")
    levels = {name: logging.getLogger(name).level for name in names}
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        for name in names:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)


def tensors_of(program: ExportedProgram) -> dict[str, torch.Tensor]:
    """All parameters, buffers and tensor constants of a program, shared ones under each name."""
    constants = {k: v for k, v in program.constants.items() if isinstance(v, torch.Tensor)}
    return {**program.state_dict, **constants}


def complex_names(program: ExportedProgram) -> frozenset[str]:
    """The tensors of complex numbers."""
    return frozenset(name for name, tensor in tensors_of(program).items() if tensor.is_complex())


def tensors_alone(program: ExportedProgram) -> ExportedProgram:
    """The program without those of its outputs that are no tensors, for which the exporter has no place."""
    signature = program.graph_signature
    kept = [isinstance(spec.arg, TensorArgument) for spec in signature.output_specs]
    if all(kept):
        return program
    graph = torch.fx.Graph()
    made: dict[torch.fx.Node, torch.fx.Node] = {}
    graph.graph_copy(program.graph, made)
    results = [made[value] for value, keep in zip(_results(program), kept) if keep]
    graph.output(tuple(results))
    users = [spec.kind == OutputKind.USER_OUTPUT for spec, keep in zip(signature.output_specs, kept) if keep]
    calls = copy.copy(program.module_call_graph)
    calls[0] = copy.deepcopy(calls[0])
    if calls[0].signature is not None:
        calls[0].signature.out_spec = pytree.tree_structure(tuple([0] * sum(users)))
        calls[0].signature.outputs = [
            each for each in calls[0].signature.outputs if isinstance(each, TensorArgument)
        ]
    return ExportedProgram(
        root=torch.fx.GraphModule(program.graph_module, graph),
        graph=graph,
        graph_signature=ExportGraphSignature(
            list(signature.input_specs), [s for s, keep in zip(signature.output_specs, kept) if keep]
        ),
        state_dict=program.state_dict,
        range_constraints=program.range_constraints,
        module_call_graph=calls,
        example_inputs=program.example_inputs,
        constants=program.constants,
        verifiers=program.verifiers,
    )


def _results(program: ExportedProgram) -> Any:
    """What the graph gives, in order."""
    return program.graph.output_node().args[0]


def place(node: torch.fx.Node) -> str:
    """Where a node comes from: its module's path, and the line of the user's code."""
    stack = node.meta.get("nn_module_stack") or {}
    path = [each[0] for each in stack.values()][-1:] or [""]
    lines = [line.strip() for line in (node.meta.get("stack_trace") or "").splitlines()]
    files = [line for line in lines if line.startswith("File ")]
    where = files[-1].removeprefix("File ").rpartition(", in ")[0].replace('"', "") if files else ""
    return ", ".join(part for part in (f'module "{path[0]}"' if path[0] else "", where) if part)


def written(program: ExportedProgram) -> dict[str, torch.fx.Node]:
    """The buffers and parameters that a program writes, each with a node that does."""
    signature = program.graph_signature
    names = {s.arg.name: s.target for s in signature.input_specs if s.kind in WEIGHTS}
    found = {}
    for node in program.graph.nodes:
        for operand in _written_operands(node):
            root = _viewed(operand)
            if root.op == "placeholder" and root.name in names:
                found[names[root.name]] = node
    return found


def refuse_mutation(program: ExportedProgram) -> None:
    """BuildError when the program writes its own tensors: an engine's weights change by refits alone."""
    problems = [
        f'buffer "{name}" is written by {node.target} ({place(node)}); an engine keeps no state between calls'
        for name, node in written(program).items()
    ]
    if not problems:
        problems = [
            f'buffer "{name}" is written by the program; an engine keeps no state between calls'
            for name in program.graph_signature.buffers_to_mutate.values()
        ]
    if problems:
        raise error_with(BuildError, problems)


def _written_operands(node: torch.fx.Node) -> list[torch.fx.Node]:
    schema = getattr(node.target, "_schema", None)
    if node.op != "call_function" or schema is None:
        return []
    if schema.name == "aten::batch_norm" and len(node.args) > 5 and node.args[5]:
        return [each for each in node.args[3:5] if isinstance(each, torch.fx.Node)]
    pairs = zip(schema.arguments, node.args)
    return [a for s, a in pairs if s.alias_info and s.alias_info.is_write and isinstance(a, torch.fx.Node)]


def _viewed(node: torch.fx.Node) -> torch.fx.Node:
    """The value that a chain of views looks at."""
    while node.op == "call_function" and (schema := getattr(node.target, "_schema", None)):
        if not schema.returns or schema.returns[0].alias_info is None or not node.args:
            break
        if not isinstance(node.args[0], torch.fx.Node):
            break
        node = node.args[0]
    return node
