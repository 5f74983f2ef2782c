"""Refits of compiled modules: all engines and torch's own parts, or nothing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.utils._pytree as pytree
from torch.export import ExportedProgram

from tenon import InputError, RefitError
from tenon.torch import _archive, _key, _names, _sources
from tenon.torch._compare import differences
from tenon.torch._module import CompiledModule, Program
from tenon.torch._part import State
from tenon.torch._tensors import error_with, unfit


@dataclass(frozen=True)
class RefitReport:
    """What a refit did; all names are the module's."""

    changed: list[str]
    ignored: list[str]
    reasons: dict[str, str]
    kept: list[str]
    overflowed: dict[str, int]
    prefix: str  # what was taken off the given names
    seconds: float
    version: int


@dataclass
class _Plan:
    """What a source changes: weights by part, torch's tensors, and everything wrong with it."""

    weights: dict[str, torch.Tensor] = field(default_factory=dict)
    tensors: dict[str, torch.Tensor] = field(default_factory=dict)
    computed: dict[str, torch.Tensor] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    prefix: str = ""


def refit(
    module: CompiledModule, source: Any, *, strict: bool = False, complete: bool = False
) -> RefitReport:
    """CompiledModule.refit."""
    read = _sources.read(source, module._program.constants)
    with module._program.lock:
        state, report = prepare(module, read, strict=strict, complete=complete)
        module.publish(state)
    return report


def prepare(
    module: CompiledModule,
    source: _sources.Source,
    *,
    strict: bool = False,
    complete: bool = False,
    base: State | None = None,
) -> tuple[State, RefitReport]:
    """A state that is not published, relative to the current one or `base`. RefitError holds every problem."""
    start = time.perf_counter()
    program, over = module._program, base or module._state
    base = over.plain or over
    _refuse_other_program(program, source)
    plan = _plan(program, base, source.tensors, strict)
    kept = _kept(program, plan)
    if not plan.problems:
        _calculate(program, base, plan)
    if complete:
        plan.problems += [f'weights: "{name}" is missing' for name in kept]
    sets = list(base.sets)
    for part in program.parts:
        own = {n: t for n, t in {**plan.weights, **plan.computed}.items() if n in part.weights}
        if own:
            try:
                sets[part.index] = part.prepare(base.sets[part.index], own)
            except RefitError as error:
                plan.problems += error.problems or [str(error)]
    if plan.problems:
        raise error_with(RefitError, plan.problems)
    state = State(
        next(program.versions), tuple(sets), {**base.tensors, **plan.tensors, **_shared(program, plan)}
    )
    if over.active:
        state = module.adapters.over(state, dict(over.active))
    report = RefitReport(
        changed=sorted({*plan.weights, *(n for n in plan.tensors if n not in plan.reasons)}),
        ignored=sorted(plan.reasons),
        reasons=plan.reasons,
        kept=kept,
        overflowed=_overflows(program, plan),
        prefix=plan.prefix,
        seconds=time.perf_counter() - start,
        version=state.version,
    )
    return state, report


def load_state_dict(module: CompiledModule, state_dict: Mapping[str, Any], strict: bool) -> Any:
    """torch's pair of missing and unexpected names; strict: RefitError for either."""
    program = module._program
    source = _sources.read(state_dict)
    wanted = [name for name in program.fqns if name not in program.constants]
    unexpected = [name for name in source.tensors if name not in program.fqns]
    present = {program.aliases.get(name, name) for name in source.tensors}
    missing = [name for name in wanted if program.aliases.get(name, name) not in present]
    if strict and (missing or unexpected):
        lost = [f'weights: "{name}" is missing' for name in missing]
        raise error_with(RefitError, [*(_names.unknown(n, program.fqns) for n in unexpected), *lost])
    known = {name: t for name, t in source.tensors.items() if name in program.fqns}
    with program.lock:
        state, _ = prepare(module, _sources.Source(known))
        module.publish(state)
    return torch.nn.modules.module._IncompatibleKeys(missing, unexpected)


# The plan. ---------------------------------------------------------------------------------------


def _refuse_other_program(program: Program, source: _sources.Source) -> None:
    if source.program is None:
        return
    other = _key.first_difference(program.exported, _key.lines(source.program))
    if other is not None:
        raise RefitError(f"the program is of another architecture: {other}", problems=(other,))


def _plan(program: Program, base: State, given: Mapping[str, torch.Tensor], strict: bool) -> _Plan:
    known = frozenset(program.fqns)
    plan = _Plan(prefix=_names.without_wrapper(given, known))
    given = {name.removeprefix(plan.prefix): tensor for name, tensor in given.items()}
    strange = [name for name in given if name not in known]
    if any(".base_layer." in name for name in strange):
        plan.problems.append(
            "the names are of a live PeftModel; merge_and_unload() it and give its state_dict"
        )
        return plan
    hint = _names.rule(given, known) if strange and len(strange) == len(given) else ""
    plan.problems += _names.clashes({n: t for n, t in given.items() if n in known}, program.aliases)
    for name, tensor in given.items():
        if name not in known:
            _take_strange(plan, name, tensor, strict, known, hint)
        elif why := unfit(tensor):
            plan.problems.append(f'weights: "{name}" {why}')
        else:
            _take(plan, program, base, name, tensor)
    return plan


def _calculate(program: Program, base: State, plan: _Plan) -> None:
    """The weights of engines that torch computes from others."""
    if program.calculator is None:
        return
    names = [name for name, _ in program.calculator.named_buffers()]
    if plan.tensors.keys().isdisjoint(names):
        return
    tensors = {**base.tensors, **plan.tensors}
    with torch.no_grad():
        values = torch.func.functional_call(program.calculator, {name: tensors[name] for name in names}, ())
    plan.computed = dict(zip(program.calculated, values))


def _shared(program: Program, plan: _Plan) -> dict[str, torch.Tensor]:
    """What torch's parts read of the computed."""
    return {name: value for name, value in plan.computed.items() if name in program.torch_reads}


def _take(plan: _Plan, program: Program, base: State, name: str, tensor: torch.Tensor) -> None:
    owner = program.aliases.get(name, name)
    if program.part_of(owner) is not None:
        plan.weights[owner] = tensor
        if owner not in program.torch_weights:
            return
    old = base.tensors[owner]
    if owner in program.frozen:
        if not _same(old, tensor):
            plan.problems.append(f'weights: "{name}" is frozen; compile with it among `refit` to change it')
        plan.reasons[name] = "is frozen, and has the value that was compiled"
        return
    if old.shape != tensor.shape or (old.dtype != tensor.dtype and not tensor.is_floating_point()):
        plan.problems.append(f'weights: "{name}" is {_type(tensor)}, the module has {_type(old)}')
        return
    plan.tensors[owner] = tensor.detach().to(old.dtype, copy=True)
    if owner in program.unused:
        plan.reasons[name] = "is used by no operator of the program"


def _take_strange(
    plan: _Plan, name: str, tensor: torch.Tensor, strict: bool, known: frozenset[str], hint: str
) -> None:
    """As the core: integers that nobody knows are no weights."""
    if strict or tensor.is_floating_point() or tensor.is_complex():
        plan.problems.append(_names.unknown(name, known, hint))
    else:
        plan.reasons[name] = "is an integer that the module does not have"


def _kept(program: Program, plan: _Plan) -> list[str]:
    """Weights that were not given, under their first names."""
    weights = {name for part in program.parts for name in part.weights} - {*program.calculated}
    weights |= program.torch_weights
    return sorted(weights - plan.weights.keys() - plan.tensors.keys())


def _same(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype and bool(torch.equal(a, b.to(a.device)))


def _type(tensor: torch.Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"


def _overflows(program: Program, plan: _Plan) -> dict[str, int]:
    """Finite values that became infinite, for weights that were narrowed."""
    found = {}
    for name, tensor in plan.weights.items():
        part = program.part_of(name)
        dtype = part.dtypes[name] if part else tensor.dtype
        if tensor.is_floating_point() and torch.finfo(dtype).max < torch.finfo(tensor.dtype).max:
            if count := int((tensor.isfinite() & tensor.to(dtype).isinf()).sum()):
                found[name] = count
    return found


# torch_tensorrt's function. ----------------------------------------------------------------------


def refit_module_weights(
    compiled_module: Any,
    new_weight_module: Any,
    arg_inputs: Any = None,
    kwarg_inputs: Any = None,
    verify_output: bool = False,
    *sixth: Any,
    use_weight_map_cache: bool = True,
    in_place: bool = False,
    rtol: float = 5e-3,
    atol: float = 5e-3,
) -> Any:
    """torch_tensorrt.dynamo's: the module with the weights of another, which is a new one unless `in_place`.

    new_weight_module: an ExportedProgram, a module, a mapping, or a path. verify_output: run the new
    weights on the inputs before anything changes, and compare every output with the new module's.
    use_weight_map_cache means nothing here.

        refitted = refit_module_weights(compiled, torch.export.export(trained, (x,)), (x,), verify_output=True)
    """
    if sixth:
        raise TypeError(
            "refit_module_weights: the sixth positional argument is use_weight_map_cache in some versions of "
            "torch_tensorrt and in_place in others; give it by name"
        )
    module = _compiled(compiled_module)
    source = _sources.read(new_weight_module, module._program.constants)
    with module._program.lock:
        state, _ = prepare(module, source)
        if verify_output:
            _verify(module, state, source, _arguments(arg_inputs), dict(kwarg_inputs or {}), rtol, atol)
        if in_place:
            module.publish(state)
            return compiled_module
    return module.with_state(state)


def _compiled(module: Any) -> CompiledModule:
    if isinstance(module, CompiledModule):
        return module
    if isinstance(module, ExportedProgram) and (found := _archive.compiled_of(module)) is not None:
        return found
    raise InputError(
        f"compiled_module is of type {type(module).__name__}, not what tenon.torch.compile() returns",
        "invalid_input",
    )


def _arguments(arg_inputs: Any) -> tuple[Any, ...]:
    if arg_inputs is None:
        return ()
    return (arg_inputs,) if isinstance(arg_inputs, torch.Tensor) else tuple(arg_inputs)


def _verify(
    module: CompiledModule,
    state: State,
    source: _sources.Source,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    rtol: float,
    atol: float,
) -> None:
    """RefitError when the unpublished weights answer otherwise than the module they came from."""
    if not args and not kwargs:
        raise RefitError("verify_output needs inputs to run: give arg_inputs")
    reference = source.program.module() if source.program is not None else source.module
    if reference is None:
        raise RefitError(
            "verify_output needs a module or ExportedProgram to compare with; weights alone give no outputs"
        )
    if isinstance(source.module, torch.nn.Module) and source.module.training:
        raise RefitError("verify_output: the new module is in train mode; call eval() on it first")
    cloned = pytree.tree_map_only(torch.Tensor, torch.clone, (args, kwargs))
    with torch.no_grad():
        expected = reference(*cloned[0], **cloned[1])
        found = module.run_with(state, args, kwargs)
    if problems := differences(found, expected, rtol, atol):
        raise error_with(RefitError, [f"verify_output: {line}" for line in problems])
