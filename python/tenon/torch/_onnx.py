"""An ExportedProgram as an ONNX graph in memory that keeps every name of the module's tensors."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import onnx_ir as ir
import torch
from torch.export import ExportedProgram

from tenon import BuildError
from tenon.torch import _graph
from tenon.torch._program import WEIGHTS, place, quiet, refuse_mutation, tensors_alone, tensors_of
from tenon.torch._tensors import aliases_of, error_with

#: The first in which attention and GELU stay one node.
OPSET = 23


@dataclass
class Translation:
    """The graph; `tensors` by the names of its initializers, further names of them in `aliases`."""

    model: ir.Model
    tensors: dict[str, torch.Tensor]
    aliases: dict[str, str]
    unused: dict[str, torch.Tensor] = field(default_factory=dict)


def translate(program: ExportedProgram, inputs: list[str], outputs: list[str]) -> Translation:
    """The program in ONNX; `inputs` and `outputs` name its ports, where no tensor has that name.

    BuildError names operators without a translation, and what the program writes or would lose."""
    refuse_mutation(program)
    model = _export(tensors_alone(program))
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
            return _model(torch.onnx.export(program, **options))
        except Exception as first:  # noqa: BLE001  (the exporter raises whatever its passes do)
            if refused := untranslated(first):
                raise _no_translation(program, refused) from first
            try:
                return _model(torch.onnx.export(program.run_decompositions(), **options))
            except Exception as second:  # noqa: BLE001
                if refused := untranslated(second):
                    raise _no_translation(program, refused) from second
                cause = str(_root(second)).strip().splitlines() or [type(second).__name__]
                raise BuildError(f"torch.onnx.export failed: {cause[0]}", "build") from second


def _model(program: Any) -> ir.Model:
    model: ir.Model = program.model
    return model


def _root(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def untranslated(error: BaseException) -> str | None:
    """The operator that the exporter has no translation of, when that is why it failed."""
    each: BaseException | None = error
    while each is not None:
        if type(each).__name__ == "DispatchError":
            named = re.search(r"op='([^']+)'", str(each))
            return named[1] if named else str(each).splitlines()[0]
        each = each.__cause__
    return None


def _no_translation(program: ExportedProgram, name: str) -> Exception:
    return BuildError(f"torch.onnx has no translation of {name}", "unsupported")


# Refusals. ---------------------------------------------------------------------------------------


def _refuse_lost(program: ExportedProgram, kept: set[str]) -> None:
    """The exporter drops some operands without a word; an engine would answer wrongly."""
    placeholders = {node.name: node for node in program.graph.nodes if node.op == "placeholder"}
    problems = []
    for spec in program.graph_signature.input_specs:
        node = placeholders.get(getattr(spec.arg, "name", ""))
        if spec.kind in WEIGHTS and node is not None and node.users and spec.target not in kept:
            user = next(iter(node.users))
            problems.append(
                f'weights: "{spec.target}" is used by {user.target} ({place(user)}), but torch.onnx.export drops it'
            )
    if problems:
        raise error_with(BuildError, problems)
