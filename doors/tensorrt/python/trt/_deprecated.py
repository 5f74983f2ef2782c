"""Names that still work and have a successor: each warns once a process."""

from __future__ import annotations

import warnings

_told: set[str] = set()


def warn(name: str, text: str, depth: int = 3) -> None:
    """`depth`: frames from here to the script's line."""
    if name not in _told:
        _told.add(name)
        warnings.warn(text, DeprecationWarning, stacklevel=depth)


def use(name: str, instead: str, depth: int = 4) -> None:
    warn(name, f"Use {instead} instead.", depth)


def context_manager() -> None:
    warnings.warn(
        "Context managers for TensorRT types are deprecated. "
        "Memory will be freed automatically when the reference count reaches 0.",
        DeprecationWarning,
        stacklevel=2,
    )
