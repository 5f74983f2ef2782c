"""compile(): a module or ExportedProgram becomes a CompiledModule."""

from __future__ import annotations

import functools
import importlib.util
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.utils._pytree as pytree
from torch.export import ExportedProgram

from tenon import BuildError, InputError
from tenon.torch import _cache, _dims, _key
from tenon.torch._compare import differences
from tenon.torch._device import type_of
from tenon.torch._dims import Examples
from tenon.torch._input import examples_of
from tenon.torch._module import CompiledModule, Program, whole
from tenon.torch._part import EnginePart, State
from tenon.torch._program import complex_names, quiet, tensors_of
from tenon.torch._settings import inputs_of, understood
from tenon.torch._signature import Signature, note_names, signature_of
from tenon.torch._spec import spec_of
from tenon.torch._tensors import refuse_unfit

if TYPE_CHECKING:
    from tenon.torch._onnx import Translation


def compile(
    model: torch.nn.Module | ExportedProgram,
    inputs: Any = (),
    *,
    arg_inputs: Any = None,
    kwarg_inputs: Mapping[str, Any] | None = None,
    dynamic_shapes: Any = None,
    device: Any = None,
    refit: str | bool | Iterable[str] = "all",
    fallback: str = "torch",
    check: bool = True,
    cache: Any = True,
    ir: str = "dynamo",
    min_block_size: int = 1,
    torch_executed_ops: Iterable[Any] = (),
    threads: int | None = None,
    tactics: str = "time",
    without: str | Iterable[str] = (),
    sets: int = 2,
    sources: str | None = None,
    progress: Any = None,
    stop: threading.Event | None = None,
    **settings: Any,
) -> CompiledModule:
    """Compiles a module in eval mode, or an ExportedProgram, for refits under its own names.

    inputs, kwarg_inputs: examples of a call, any pytrees. dynamic_shapes: as of torch.export; what is
    not named there is fixed to the examples. refit: "all", "none", or names and globs of parameters,
    buffers and constants. fallback: "torch" runs there what cannot be compiled, and `report` says what;
    "error" refuses it. check: compare with the module on the examples, every output. min_block_size:
    fewer nodes between torch's parts are torch's too; torch_executed_ops: what torch runs in any case.
    cache: modules of an architecture that was compiled are loaded and refitted; True keeps them in the
    process and in TENON_CACHE_DIR, an object with save(hash, blob) and load(hash) where it likes.
    settings: torch_tensorrt's, which docs/torch.md lists. The others are tenon.build's; sources: None
    keeps the arrays of modules of 64 MiB and more in a nameless file, others in memory.

        compiled = tenon.torch.compile(model, (x,))"""
    if isinstance(inputs, str):
        ir, inputs = inputs, ()
    own = understood(settings)
    fallback, cache = own.get("fallback", fallback), own.get("cache", cache)
    _refuse_options(ir, fallback, device)
    args, kwargs, dynamic_shapes = _examples(
        model, inputs_of(inputs, arg_inputs), dict(kwarg_inputs or {}), dynamic_shapes
    )
    program, names = _program_of(model, args, kwargs, dynamic_shapes)
    refuse_unfit(tensors_of(program).items(), BuildError)
    job = _Job(
        model=model,
        program=program,
        names=names,
        signature=signature_of(program, names),
        order=_order(model, program),
        examples=(args, kwargs),
        widened=(
            _dims.widened(model, args, kwargs, dynamic_shapes)
            if isinstance(model, torch.nn.Module) and dynamic_shapes
            else (args, kwargs)
        ),
        refit=_patterns(own.get("refit", refit)),
        options={
            "device": "cpu",
            "threads": threads,
            "tactics": tactics,
            "without": _listed(without),
            "sets": sets,
            "sources": sources or _sources_for(program),
        },
        work={"progress": progress, "stop": stop},
        min_block_size=min_block_size,
        in_torch=tuple(torch_executed_ops),
    )
    return job.compiled(fallback, check, _cache.stores(cache))


def _sources_for(program: ExportedProgram) -> str:
    """A compile of much holds the module and the packed tables, and no third copy in memory."""
    return "file" if sum(tensor.nbytes for tensor in tensors_of(program).values()) >= 64 << 20 else "keep"


@dataclass
class _Job:
    """One compile, after its arguments are understood."""

    model: Any
    program: ExportedProgram
    names: dict[str, str]  # Dims' by the program's symbols
    signature: Signature
    order: tuple[str, ...]  # of state_dict()
    examples: Examples
    widened: Examples  # as they were traced
    refit: str | list[str]
    options: dict[str, Any]  # that choose what is built
    work: dict[str, Any]  # that do not
    min_block_size: int
    in_torch: tuple[Any, ...]

    @functools.cached_property
    def lines(self) -> tuple[str, ...]:
        """What the program is but for its weights."""
        return _key.lines(self.program)

    def compiled(self, fallback: str, check: bool, stores: list[Any]) -> CompiledModule:
        """Found in a store, or built and kept there. What an exporter gets wrong is the architecture's,
        so one comparison with the original holds for all that are found."""
        stores = [] if self.in_torch else stores
        key = (
            _cache.name_of(self.program, self.signature, self.refit, self.options, self.lines)
            if stores
            else ""
        )
        found = self._found(stores, key)
        module, checked = found or (self._built(fallback), False)
        checks = check and any(self.examples) and not checked
        if checks:
            _check(module, self.model, self.program, *self.examples)
        new = found is None and module._whole is not None and module._program.calculator is None
        if new or (found is not None and checks):
            for store in stores:
                store.save(key, _cache.pack(module, checks))
        return module

    def _found(self, stores: list[Any], key: str) -> tuple[CompiledModule, bool] | None:
        for store in stores:
            blob = store.load(key)
            known = (self.program, self.signature, self.order, self.options, self.lines)
            if blob and (found := _cache.unpack(blob, *known)):
                return found
        return None

    def _built(self, fallback: str) -> CompiledModule:
        """As one engine, or with parts in torch where that is refused."""
        _need_exporter()
        options = {**self.options, **self.work}
        if not self.in_torch:
            try:
                return self._whole(options)
            except BuildError as error:
                if fallback == "error" or str(error).startswith(
                    "refit: "
                ):  # an option that is wrong anywhere
                    raise
        elif fallback == "error":
            raise BuildError("torch_executed_ops run in torch, and full compilation is wanted", "build")
        from tenon.torch._fallback import Splitter

        splitter = Splitter(
            self.program, self.signature, self.names, self.refit, options, self.min_block_size, self.in_torch
        )
        return splitter.compile(self.widened, self.order)

    def _whole(self, options: dict[str, Any]) -> CompiledModule:
        from tenon.torch import _core

        translation = _translate(self.program, self.signature, self.names)
        engine = _core.build(translation, self.refit, options)
        return _module(self, translation, engine)


def _refuse_options(ir: str, fallback: str, device: Any) -> None:
    if ir not in ("default", "dynamo"):
        raise InputError(
            f'ir is {ir!r}; there is "dynamo", and torch.compile(model, backend="tenon")', "invalid_input"
        )
    if fallback not in ("torch", "error"):
        raise InputError(f'fallback is {fallback!r}; give "torch" or "error"', "invalid_input")
    if device is not None and type_of(device) != "cpu":
        raise InputError(f"device is {device}; modules are compiled for the CPU", "unsupported")


def _examples(
    model: Any, args: tuple[Any, ...], kwargs: dict[str, Any], dynamic_shapes: Any
) -> tuple[tuple[Any, ...], dict[str, Any], Any]:
    """The examples, and the shapes that vary: by Inputs too, and a program's own where none are given."""
    (args, kwargs), shapes = examples_of((args, kwargs))
    if isinstance(model, ExportedProgram):
        if not args and not kwargs:
            args, kwargs = model.example_inputs or ((), {})
    elif shapes is not None and dynamic_shapes is None and isinstance(model, torch.nn.Module):
        dynamic_shapes = _dims.by_name(model, args, kwargs, shapes)
    return tuple(args), dict(kwargs), dynamic_shapes


def _patterns(refit: Any) -> str | list[str]:
    if isinstance(refit, bool):
        return "all" if refit else "none"
    return refit if isinstance(refit, str) else list(refit)


def _listed(names: str | Iterable[str]) -> str | list[str]:
    return names if isinstance(names, str) else list(names)


def _need_exporter() -> None:
    """Compiling reads torch's ONNX export; loading and refitting do not."""
    missing = [name for name in ("onnx", "onnx_ir", "onnxscript") if importlib.util.find_spec(name) is None]
    if missing:
        raise BuildError(f"compiling needs {', '.join(missing)}: pip install tenon[torch]", "unavailable")


def _program_of(
    model: Any, args: tuple[Any, ...], kwargs: dict[str, Any], dynamic_shapes: Any
) -> tuple[ExportedProgram, dict[str, str]]:
    """The exported program, and the Dims' names by its symbols."""
    if isinstance(model, ExportedProgram):
        if dynamic_shapes is not None:
            raise InputError(
                "dynamic_shapes belong to torch.export.export; the program has its own", "invalid_input"
            )
        return model, {}
    if not isinstance(model, torch.nn.Module):
        raise InputError(
            f"model is a {type(model).__name__}; give an nn.Module or an ExportedProgram", "invalid_input"
        )
    _refuse_training(model)
    _refuse_devices(model)
    if not args and not kwargs:
        raise InputError("a module needs example inputs: compile(model, (x,))", "invalid_input")
    refuse_unfit([*model.named_parameters(), *model.named_buffers()], BuildError)
    examples = _dims.widened(model, args, kwargs, dynamic_shapes)
    with quiet(), torch.no_grad():
        try:
            program = torch.export.export(model, *examples, dynamic_shapes=dynamic_shapes, strict=False)
        except (KeyboardInterrupt, MemoryError):
            raise
        except Exception as error:
            if dynamic_shapes is not None and "specialized" in str(error):
                _refuse_recurrent(model)
            cause = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise BuildError(f"torch.export.export failed: {cause}", "build") from error
    if _dims.fixed(model, program, args, kwargs, dynamic_shapes):
        _refuse_recurrent(model)
    note_names(program, model)
    return program, _dims.names(model, program, args, kwargs, dynamic_shapes)


def _refuse_recurrent(model: torch.nn.Module) -> None:
    """An axis that was to vary is fixed: torch.export unrolls what is recurrent."""
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.RNNBase):
            raise BuildError(
                f'"{name}" is a {type(module).__name__}, whose sequence torch.export fixes to the example\'s: '
                "leave that axis out of dynamic_shapes; its batch may vary",
                "unsupported",
            )


def _refuse_training(model: torch.nn.Module) -> None:
    training = [name for name, module in model.named_modules() if module.training]
    if training:
        which = "the module" if training[0] == "" else f'"{training[0]}"'
        raise InputError(f"{which} is in train mode; call eval() on it first", "invalid_input")


def _refuse_devices(model: torch.nn.Module) -> None:
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if tensor.device.type not in ("cpu", "meta"):
            raise InputError(
                f'"{name}" is on {tensor.device}, modules are compiled for the CPU; move the module',
                "invalid_input",
            )


def _translate(program: ExportedProgram, signature: Signature, names: Mapping[str, str]) -> Translation:
    from tenon.torch import _graph, _onnx

    inputs = [leaf.path for leaf in signature.inputs if leaf.is_tensor]
    outputs = [leaf.path for leaf in signature.outputs if leaf.is_tensor]
    translation = _onnx.translate(program, inputs, outputs)
    if names:
        _graph.rename_extents(translation.model.graph, names)
    return translation


def _order(model: Any, program: ExportedProgram) -> tuple[str, ...]:
    """All names of the program's tensors, those of state_dict() first and in its order."""
    first = list(model.state_dict()) if isinstance(model, torch.nn.Module) else []
    tensors = tensors_of(program)
    return tuple(dict.fromkeys([*(name for name in first if name in tensors), *tensors]))


def _module(job: _Job, translation: Translation, engine: Any) -> CompiledModule:
    program, names = job.program, job.order
    part = EnginePart(engine, 0, spec_of(job.signature))
    frozen = {name: t for name, t in translation.tensors.items() if name not in part.weights}
    kept = {name: t.detach().clone() for name, t in {**frozen, **translation.unused}.items()}
    volatile = set(program.graph_signature.non_persistent_buffers)
    shared = Program(
        signature=job.signature,
        parts=(part,),
        fqns=names,
        aliases=translation.aliases,
        constants=frozenset(n for n in names if n in program.constants or n in volatile),
        frozen=frozenset(frozen),
        unused=frozenset(translation.unused),
        complexes=complex_names(program),
        exported=job.lines,
        options={**job.options, **job.work},
    )
    return CompiledModule(*whole(job.signature, part), shared, State(1, (engine.current,), kept))


def _check(
    compiled: CompiledModule,
    model: Any,
    program: ExportedProgram,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> None:
    """BuildError when engine and module disagree on the examples."""
    cloned = pytree.tree_map_only(torch.Tensor, torch.clone, (args, kwargs))
    state = compiled.state
    state = State(state.version, state.sets, {name: tensor.clone() for name, tensor in state.tensors.items()})
    with torch.no_grad():
        expected = _eager(model, program, *cloned)
        found = compiled.run_with(state, args, kwargs)
    problems = differences(found, expected)
    if problems:
        raise BuildError(f"engine and module disagree on the examples: {'; '.join(problems)}", "build")


def _eager(model: Any, program: ExportedProgram, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The module's answer; its buffers stay as they are."""
    module = model if isinstance(model, torch.nn.Module) else program.module()
    buffers = {name: value.clone() for name, value in module.named_buffers()}
    return torch.func.functional_call(module, buffers, args, kwargs)
