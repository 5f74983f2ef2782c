"""Looks at a torch.export archive before torch does: reading one may otherwise run what it holds.

torch unpickles weights, constants and examples without restriction where the archive says so, and evaluates
the text of extents and guards. What compile() and torch.export.save() write needs none of that."""

from __future__ import annotations

import ast
import io
import json
import pickle
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from tenon import PlanError

_EXTENT = re.compile(r"'[a-z]+\d+'|[A-Za-z_]\w*|-?\d+|[(),= ]")
_EXTENT_NAMES = frozenset(
    "Symbol Integer Rational Mul Add Pow Max Min Mod PythonMod FloorDiv CeilDiv CleanDiv IntTrueDiv Infinity "
    "NegativeInfinity int_oo positive negative nonnegative integer real finite True False "
    "Equality Unequality StrictLessThan LessThan StrictGreaterThan GreaterThan Eq Ne Lt Le Gt Ge And Or Not".split()
)
_TARGET = re.compile(r"torch\.ops\.\w+\.\w+(\.\w+)?|_operator\.\w+|math\.\w+|torch\.(_sym_\w+|sym_\w+)")
_GUARD_NODES = (
    ast.Expression, ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.Compare, ast.Subscript, ast.Constant, ast.Name,
    ast.Load, ast.Call, ast.Attribute, ast.boolop, ast.operator, ast.unaryop, ast.cmpop,
)  # fmt: skip
_GUARD_NAMES = frozenset(("L", "max", "min", "Max", "Min", "Mod", "True", "False"))
_GUARD_METHODS = frozenset(("size", "stride", "storage_offset", "numel", "dim", "shape"))


#: What zipfile, NumPy and torch raise on bytes that are not what they should be.
DAMAGE: tuple[type[Exception], ...] = (
    zipfile.BadZipFile, zlib.error, struct.error, ValueError, RuntimeError, EOFError, KeyError, IndexError,
    TypeError, AttributeError, OverflowError, MemoryError, OSError,
)  # fmt: skip


def vet(path: Path) -> None:
    """PlanError for an archive that reading would let run code, or that is no archive."""
    file = path.open("rb")  # what the system refuses here is no damage, and later it is
    try:
        with file, zipfile.ZipFile(file) as archive:
            _vet_names(path, archive)
            for name in archive.namelist():
                if name.endswith(".json"):
                    _vet_json(path, name, json.loads(archive.read(name)))
                elif "/sample_inputs/" in name and archive.getinfo(name).file_size:
                    torch.load(io.BytesIO(archive.read(name)), weights_only=True)
    except DAMAGE as error:
        raise PlanError(f'"{path}": is no whole torch.export archive: {_line(error)}', "plan") from error
    except pickle.UnpicklingError as error:
        raise _unsafe(path, "its examples hold code or objects") from error


def _vet_names(path: Path, archive: zipfile.ZipFile) -> None:
    names = archive.namelist()
    if len(set(names)) != len(names):
        raise PlanError(
            f'"{path}": has one name twice; torch and zip readers may see different files', "plan"
        )
    for name in names:
        folder, _, file = name.rpartition("/")
        if folder.endswith(("/weights", "/constants")) and file.endswith(".pt"):
            raise _unsafe(path, f"{file} is a pickle of the older format")
        if folder.endswith("/constants") and file.startswith(("custom_obj", "opaque_obj")):
            raise _unsafe(path, f"{file} is an object")


def _vet_json(path: Path, name: str, value: Any) -> None:
    for key, each in _walk(value):
        if key == "use_pickle" and each:
            raise _unsafe(path, f"{name} says that a tensor is a pickle")
        if key == "expr_str" and not _is_extent(each):
            raise _unsafe(path, f"an extent is the text {str(each)[:60]!r}")
        if key == "target" and isinstance(each, str) and "/models/" in name and not _is_target(each):
            raise _unsafe(path, f"a node calls {each[:60]!r}")
        if key == "forward_arg_names" and not _are_names(each or []):
            raise _unsafe(path, "an argument's name is more than a name")
        if key == "in_spec" and isinstance(each, str) and not _are_names(_keywords(each)):
            raise _unsafe(path, "an input's name is more than a name")
        if key == "guards_code" and not all(_is_guard(guard) for guard in each or ()):
            raise _unsafe(path, "a guard is more than a comparison of sizes")


def _walk(value: Any) -> Iterator[tuple[str, Any]]:
    stack = [value]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            yield from value.items()
            stack.extend(value.values())
        elif isinstance(value, list):
            stack.extend(value)


def _is_extent(text: Any) -> bool:
    if not isinstance(text, str) or "".join(_EXTENT.findall(text)) != text:
        return False
    names = re.findall(r"(?<!')\b[A-Za-z_]\w*", text)
    return all(name in _EXTENT_NAMES or re.fullmatch(r"[a-z]+\d+", name) for name in names)


def _are_names(names: Any) -> bool:
    """What torch writes into the source text of a program's forward()."""
    return isinstance(names, list) and all(isinstance(each, str) and each.isidentifier() for each in names)


def _keywords(spec: str) -> Any:
    """The names of keyword inputs in a pytree's text: (args, kwargs) is its root."""
    _, root = json.loads(spec)
    inputs = root.get("children_spec") or []
    return [] if len(inputs) != 2 else json.loads(inputs[1].get("context") or "[]") or []


def _is_target(text: str) -> bool:
    """An operator; of a placeholder or output, a plain name."""
    return bool(_TARGET.fullmatch(text)) or text.isidentifier()


def _is_guard(text: Any) -> bool:
    try:
        nodes = list(ast.walk(ast.parse(text, mode="eval")))
    except (SyntaxError, TypeError, ValueError, RecursionError):
        return False
    for node in nodes:
        if not isinstance(node, _GUARD_NODES):
            return False
        if isinstance(node, ast.Name) and node.id not in _GUARD_NAMES:
            return False
        if isinstance(node, ast.Attribute) and node.attr not in _GUARD_METHODS:
            return False
    return True


def _unsafe(path: Path, fact: str) -> PlanError:
    return PlanError(f'"{path}": {fact}, which reading would run; nothing was read', "plan")


def _line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
