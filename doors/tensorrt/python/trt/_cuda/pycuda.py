"""pycuda.driver on the host."""

from __future__ import annotations

import builtins
import math
from typing import Any

import numpy

from . import host


class Error(Exception):
    pass


class LogicError(Error):
    pass


class LaunchError(Error):
    pass


class MemoryError(Error, builtins.MemoryError):  # noqa: A001 - pycuda's name
    pass


class RuntimeError(Error):  # noqa: A001
    pass


def _checked(function: Any, *args: Any) -> Any:
    try:
        return function(*args)
    except host.InvalidValue as error:
        raise LogicError(f"invalid argument: {error}") from None
    except host.OutOfMemory as error:
        raise MemoryError(str(error)) from None


class DeviceAllocation:
    """Bytes that go with the object."""

    def __init__(self, nbytes: int) -> None:
        self._address = 0
        self.nbytes = nbytes
        self._address = _checked(host.allocate, nbytes)

    def __int__(self) -> int:
        if not self._address:
            raise LogicError("this allocation was freed")
        return self._address

    __index__ = __int__

    def free(self) -> None:
        _checked(host.free, self.__int__())
        self._address = 0

    def __del__(self) -> None:
        if self._address:
            host.free(self._address)
            self._address = 0

    def __add__(self, offset: int) -> int:
        return int(self) + int(offset)

    __radd__ = __add__


def mem_alloc(nbytes: Any) -> DeviceAllocation:
    if int(nbytes) <= 0:
        raise LogicError(f"invalid argument: {int(nbytes)} bytes cannot be allocated")
    return DeviceAllocation(int(nbytes))


def aligned_empty(shape: Any, dtype: Any, order: str = "C", alignment: int = host.ALIGNMENT) -> Any:
    kind = numpy.dtype(dtype)
    extents = tuple(map(int, shape)) if hasattr(shape, "__iter__") else (int(shape),)
    count = math.prod(extents) * kind.itemsize
    raw = numpy.empty(count + alignment, numpy.uint8)
    flat = raw[-raw.ctypes.data % alignment :][:count].view(kind)
    return flat.reshape(extents, order=order)


def pagelocked_empty(shape: Any, dtype: Any, order: str = "C", mem_flags: int = 0) -> Any:
    return aligned_empty(shape, dtype, order)


def pagelocked_zeros(shape: Any, dtype: Any, order: str = "C", mem_flags: int = 0) -> Any:
    made = aligned_empty(shape, dtype, order)
    made.fill(0)
    return made


def pagelocked_empty_like(array: Any, mem_flags: int = 0) -> Any:
    return aligned_empty(array.shape, array.dtype)


def pagelocked_zeros_like(array: Any, mem_flags: int = 0) -> Any:
    return pagelocked_zeros(array.shape, array.dtype)


def register_host_memory(ary: Any, flags: int = 0) -> Any:
    return ary


def _whole(array: Any) -> Any:
    given = numpy.asarray(array)
    if not (given.flags.c_contiguous or given.flags.f_contiguous):
        raise ValueError("the array is not contiguous")
    return given


def memcpy_htod(dest: Any, src: Any) -> None:
    array = _whole(src)
    _checked(host.copy, dest, array.ctypes.data, array.nbytes)


def memcpy_dtoh(dest: Any, src: Any) -> None:
    array = _whole(dest)
    if not array.flags.writeable:
        raise ValueError("the array cannot be written")
    _checked(host.copy, array.ctypes.data, src, array.nbytes)


def memcpy_dtod(dest: Any, src: Any, size: Any) -> None:
    _checked(host.copy, dest, src, size)


def memcpy_htod_async(dest: Any, src: Any, stream: Any = None) -> None:
    memcpy_htod(dest, src)


def memcpy_dtoh_async(dest: Any, src: Any, stream: Any = None) -> None:
    memcpy_dtoh(dest, src)


def memcpy_dtod_async(dest: Any, src: Any, size: Any, stream: Any = None) -> None:
    memcpy_dtod(dest, src, size)


def _set(dest: Any, value: int, count: Any, dtype: Any) -> None:
    array = numpy.full(int(count), value, dtype)
    _checked(host.copy, dest, array.ctypes.data, array.nbytes)


def memset_d8(dest: Any, data: int, count: Any) -> None:
    _set(dest, data, count, numpy.uint8)


def memset_d16(dest: Any, data: int, count: Any) -> None:
    _set(dest, data, count, numpy.uint16)


def memset_d32(dest: Any, data: int, count: Any) -> None:
    _set(dest, data, count, numpy.uint32)


def to_device(ary: Any) -> DeviceAllocation:
    made = mem_alloc(ary.nbytes)
    memcpy_htod(made, ary)
    return made


def from_device(devptr: Any, shape: Any, dtype: Any, order: str = "C") -> Any:
    made = numpy.empty(shape, dtype, order)
    memcpy_dtoh(made, devptr)
    return made


def from_device_like(devptr: Any, other: Any) -> Any:
    return from_device(devptr, other.shape, other.dtype)


def mem_get_info() -> tuple[int, int]:
    return host.memory()


class Stream:
    """A stream: its work is done when it is enqueued."""

    def __init__(self, flags: int = 0) -> None:
        self.handle = int(host.Handle())

    def __int__(self) -> int:
        return self.handle

    __index__ = __int__

    def synchronize(self) -> None:
        pass

    def is_done(self) -> bool:
        return True

    def wait_for_event(self, event: Any) -> None:
        pass


class Event:
    """A time on the host's clock."""

    def __init__(self, flags: int = 0) -> None:
        self.handle = int(host.Handle())

    def __int__(self) -> int:
        return self.handle

    def record(self, stream: Any = None) -> Event:
        host.Clock.record(self)
        return self

    def synchronize(self) -> Event:
        return self

    def query(self) -> bool:
        return True

    def time_till(self, event: Event) -> float:
        return float(_checked(host.Clock.milliseconds, self, event))

    def time_since(self, event: Event) -> float:
        return event.time_till(self)

    def __del__(self) -> None:
        host.Clock.forget(self)


class Device:
    """The host."""

    def __init__(self, number: int = 0) -> None:
        if int(number) != 0:
            raise LogicError("invalid device ordinal: there is one device, 0")

    @staticmethod
    def count() -> int:
        return 1

    def name(self) -> str:
        return host.NAME

    def total_memory(self) -> int:
        return host.memory()[1]

    def compute_capability(self) -> tuple[int, int]:
        return (0, 0)

    def get_attribute(self, attribute: Any) -> int:
        return 0

    def make_context(self, flags: int = 0) -> Context:
        return Context()

    retain_primary_context = make_context


class Context:
    """The one context of the host."""

    def push(self) -> None:
        pass

    @staticmethod
    def pop() -> None:
        pass

    def detach(self) -> None:
        pass

    @staticmethod
    def synchronize() -> None:
        pass

    @staticmethod
    def get_device() -> Device:
        return Device(0)

    @staticmethod
    def set_limit(limit: Any, value: Any) -> None:
        pass


def init(flags: int = 0) -> None:
    pass


def get_version() -> tuple[int, int, int]:
    return (12, 0, 0)


def get_driver_version() -> int:
    return 12000


class SourceModule:
    def __init__(self, *_: Any, **__: Any) -> None:
        raise NotImplementedError("SourceModule needs a GPU; there is none here")
