"""Fits given names to a module's: wrappers' prefixes, ties, nearest names."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping

import torch

from tenon.torch._tensors import place_of

#: What DistributedDataParallel and torch.compile put before names.
WRAPPERS = ("module._orig_mod.", "_orig_mod.module.", "module.", "_orig_mod.")


def without_wrapper(names: Collection[str], known: Collection[str]) -> str:
    """The wrapper's prefix without which all names fit, where they do not with it; or ''."""
    for prefix in WRAPPERS:
        if names and all(
            n.startswith(prefix) and n not in known and n.removeprefix(prefix) in known for n in names
        ):
            return prefix
    return ""


def unknown(name: str, known: Collection[str], hint: str = "") -> str:
    """The line for a name that the module does not have."""
    near = difflib.get_close_matches(name, known, 1, 0.5)
    return f'weights: "{name}" is not in this module' + (
        f'; the nearest is "{near[0]}"' if near and not hint else hint
    )


def rule(names: Collection[str], known: Collection[str]) -> str:
    """The prefix to add or take off with which all names would fit, as the end of a message; or ''."""
    first = min(names, default="")
    for name in known:
        if first != name and first.endswith("." + name):
            prefix = first.removesuffix(name)
            if all(each.startswith(prefix) and each.removeprefix(prefix) in known for each in names):
                return f'; all given names would fit without the prefix "{prefix}"'
        if first != name and name.endswith("." + first):
            prefix = name.removesuffix(first)
            if all(prefix + each in known for each in names):
                return f'; all given names would fit with the prefix "{prefix}"'
    return ""


def clashes(given: Mapping[str, torch.Tensor], aliases: Mapping[str, str]) -> list[str]:
    """A line for every weight that was given under two names with other values."""
    lines = []
    first: dict[str, str] = {}
    for name in given:
        owner = aliases.get(name, name)
        other = first.setdefault(owner, name)
        if other != name and not _equal(given[name], given[other]):
            lines.append(f'weights: "{other}" and "{name}" are one weight, but were given other values')
    return lines


def _equal(a: torch.Tensor, b: torch.Tensor) -> bool:
    if place_of(a) == place_of(b):
        return True
    return a.shape == b.shape and a.dtype == b.dtype and bool(torch.equal(a, b))
