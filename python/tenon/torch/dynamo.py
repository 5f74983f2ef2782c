"""torch_tensorrt.dynamo's names: compile, refit_module_weights, trace, export."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.export import ExportedProgram

from tenon.torch._compile import compile as _compile
from tenon.torch._input import examples_of
from tenon.torch._module import CompiledModule
from tenon.torch._program import quiet
from tenon.torch._refit import refit_module_weights
from tenon.torch._settings import OWN, inputs_of, understood

__all__ = ["CompilationSettings", "compile", "export", "refit_module_weights", "trace"]


class CompilationSettings(dict[str, Any]):
    """Settings by name, as attributes too; TypeError for one that compile() does not take.

    settings = CompilationSettings(min_block_size=1); compile(program, inputs, **settings)"""

    def __init__(self, **settings: Any) -> None:
        understood({name: value for name, value in settings.items() if name not in OWN})
        super().__init__(**settings)

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"{name!r} is not among the settings") from None


def compile(
    exported_program: ExportedProgram,
    inputs: Any = None,
    *,
    arg_inputs: Any = None,
    kwarg_inputs: Mapping[str, Any] | None = None,
    min_block_size: int = 5,
    **settings: Any,
) -> CompiledModule:
    """tenon.torch.compile of a program; min_block_size is theirs, 5.

    compiled = tenon.torch.dynamo.compile(torch.export.export(model, (x,)), (x,))"""
    given = inputs_of(inputs or (), arg_inputs)
    return _compile(
        exported_program, given, kwarg_inputs=kwarg_inputs, min_block_size=min_block_size, **settings
    )


def trace(
    module: torch.nn.Module,
    inputs: Any = None,
    *,
    arg_inputs: Any = None,
    kwarg_inputs: Mapping[str, Any] | None = None,
    strict: bool = False,
    **_: Any,
) -> ExportedProgram:
    """The module as a program; Inputs give shapes, and those that vary.

    program = tenon.torch.dynamo.trace(model, [tenon.torch.Input((2, 3))])"""
    args, shapes = examples_of(inputs_of(inputs or (), arg_inputs))
    with quiet(), torch.no_grad():
        return torch.export.export(
            module, args, dict(kwarg_inputs or {}), dynamic_shapes=shapes, strict=strict
        )


export = trace


def convert_exported_program_to_serialized_trt_engine(
    exported_program: ExportedProgram, inputs: Sequence[Any] = (), **settings: Any
) -> bytes:
    """The plan of a program that is wholly compiled, as bytes for tenon.load."""
    compiled = compile(exported_program, inputs, require_full_compilation=True, **settings)
    return compiled._program.parts[0].plan(compiled.state.sets[0])
