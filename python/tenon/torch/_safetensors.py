"""Reads safetensors files as tensors on the mapped file; nothing is copied."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tenon import RefitError

_DTYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
    "I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8,
    "BOOL": torch.bool, "C64": torch.complex64,
    "F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2,
}  # fmt: skip
_LARGEST_HEADER = 100 << 20  # as the format's own reader


def read(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of one file. RefitError for bytes that are not what they say."""
    if os.path.getsize(path) < 8:
        raise _bad(path, "is shorter than a safetensors header")
    data = np.memmap(path, mode="c")
    length = int.from_bytes(data[:8].tobytes(), "little")
    if length > min(len(data) - 8, _LARGEST_HEADER):
        raise _bad(path, f"says that its header has {length} bytes, the file has {len(data)}")
    try:
        header = json.loads(data[8 : 8 + length].tobytes())
    except ValueError as error:
        raise _bad(path, f"has no JSON header: {error}") from error
    if not isinstance(header, dict):
        raise _bad(path, "has a header that is no JSON object")
    header.pop("__metadata__", None)
    return {name: _tensor(path, name, entry, data[8 + length :]) for name, entry in header.items()}


def read_index(index: Path) -> dict[str, torch.Tensor]:
    """The tensors of the shards that an index names; they lie beside it."""
    try:
        shards = json.loads(index.read_bytes())["weight_map"]
        names = {str(name): str(file) for name, file in shards.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _bad(index, "is no index of shards: it has no weight_map") from error
    opened: dict[str, dict[str, torch.Tensor]] = {}
    for file in sorted(set(names.values())):
        if Path(file).name != file or not file.endswith(".safetensors"):
            raise _bad(index, f'names the shard "{file}"; a shard is a .safetensors file beside its index')
        opened[file] = read(index.parent / file)
    for name, file in names.items():
        if name not in opened[file]:
            raise _bad(index, f'says that "{name}" is in {file}, where it is not')
    return {name: opened[file][name] for name, file in names.items()}


def read_folder(folder: Path) -> dict[str, torch.Tensor]:
    """The tensors of a folder: by its index, or of all its safetensors files."""
    if indices := sorted(folder.glob("*.safetensors.index.json")):
        return read_index(indices[0])
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise _bad(folder, "holds no .safetensors file")
    found: dict[str, torch.Tensor] = {}
    for file in files:
        tensors = read(file)
        if both := sorted(found.keys() & tensors.keys()):
            raise _bad(folder, f'has "{both[0]}" in two files, and no index')
        found.update(tensors)
    return found


def _tensor(path: Path, name: str, entry: Any, data: Any) -> torch.Tensor:
    try:
        dtype, shape = _DTYPES.get(entry["dtype"]), [int(extent) for extent in entry["shape"]]
        begin, end = (int(offset) for offset in entry["data_offsets"])
    except (KeyError, TypeError, ValueError) as error:
        raise _bad(path, f'has no dtype, shape and offsets for "{name}"') from error
    if dtype is None:
        raise _bad(path, f'holds "{name}" in {entry["dtype"]}, which torch has no dtype for')
    if min(shape, default=0) < 0 or not 0 <= begin <= end <= len(data):
        raise _bad(path, f'holds "{name}" at {begin}..{end}, outside its {len(data)} bytes')
    if math.prod(shape) * dtype.itemsize != end - begin:
        raise _bad(path, f'has {end - begin} bytes for "{name}", a {entry["dtype"]} {shape}')
    values = torch.from_numpy(data[begin:end])
    if begin == end:
        return torch.empty(shape, dtype=dtype)
    if values.data_ptr() % dtype.itemsize:
        values = values.clone()
    return values.view(dtype).reshape(shape)


def _bad(path: Path, fact: str) -> RefitError:
    line = f'"{path}": {fact}'
    return RefitError(line, "bad_file", (line,))
