"""cuda.bindings.driver (cuda.cuda) on the host."""

from __future__ import annotations

from typing import Any

from . import host
from .answers import Codes, Named

CUresult = Named(
    "CUresult",
    {
        "CUDA_SUCCESS": 0,
        "CUDA_ERROR_INVALID_VALUE": 1,
        "CUDA_ERROR_OUT_OF_MEMORY": 2,
        "CUDA_ERROR_NOT_INITIALIZED": 3,
        "CUDA_ERROR_DEINITIALIZED": 4,
        "CUDA_ERROR_NO_DEVICE": 100,
        "CUDA_ERROR_INVALID_DEVICE": 101,
        "CUDA_ERROR_INVALID_IMAGE": 200,
        "CUDA_ERROR_INVALID_CONTEXT": 201,
        "CUDA_ERROR_NO_BINARY_FOR_GPU": 209,
        "CUDA_ERROR_FILE_NOT_FOUND": 301,
        "CUDA_ERROR_INVALID_HANDLE": 400,
        "CUDA_ERROR_NOT_FOUND": 500,
        "CUDA_ERROR_NOT_READY": 600,
        "CUDA_ERROR_ILLEGAL_ADDRESS": 700,
        "CUDA_ERROR_LAUNCH_FAILED": 719,
        "CUDA_ERROR_NOT_PERMITTED": 800,
        "CUDA_ERROR_NOT_SUPPORTED": 801,
        "CUDA_ERROR_UNKNOWN": 999,
    },
    module=__name__,
)


class CUdevice_attribute(Named):  # noqa: N801
    CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT = 16
    CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR = 75
    CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR = 76


class CUstream(host.Handle):
    """A stream: its work is done when it is enqueued."""


class CUcontext(host.Handle):
    """The one context of the host."""


class CUdevice(host.Handle):
    """The host as a device."""


class CUdeviceptr(host.Handle):
    """An address."""


_codes = Codes(
    CUresult.CUDA_SUCCESS, CUresult.CUDA_ERROR_INVALID_VALUE, CUresult.CUDA_ERROR_OUT_OF_MEMORY
)
_context = CUcontext()


def _nothing(name: str) -> Any:
    @_codes.answers()
    def function(*_: Any) -> None:
        pass

    function.__name__ = function.__qualname__ = name
    return function


def _refused(name: str, values: int) -> Any:
    """Kernels need a GPU."""

    @_codes.answers(values)
    def function(*_: Any) -> Any:
        return CUresult.CUDA_ERROR_NOT_SUPPORTED

    function.__name__ = function.__qualname__ = name
    return function


cuInit = _nothing("cuInit")  # noqa: N816 - CUDA's names, here and below
cuCtxDestroy = _nothing("cuCtxDestroy")  # noqa: N816
cuCtxSetCurrent = _nothing("cuCtxSetCurrent")  # noqa: N816
cuCtxSynchronize = _nothing("cuCtxSynchronize")  # noqa: N816
cuDevicePrimaryCtxRelease = _nothing("cuDevicePrimaryCtxRelease")  # noqa: N816
cuStreamSynchronize = _nothing("cuStreamSynchronize")  # noqa: N816
cuStreamDestroy = _nothing("cuStreamDestroy")  # noqa: N816
cuModuleLoadData = _refused("cuModuleLoadData", 1)  # noqa: N816
cuModuleGetFunction = _refused("cuModuleGetFunction", 1)  # noqa: N816
cuLaunchKernel = _refused("cuLaunchKernel", 0)  # noqa: N816
cuLibraryLoadData = _refused("cuLibraryLoadData", 1)  # noqa: N816


@_codes.answers(1)
def cuDriverGetVersion() -> Any:  # noqa: N802
    return 12000


@_codes.answers(1)
def cuDeviceGetCount() -> Any:  # noqa: N802
    return 1


@_codes.answers(1)
def cuDeviceGet(ordinal: Any) -> Any:  # noqa: N802
    return CUdevice(0) if int(ordinal) == 0 else CUresult.CUDA_ERROR_INVALID_DEVICE


@_codes.answers(1)
def cuDeviceGetName(length: int, dev: Any) -> Any:  # noqa: N802
    return host.NAME.encode()[: max(int(length) - 1, 0)].ljust(int(length), b"\0")


@_codes.answers(1)
def cuDeviceGetAttribute(attrib: Any, dev: Any) -> Any:  # noqa: N802
    return 0


@_codes.answers(1)
def cuCtxCreate(*args: Any) -> Any:  # noqa: N802
    """(flags, dev), and (params, flags, dev) of 13.x."""
    if len(args) not in (2, 3):
        raise TypeError(f"cuCtxCreate takes flags and a device, not {len(args)} arguments")
    return _context


@_codes.answers(1)
def cuCtxGetCurrent() -> Any:  # noqa: N802
    return _context


@_codes.answers(1)
def cuDevicePrimaryCtxRetain(dev: Any) -> Any:  # noqa: N802
    return _context


@_codes.answers(1)
def cuStreamCreate(Flags: int) -> Any:  # noqa: N802, N803
    return CUstream()


@_codes.answers(1)
def cuMemAlloc(bytesize: Any) -> Any:  # noqa: N802
    return CUdeviceptr(host.allocate(bytesize)) if int(bytesize) else CUresult.CUDA_ERROR_INVALID_VALUE


@_codes.answers()
def cuMemFree(dptr: Any) -> None:  # noqa: N802
    host.free(dptr)


def _copies(name: str) -> Any:
    @_codes.answers()
    def function(dst: Any, src: Any, ByteCount: Any, hStream: Any = None) -> None:  # noqa: N803
        host.copy(dst, src, ByteCount)

    function.__name__ = function.__qualname__ = name
    return function


cuMemcpyHtoD = _copies("cuMemcpyHtoD")  # noqa: N816
cuMemcpyDtoH = _copies("cuMemcpyDtoH")  # noqa: N816
cuMemcpyDtoD = _copies("cuMemcpyDtoD")  # noqa: N816
cuMemcpyHtoDAsync = _copies("cuMemcpyHtoDAsync")  # noqa: N816
cuMemcpyDtoHAsync = _copies("cuMemcpyDtoHAsync")  # noqa: N816
cuMemcpyDtoDAsync = _copies("cuMemcpyDtoDAsync")  # noqa: N816


@_codes.answers()
def cuMemsetD8(dstDevice: Any, uc: int, N: Any) -> None:  # noqa: N802, N803
    host.fill(dstDevice, uc, N)


def cuGetErrorName(error: Any) -> Any:  # noqa: N802
    return CUresult.CUDA_SUCCESS, CUresult(int(error)).name.encode()


def cuGetErrorString(error: Any) -> Any:  # noqa: N802
    return CUresult.CUDA_SUCCESS, CUresult(int(error)).name.encode()
