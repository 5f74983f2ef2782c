"""Whatever new weights come in, as named tensors."""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.export import ExportedProgram

import tenon
from tenon import RefitError
from tenon.torch import _safetensors
from tenon.torch._program import tensors_of
from tenon.torch._tensors import tensor_of
from tenon.torch._vet import DAMAGE

_KNOWN = ".safetensors, .index.json, .npz, .pt, .pth, .bin, .pt2, .ep, .plan, or a folder of shards"


@dataclass
class Source:
    """Named tensors; `program` or `module` where they came from one, to compare with."""

    tensors: dict[str, torch.Tensor]
    program: ExportedProgram | None = None
    module: torch.nn.Module | None = None


def read(source: Any, constants: frozenset[str] = frozenset()) -> Source:
    """The tensors of a mapping, module, program or path; `constants` are looked up as attributes."""
    if isinstance(source, ExportedProgram):
        return _of_program(source)
    if hasattr(source, "peft_config"):
        raise RefitError(
            "the source is a live PeftModel, whose names are not the model's; merge_and_unload() it first"
        )
    if isinstance(source, torch.nn.Module):
        return Source(_of_module(source, constants), module=source)
    if isinstance(source, Mapping):
        return Source({_key(name): _tensor(name, value) for name, value in source.items()})
    if isinstance(source, (str, os.PathLike)):
        return _of_path(Path(source))
    raise RefitError(
        f"the source is of type {type(source).__name__}; give a mapping, a module, an ExportedProgram or a path"
    )


def _key(name: Any) -> str:
    if not isinstance(name, str):
        raise RefitError(f"weights: {name!r} is no name; a mapping has strings as keys")
    return name


def _tensor(name: str, value: Any) -> torch.Tensor:
    if isinstance(value, torch.Tensor):
        return value
    if isinstance(value, (np.ndarray, np.generic)):
        return tensor_of(np.asarray(value))
    if isinstance(value, Mapping):
        raise RefitError(
            f'weights: "{name}" is a mapping, not a tensor; if the weights lie in it, give source["{name}"]'
        )
    try:
        return torch.utils.dlpack.from_dlpack(value)
    except (TypeError, AttributeError, RuntimeError, BufferError) as error:
        raise RefitError(f'weights: "{name}" is a {type(value).__name__}, not a tensor') from error


def _of_program(program: ExportedProgram) -> Source:
    return Source(tensors_of(program), program=program)


def _of_module(module: torch.nn.Module, constants: frozenset[str]) -> dict[str, torch.Tensor]:
    """The state_dict, non-persistent buffers, and tensors that are plain attributes."""
    from tenon.torch._module import CompiledModule

    if isinstance(module, CompiledModule):
        return module.weights()
    found = dict(module.state_dict())
    found.update(
        (name, each) for name, each in module.named_buffers(remove_duplicate=False) if name not in found
    )
    for name in constants - found.keys():
        owner: Any = module
        for step in name.split("."):
            owner = getattr(owner, step, None)
        if isinstance(owner, torch.Tensor):
            found[name] = owner
    return found


# Files. ------------------------------------------------------------------------------------------


def _of_path(path: Path) -> Source:
    try:
        return _of_file(path)
    except FileNotFoundError as error:
        raise tenon._errors.error_of("RefitError", f'"{path}": No such file or directory', "io") from error


def _of_file(path: Path) -> Source:
    if path.is_dir():
        return Source(_safetensors.read_folder(path))
    suffix = path.suffix.lower()
    if suffix == ".safetensors":
        return Source(_safetensors.read(path))
    if path.name.endswith(".index.json"):
        return Source(_safetensors.read_index(path))
    if suffix == ".npz":
        return Source(_of_npz(path))
    if suffix in (".pt", ".pth", ".bin"):
        return Source(_of_pickle(path))
    if suffix in (".pt2", ".ep"):
        return _of_archive(path)
    if suffix == ".plan":
        return Source({name: tensor_of(weight.numpy()) for name, weight in tenon.load(path).weights.items()})
    if not path.exists():
        raise FileNotFoundError(path)
    raise _bad(path, f"is of no known kind; give {_KNOWN}")


def _of_npz(path: Path) -> dict[str, torch.Tensor]:
    file = path.open("rb")
    try:
        with file, np.load(file, allow_pickle=False) as arrays:
            return {name: tensor_of(arrays[name]) for name in arrays.files}
    except DAMAGE as error:
        raise _bad(path, "is no npz file of plain arrays") from error


def _of_pickle(path: Path) -> dict[str, torch.Tensor]:
    """weights_only: what a pickle says to call is never called."""
    path.open("rb").close()  # what the system refuses here is no damage, and later it is
    try:
        try:
            loaded = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        except RuntimeError:  # the older format, which is no zip and cannot be mapped
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise _bad(
            path, "holds more than tensors (code or objects), which is not loaded; save a state_dict"
        ) from error
    except DAMAGE as error:
        raise _bad(path, f"cannot be read by torch.load: {(str(error).splitlines() or [''])[0]}") from error
    if not isinstance(loaded, Mapping):
        raise _bad(path, f"holds a {type(loaded).__name__}, not a state_dict")
    return {_key(name): _tensor(name, value) for name, value in loaded.items()}


def _of_archive(path: Path) -> Source:
    from tenon.torch import _archive

    program = _archive.load(path)
    module = _archive.compiled_of(program)
    return _of_program(program) if module is None else Source(module.weights(), module=module)


def _bad(path: Path, fact: str) -> RefitError:
    line = f'"{path}": {fact}'
    return RefitError(line, "bad_file", (line,))
