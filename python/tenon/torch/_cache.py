"""Compiled architectures, kept without weights: a module of a known one is loaded and refitted."""

from __future__ import annotations

import fnmatch
import hashlib
import json
import os
import platform
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from torch.export import ExportedProgram

import tenon
from tenon.torch import _archive, _key
from tenon.torch._module import CompiledModule, Program, whole
from tenon.torch._part import EnginePart, State
from tenon.torch._program import tensors_of
from tenon.torch._signature import Signature
from tenon.torch._spec import spec_of
from tenon.torch._tensors import array_of

_MAGIC = b"tenon torch 2\n"
_IN_PROCESS = 64 << 20
_ON_DISK = 256 << 20


class BaseEngineCache(Protocol):
    """A cache of one's own: `load` gives what `save` was given under a name, or None."""

    def save(self, hash: str, blob: bytes) -> None: ...

    def load(self, hash: str) -> bytes | None: ...


class Memory:
    """Blobs of this process, the least used dropped above a bound."""

    def __init__(self, largest: int = _IN_PROCESS) -> None:
        self._largest, self._blobs, self._lock = largest, OrderedDict[str, bytes](), threading.Lock()

    def save(self, hash: str, blob: bytes) -> None:
        with self._lock:
            self._blobs[hash] = blob
            self._blobs.move_to_end(hash)
            while len(self._blobs) > 1 and sum(map(len, self._blobs.values())) > self._largest:
                self._blobs.popitem(last=False)

    def load(self, hash: str) -> bytes | None:
        with self._lock:
            if hash in self._blobs:
                self._blobs.move_to_end(hash)
            return self._blobs.get(hash)


class Folder:
    """Blobs in files, for many processes at once; what cannot be read or written is a miss."""

    def __init__(self, folder: Path, largest: int = _ON_DISK) -> None:
        self._folder, self._largest = folder, largest

    def save(self, hash: str, blob: bytes) -> None:
        partial = self._folder / f".{hash}.{os.getpid()}.{threading.get_ident()}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(blob)
            os.replace(partial, self._folder / hash)
            self._shrink()
        except OSError:
            partial.unlink(missing_ok=True)

    def load(self, hash: str) -> bytes | None:
        file = self._folder / hash
        try:
            blob = file.read_bytes()
            os.utime(file)
            return blob
        except OSError:
            return None

    def _shrink(self) -> None:
        files = sorted(
            (f for f in self._folder.iterdir() if not f.name.startswith(".")), key=lambda f: f.stat().st_mtime
        )
        total = sum(file.stat().st_size for file in files)
        for file in files[:-1]:
            if total > self._largest:
                total -= file.stat().st_size
                file.unlink(missing_ok=True)


_memory = Memory()


def stores(cache: Any) -> list[BaseEngineCache]:
    """Where compile(cache=…) looks: an object with save and load, or this process and TENON_CACHE_DIR."""
    if cache is False or cache is None:
        return []
    if cache is not True:
        return [cache]
    folder = os.environ.get("TENON_CACHE_DIR")
    return [_memory, *([Folder(Path(folder) / "torch")] if folder else [])]


def name_of(
    program: ExportedProgram,
    signature: Signature,
    refit: str | Iterable[str],
    options: Mapping[str, Any],
    lines: tuple[str, ...],
) -> str:
    """Equal for programs that differ in refittable weights alone, under equal options. `lines`: _key's."""
    patterns = refit if isinstance(refit, str) else sorted(refit)
    without = options["without"]
    chosen = {**options, "without": without if isinstance(without, str) else sorted(without)}
    parts = [
        _MAGIC.decode(),
        tenon.__version__,
        torch.__version__,
        *os.uname()[:3:2],  # platform.platform() starts a process
        platform.machine(),
        str(patterns),
        str(sorted(chosen.items(), key=str)),
        spec_of(signature),
        *_frozen(program, patterns),
        *lines,
    ]
    return _key.digest(tuple(parts))


def _frozen(program: ExportedProgram, patterns: Any) -> Iterable[str]:
    """The digests of tensors that are compiled in."""
    if patterns == "all":
        return
    listed = [] if patterns == "none" else [patterns] if isinstance(patterns, str) else patterns
    for name, tensor in sorted(tensors_of(program).items()):
        if not any(fnmatch.fnmatchcase(name, pattern) for pattern in listed):
            values = array_of(tensor).contiguous().reshape(-1).view(torch.uint8)
            yield f"{name} {hashlib.blake2b(values.numpy().data, digest_size=16).hexdigest()}"


def pack(module: CompiledModule, checked: bool) -> bytes:
    """The module without its weights; `checked`: it has been compared with the original."""
    part, state = module._program.parts[0], module.state
    info = json.dumps({**_archive.info_of(module._program, state), "checked": checked}).encode()
    body = len(info).to_bytes(8, "little") + info + part.plan(state.sets[0], strip=True)
    return _MAGIC + hashlib.blake2b(body, digest_size=16).digest() + body


def unpack(
    blob: bytes,
    program: ExportedProgram,
    signature: Signature,
    names: tuple[str, ...],
    options: Mapping[str, Any],
    lines: tuple[str, ...],
) -> tuple[CompiledModule, bool] | None:
    """The module with the program's weights, and whether its architecture has been compared with the
    original; None for a blob that is damaged or does not fit."""
    start = len(_MAGIC) + 16
    body = blob[start:]
    if (
        blob[: len(_MAGIC)] != _MAGIC
        or hashlib.blake2b(body, digest_size=16).digest() != blob[len(_MAGIC) : start]
    ):
        return None
    length = int.from_bytes(body[:8], "little")
    info = json.loads(body[8 : 8 + length])
    tensors = tensors_of(program)
    try:
        engine = tenon.load(body[8 + length :], **{k: options[k] for k in ("device", "threads", "sets", "sources")})
        part = EnginePart(engine, 0, spec_of(signature))
        if part.weights:
            engine.refit({name: array_of(tensors[name]) for name in part.weights})
    except tenon.Error:  # another machine's plan; or a guard, which wants the values of the first compile
        return None
    shared = Program(
        signature=signature,
        parts=(part,),
        fqns=names,
        exported=lines,
        options=dict(options),
        aliases=info["aliases"],
        filled=True,
        constants=frozenset(info["constants"]),
        frozen=frozenset(info["frozen"]),
        unused=frozenset(info["unused"]),
        complexes=frozenset(info["complexes"]),
    )
    kept = {name: tensors[name].detach().clone() for name in (*shared.frozen, *shared.unused)}
    made = CompiledModule(*whole(signature, part), shared, State(1, (engine.current,), kept))
    return made, bool(info["checked"])
