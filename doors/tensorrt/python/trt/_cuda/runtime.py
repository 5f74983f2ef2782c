"""cuda.bindings.runtime (cuda.cudart) on the host."""

from __future__ import annotations

from typing import Any

from . import host
from .answers import Codes, Named

cudaError_t = Named(  # noqa: N816 - CUDA's names, here and below
    "cudaError_t",
    {
        "cudaSuccess": 0,
        "cudaErrorInvalidValue": 1,
        "cudaErrorMemoryAllocation": 2,
        "cudaErrorInitializationError": 3,
        "cudaErrorCudartUnloading": 4,
        "cudaErrorProfilerDisabled": 5,
        "cudaErrorInvalidConfiguration": 9,
        "cudaErrorInvalidPitchValue": 12,
        "cudaErrorInvalidSymbol": 13,
        "cudaErrorInvalidHostPointer": 16,
        "cudaErrorInvalidDevicePointer": 17,
        "cudaErrorInvalidMemcpyDirection": 21,
        "cudaErrorInsufficientDriver": 35,
        "cudaErrorMissingConfiguration": 52,
        "cudaErrorInvalidDeviceFunction": 98,
        "cudaErrorNoDevice": 100,
        "cudaErrorInvalidDevice": 101,
        "cudaErrorInvalidKernelImage": 200,
        "cudaErrorDeviceUninitialized": 201,
        "cudaErrorMapBufferObjectFailed": 205,
        "cudaErrorNoKernelImageForDevice": 209,
        "cudaErrorECCUncorrectable": 214,
        "cudaErrorInvalidSource": 300,
        "cudaErrorFileNotFound": 301,
        "cudaErrorOperatingSystem": 304,
        "cudaErrorInvalidResourceHandle": 400,
        "cudaErrorIllegalState": 401,
        "cudaErrorSymbolNotFound": 500,
        "cudaErrorNotReady": 600,
        "cudaErrorIllegalAddress": 700,
        "cudaErrorLaunchOutOfResources": 701,
        "cudaErrorLaunchTimeout": 702,
        "cudaErrorContextIsDestroyed": 709,
        "cudaErrorAssert": 710,
        "cudaErrorHostMemoryAlreadyRegistered": 712,
        "cudaErrorHostMemoryNotRegistered": 713,
        "cudaErrorLaunchFailure": 719,
        "cudaErrorNotPermitted": 800,
        "cudaErrorNotSupported": 801,
        "cudaErrorStreamCaptureUnsupported": 900,
        "cudaErrorStreamCaptureInvalidated": 901,
        "cudaErrorTimeout": 909,
        "cudaErrorUnknown": 999,
    },
    module=__name__,
)
cudaMemcpyKind = Named(  # noqa: N816
    "cudaMemcpyKind",
    {
        "cudaMemcpyHostToHost": 0,
        "cudaMemcpyHostToDevice": 1,
        "cudaMemcpyDeviceToHost": 2,
        "cudaMemcpyDeviceToDevice": 3,
        "cudaMemcpyDefault": 4,
    },
    module=__name__,
)
cudaDeviceAttr = Named(  # noqa: N816
    "cudaDeviceAttr",
    {
        "cudaDevAttrMaxThreadsPerBlock": 1,
        "cudaDevAttrWarpSize": 10,
        "cudaDevAttrClockRate": 13,
        "cudaDevAttrMultiProcessorCount": 16,
        "cudaDevAttrComputeCapabilityMajor": 75,
        "cudaDevAttrComputeCapabilityMinor": 76,
        "cudaDevAttrMemoryPoolsSupported": 115,
    },
    module=__name__,
)
cudaStreamDefault, cudaStreamNonBlocking = 0, 1  # noqa: N816
cudaEventDefault, cudaEventBlockingSync, cudaEventDisableTiming = 0, 1, 2  # noqa: N816
cudaHostAllocDefault, cudaHostAllocPortable, cudaHostAllocMapped = 0, 1, 2  # noqa: N816
cudaMemAttachGlobal = 1  # noqa: N816


class cudaStream_t(host.Handle):  # noqa: N801
    """A stream: its work is done when it is enqueued."""


class cudaEvent_t(host.Handle):  # noqa: N801
    """A time on the host's clock."""


class cudaDeviceProp:  # noqa: N801
    """What a host without a GPU says of itself; compute capability 0.0."""

    def __init__(self) -> None:
        self.name = host.NAME.encode()
        self.totalGlobalMem = host.memory()[1]
        self.major = self.minor = self.multiProcessorCount = self.warpSize = 0
        self.maxThreadsPerBlock = self.sharedMemPerBlock = self.clockRate = 0
        self.integrated = self.unifiedAddressing = self.managedMemory = 1


_codes = Codes(
    cudaError_t.cudaSuccess, cudaError_t.cudaErrorInvalidValue, cudaError_t.cudaErrorMemoryAllocation
)


def _handle(given: Any) -> None:
    if isinstance(given, (float, str)):
        raise TypeError(f"a stream is an int or a handle, not {type(given).__name__}")


def _device(given: Any) -> None:
    if int(given) != 0:
        raise host.InvalidValue("there is one device, 0")


@_codes.answers(1)
def cudaMalloc(size: Any) -> Any:  # noqa: N802
    return host.allocate(size)


@_codes.answers(1)
def cudaMallocHost(size: Any) -> Any:  # noqa: N802
    return host.allocate(size)


@_codes.answers(1)
def cudaHostAlloc(size: Any, flags: int) -> Any:  # noqa: N802
    return host.allocate(size)


@_codes.answers(1)
def cudaMallocManaged(size: Any, flags: int = cudaMemAttachGlobal) -> Any:  # noqa: N802
    return host.allocate(size)


@_codes.answers(1)
def cudaMallocAsync(size: Any, hStream: Any) -> Any:  # noqa: N802, N803
    return host.allocate(size)


@_codes.answers()
def cudaFree(devPtr: Any) -> None:  # noqa: N802, N803
    host.free(devPtr)


@_codes.answers()
def cudaFreeHost(ptr: Any) -> None:  # noqa: N802
    host.free(ptr)


@_codes.answers()
def cudaFreeAsync(devPtr: Any, hStream: Any) -> None:  # noqa: N802, N803
    host.free(devPtr)


@_codes.answers()
def cudaMemcpy(dst: Any, src: Any, count: Any, kind: Any) -> Any:  # noqa: N802
    if int(kind) not in range(5):
        return cudaError_t.cudaErrorInvalidMemcpyDirection
    host.copy(dst, src, count)
    return None


@_codes.answers()
def cudaMemcpyAsync(dst: Any, src: Any, count: Any, kind: Any, stream: Any) -> Any:  # noqa: N802
    _handle(stream)
    if int(kind) not in range(5):
        return cudaError_t.cudaErrorInvalidMemcpyDirection
    host.copy(dst, src, count)
    return None


@_codes.answers()
def cudaMemset(devPtr: Any, value: int, count: Any) -> None:  # noqa: N802, N803
    host.fill(devPtr, value, count)


@_codes.answers()
def cudaMemsetAsync(devPtr: Any, value: int, count: Any, stream: Any) -> None:  # noqa: N802, N803
    host.fill(devPtr, value, count)


@_codes.answers(1)
def cudaStreamCreate() -> Any:  # noqa: N802
    return cudaStream_t()


@_codes.answers(1)
def cudaStreamCreateWithFlags(flags: int) -> Any:  # noqa: N802
    return cudaStream_t()


@_codes.answers(1)
def cudaStreamCreateWithPriority(flags: int, priority: int) -> Any:  # noqa: N802
    return cudaStream_t()


def _on_stream(name: str) -> Any:
    """A function that has nothing to wait for."""

    @_codes.answers()
    def function(stream: Any, *_: Any) -> None:
        _handle(stream)

    function.__name__ = function.__qualname__ = name
    return function


cudaStreamSynchronize = _on_stream("cudaStreamSynchronize")  # noqa: N816
cudaStreamDestroy = _on_stream("cudaStreamDestroy")  # noqa: N816
cudaStreamQuery = _on_stream("cudaStreamQuery")  # noqa: N816
cudaStreamWaitEvent = _on_stream("cudaStreamWaitEvent")  # noqa: N816
cudaEventSynchronize = _on_stream("cudaEventSynchronize")  # noqa: N816
cudaEventQuery = _on_stream("cudaEventQuery")  # noqa: N816


@_codes.answers()
def cudaStreamBeginCapture(stream: Any, mode: Any) -> Any:  # noqa: N802
    """Graphs are not there yet: said at the first call of theirs."""
    return cudaError_t.cudaErrorStreamCaptureUnsupported


@_codes.answers(1)
def cudaEventCreate() -> Any:  # noqa: N802
    return cudaEvent_t()


@_codes.answers(1)
def cudaEventCreateWithFlags(flags: int) -> Any:  # noqa: N802
    return cudaEvent_t()


@_codes.answers()
def cudaEventRecord(event: Any, stream: Any = 0) -> None:  # noqa: N802
    host.Clock.record(event)


@_codes.answers(1)
def cudaEventElapsedTime(start: Any, end: Any) -> Any:  # noqa: N802
    return host.Clock.milliseconds(start, end)


@_codes.answers()
def cudaEventDestroy(event: Any) -> None:  # noqa: N802
    host.Clock.forget(event)


@_codes.answers(1)
def cudaGetDeviceCount() -> Any:  # noqa: N802
    return 1


@_codes.answers(1)
def cudaGetDevice() -> Any:  # noqa: N802
    return 0


@_codes.answers()
def cudaSetDevice(device: Any) -> Any:  # noqa: N802
    return None if int(device) == 0 else cudaError_t.cudaErrorInvalidDevice


@_codes.answers()
def cudaDeviceSynchronize() -> None:  # noqa: N802
    pass


@_codes.answers()
def cudaDeviceReset() -> None:  # noqa: N802
    pass


@_codes.answers(1)
def cudaGetDeviceProperties(device: Any) -> Any:  # noqa: N802
    return cudaDeviceProp() if int(device) == 0 else cudaError_t.cudaErrorInvalidDevice


@_codes.answers(1)
def cudaDeviceGetAttribute(attr: Any, device: Any) -> Any:  # noqa: N802
    _device(device)
    return 0


@_codes.answers(2)
def cudaMemGetInfo() -> Any:  # noqa: N802
    return host.memory()


@_codes.answers(1)
def cudaRuntimeGetVersion() -> Any:  # noqa: N802
    return 12000


@_codes.answers(1)
def cudaDriverGetVersion() -> Any:  # noqa: N802
    return 12000


def cudaGetErrorName(error: Any) -> Any:  # noqa: N802
    return cudaError_t.cudaSuccess, cudaError_t(int(error)).name.encode()


def cudaGetErrorString(error: Any) -> Any:  # noqa: N802
    return cudaError_t.cudaSuccess, cudaError_t(int(error)).name.encode()


def cudaGetLastError() -> Any:  # noqa: N802
    last, _codes.last = _codes.last, cudaError_t.cudaSuccess
    return (last,)


def cudaPeekAtLastError() -> Any:  # noqa: N802
    return (_codes.last,)


@_codes.answers()
def cudaProfilerStart() -> None:  # noqa: N802
    pass


@_codes.answers()
def cudaProfilerStop() -> None:  # noqa: N802
    pass
