"""torch_tensorrt.runtime's names: ways of running that are for GPUs, and mean nothing to an engine here."""

from __future__ import annotations

import contextlib
import logging as _logging
from collections.abc import Iterator
from typing import Any

__all__ = [
    "enable_cudagraphs",
    "enable_output_allocator",
    "enable_pre_allocated_outputs",
    "get_cudagraphs_mode",
    "set_cudagraphs_mode",
    "set_multi_device_safe_mode",
    "weight_streaming",
]

_log = _logging.getLogger("tenon")


@contextlib.contextmanager
def _unchanged(module: Any, name: str) -> Iterator[Any]:
    _log.info("runtime.%s is without effect here", name)
    yield module


def enable_cudagraphs(module: Any) -> contextlib.AbstractContextManager[Any]:
    """The module as it is: engines capture by themselves where their device does.

    with tenon.torch.runtime.enable_cudagraphs(compiled) as fast: fast(x)"""
    return _unchanged(module, "enable_cudagraphs")


def enable_pre_allocated_outputs(module: Any) -> contextlib.AbstractContextManager[Any]:
    """The module as it is: outputs are allocated at each call."""
    return _unchanged(module, "enable_pre_allocated_outputs")


def enable_output_allocator(module: Any) -> contextlib.AbstractContextManager[Any]:
    """The module as it is: outputs are of the sizes that a call has."""
    return _unchanged(module, "enable_output_allocator")


@contextlib.contextmanager
def weight_streaming(module: Any) -> Iterator[Any]:
    """A context whose `device_budget` may be set, and changes nothing: weights stay in memory."""
    _log.info("runtime.weight_streaming is without effect here")
    yield _Budget()


class _Budget:
    """What weight_streaming gives."""

    device_budget: int = 0
    total_device_budget: int = 0

    def get_automatic_weight_streaming_budget(self) -> int:
        return 0

    def get_required_device_budget(self) -> int:
        return 0


def set_multi_device_safe_mode(mode: bool) -> contextlib.AbstractContextManager[Any]:
    """Without effect: an engine stays on its device."""
    return contextlib.nullcontext()


def set_cudagraphs_mode(mode: bool) -> None:
    """Without effect."""


def get_cudagraphs_mode() -> bool:
    """False."""
    return False
