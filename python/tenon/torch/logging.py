"""torch_tensorrt.logging's names: how much of Tenon's log is heard, for a block."""

from __future__ import annotations

import contextlib
import logging as _logging
from collections.abc import Iterator

__all__ = ["debug", "errors", "graphs", "info", "internal_errors", "warnings"]


@contextlib.contextmanager
def _level(level: int) -> Iterator[None]:
    log = _logging.getLogger("tenon")
    before = log.level
    log.setLevel(level)
    try:
        yield
    finally:
        log.setLevel(before)


def debug() -> contextlib.AbstractContextManager[None]:
    """Everything.

    with tenon.torch.logging.debug(): compiled = tenon.torch.compile(model, (x,))"""
    return _level(_logging.DEBUG)


graphs = debug


def info() -> contextlib.AbstractContextManager[None]:
    """From what is done on."""
    return _level(_logging.INFO)


def warnings() -> contextlib.AbstractContextManager[None]:
    """From what runs otherwise than asked on."""
    return _level(_logging.WARNING)


def errors() -> contextlib.AbstractContextManager[None]:
    """Failures alone."""
    return _level(_logging.ERROR)


internal_errors = errors
