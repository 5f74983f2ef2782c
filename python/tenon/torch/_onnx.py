"""An ExportedProgram as an ONNX graph in memory that keeps every name of the module's tensors."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import onnx_ir as ir
import torch
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind

from tenon import BuildError
from tenon.torch import _graph
from tenon.torch._tensors import aliases_of, error_with

#: The first in which attention and GELU stay one node.
OPSET = 23

_WEIGHTS = (InputKind.PARAMETER, InputKind.BUFFER, InputKind.CONSTANT_TENSOR)


@dataclass
class Translation:
    """The graph; `tensors` by the names of its initializers, further names of them in `aliases`."""

    model: ir.Model
    tensors: dict[str, torch.Tensor]
    aliases: dict[str, str]
    unused: dict[str, torch.Tensor] = field(default_factory=dict)


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


def translate(program: ExportedProgram, inputs: list[str], outputs: list[str]) -> Translation:
    """The program in ONNX; `inputs` and `outputs` name its ports, where no tensor has that name.

    BuildError names operators without a translation, and what the program writes or would lose."""
    refuse_mutation(program)
    model = _export(program)
    tensors = tensors_of(program)
    _graph.tidy(model.graph)
    _graph.name_values(model.graph, inputs, outputs)
    held = {name: tensors[name] for name in model.graph.initializers if name in tensors}
    aliases = aliases_of(tensors, held)
    _refuse_lost(program, {*held, *aliases})
    unused = {k: v for k, v in tensors.items() if k not in held and k not in aliases}
    return Translation(model, held, aliases, unused)


def _export(program: ExportedProgram) -> ir.Model:
    options: dict[str, Any] = {"dynamo": True, "optimize": False, "opset_version": OPSET, "verbose": False}
    with quiet(), torch.no_grad():
        try:
            return torch.onnx.export(program, **options).model
        except Exception as first:  # noqa: BLE001  (the exporter raises whatever its passes do)
            if refused := untranslated(first):
                raise _no_translation(program, refused) from first
            try:
                return torch.onnx.export(program.run_decompositions(), **options).model
            except Exception as second:  # noqa: BLE001
                if refused := untranslated(second):
                    raise _no_translation(program, refused) from second
                cause = str(_root(second)).strip().splitlines() or [type(second).__name__]
                raise BuildError(f"torch.onnx.export failed: {cause[0]}", "build") from second


def _root(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def untranslated(error: BaseException) -> str | None:
    """The operator that the exporter has no translation of, when that is why it failed."""
    each: BaseException | None = error
    while each is not None:
        if type(each).__name__ == "DispatchError":
            return str(each).partition("No ONNX function found for ")[2].partition(".")[0] or str(each)
        each = each.__cause__
    return None


def _no_translation(program: ExportedProgram, name: str) -> Exception:
    return BuildError(f"torch.onnx has no translation of {name}", "unsupported")


def place(node: torch.fx.Node) -> str:
    """Where a node comes from: its module's path, and the line of the user's code."""
    stack = node.meta.get("nn_module_stack") or {}
    path = [each[0] for each in stack.values()][-1:] or [""]
    lines = [line.strip() for line in (node.meta.get("stack_trace") or "").splitlines()]
    files = [line for line in lines if line.startswith("File ")]
    where = files[-1].removeprefix("File ").rpartition(", in ")[0].replace('"', "") if files else ""
    return ", ".join(part for part in (f'module "{path[0]}"' if path[0] else "", where) if part)


# Refusals. ---------------------------------------------------------------------------------------


def _refuse_lost(program: ExportedProgram, kept: set[str]) -> None:
    """The exporter drops some operands without a word; an engine would answer wrongly."""
    placeholders = {node.name: node for node in program.graph.nodes if node.op == "placeholder"}
    problems = []
    for spec in program.graph_signature.input_specs:
        node = placeholders.get(getattr(spec.arg, "name", ""))
        if spec.kind in _WEIGHTS and node is not None and node.users and spec.target not in kept:
            user = next(iter(node.users))
            problems.append(
                f'weights: "{spec.target}" is used by {user.target} ({place(user)}), but torch.onnx.export drops it'
            )
    if problems:
        raise error_with(BuildError, problems)


def written(program: ExportedProgram) -> dict[str, torch.fx.Node]:
    """The buffers and parameters that a program writes, each with a node that does."""
    signature = program.graph_signature
    names = {s.arg.name: s.target for s in signature.input_specs if s.kind in _WEIGHTS}
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
