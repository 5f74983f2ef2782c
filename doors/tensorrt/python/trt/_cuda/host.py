"""Allocations, copies, streams and events on the host. A stream's work is done when it is enqueued."""

from __future__ import annotations

import bisect
import ctypes
import itertools
import os
import threading
import time
from typing import Any

import numpy

ALIGNMENT = 64
NAME = "Tenon host"


class InvalidValue(ValueError):
    """An address, a size or a handle that is none."""


class OutOfMemory(MemoryError):
    """More than the host gives."""


_lock = threading.Lock()
_blocks: dict[int, numpy.ndarray] = {}
_starts: list[int] = []  # sorted


def allocate(size: Any) -> int:
    """The address of so many bytes, aligned to 64; 0 for none."""
    count = int(size)
    if count < 0:
        raise InvalidValue(f"{count} bytes cannot be allocated")
    if count == 0:
        return 0
    try:
        raw = numpy.empty(count + ALIGNMENT, numpy.uint8)
    except (MemoryError, ValueError) as error:
        raise OutOfMemory(f"{count} bytes are more than there are") from error
    block = raw[-raw.ctypes.data % ALIGNMENT :][:count]
    address = block.ctypes.data
    with _lock:
        _blocks[address] = block
        bisect.insort(_starts, address)
    return address


def free(address: Any) -> None:
    start = int(address)
    if start == 0:
        return
    with _lock:
        if _blocks.pop(start, None) is None:
            raise InvalidValue(f"{start:#x} is the start of no allocation")
        _starts.remove(start)


def room(address: int) -> int | None:
    """Bytes from an address to the end of its allocation; None where it is not one of ours."""
    with _lock:
        at = bisect.bisect_right(_starts, address) - 1
        if at < 0:
            return None
        start = _starts[at]
        left = start + len(_blocks[start]) - address
    return left if left > 0 else None


def check_range(address: int, count: int) -> None:
    if count < 0 or address <= 0:
        raise InvalidValue(f"{count} bytes at {address:#x}")
    left = room(address)
    if left is not None and count > left:
        raise InvalidValue(f"{count} bytes at {address:#x}, where {left} are left")


def address_of(given: Any) -> int:
    """Of an int, a handle, or a buffer's first byte."""
    if given is None:
        return 0
    if isinstance(given, numpy.ndarray):
        return given.ctypes.data
    if isinstance(given, (bytes, bytearray, memoryview)):
        return numpy.frombuffer(given, numpy.uint8).ctypes.data if len(given) else 0
    if isinstance(given, (float, str)):
        raise TypeError(f"an address is an int or a buffer, not {type(given).__name__}")
    return int(given)


def copy(to: Any, source: Any, count: Any) -> None:
    size = int(count)
    if size == 0:
        return
    target, origin = address_of(to), address_of(source)
    check_range(target, size)
    check_range(origin, size)
    ctypes.memmove(target, origin, size)


def fill(address: Any, value: int, count: Any) -> None:
    size, target = int(count), address_of(address)
    if size == 0:
        return
    check_range(target, size)
    ctypes.memset(target, value & 0xFF, size)


def memory() -> tuple[int, int]:
    """Free bytes and all of them."""
    page = os.sysconf("SC_PAGE_SIZE")
    return os.sysconf("SC_AVPHYS_PAGES") * page, os.sysconf("SC_PHYS_PAGES") * page


_handles = itertools.count(0x1000, 0x10)


class Handle:
    """A stream, an event, a context: a number that is not 0."""

    def __init__(self, given: Any = None) -> None:
        self._value = next(_handles) if given is None else int(given)

    def __int__(self) -> int:
        return self._value

    __index__ = __int__

    def getPtr(self) -> int:  # noqa: N802 - CUDA's name
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, (int, Handle)) and int(other) == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._value:#x}>"


class Clock:
    """When an event was recorded."""

    _at: dict[int, float] = {}

    @classmethod
    def record(cls, event: Any) -> None:
        cls._at[int(event)] = time.perf_counter()

    @classmethod
    def forget(cls, event: Any) -> None:
        cls._at.pop(int(event), None)

    @classmethod
    def milliseconds(cls, first: Any, last: Any) -> float:
        try:
            return (cls._at[int(last)] - cls._at[int(first)]) * 1e3
        except KeyError:
            raise InvalidValue("an event was never recorded") from None
