"""CUDA's Python interfaces on host memory, as scripts use them."""

import ctypes

import numpy as np
import pytest
from tenon.trt._cuda import driver, host, nvrtc, pycuda, runtime

OK = runtime.cudaError_t.cudaSuccess
INVALID = runtime.cudaError_t.cudaErrorInvalidValue
KIND = runtime.cudaMemcpyKind


def test_memory_goes_there_and_back():
    source, target = np.arange(100, dtype=np.float32), np.zeros(100, np.float32)
    error, device = runtime.cudaMalloc(source.nbytes)
    assert error == OK and error.value == 0 and device % 64 == 0
    error, stream = runtime.cudaStreamCreate()
    there = runtime.cudaMemcpyAsync(device, source, source.nbytes, KIND.cudaMemcpyHostToDevice, stream)
    back = runtime.cudaMemcpy(target.ctypes.data, device, 400, KIND.cudaMemcpyDeviceToHost)
    assert there == back == runtime.cudaStreamSynchronize(stream) == (OK,)
    np.testing.assert_array_equal(source, target)
    assert runtime.cudaMemset(device, 0xFF, 4) == (OK,)
    runtime.cudaMemcpy(target, device, 4, KIND.cudaMemcpyDefault)
    assert np.isnan(target[0]) and target[1] == 1
    assert runtime.cudaFree(device) == (OK,) and runtime.cudaFree(0) == (OK,)


def test_what_is_wrong_is_a_code_and_none():
    error, device = runtime.cudaMalloc(np.int64(16))
    assert runtime.cudaMemcpy(device, bytes(17), 17, KIND.cudaMemcpyHostToDevice) == (INVALID,)
    assert runtime.cudaMemcpy(device + 8, bytes(9), 9, KIND.cudaMemcpyHostToDevice) == (INVALID,)
    assert runtime.cudaMemcpy(device, bytes(4), 4, 9)[0].name == "cudaErrorInvalidMemcpyDirection"
    assert runtime.cudaFree(device + 8) == (INVALID,)
    assert runtime.cudaFree(device) == (OK,) and runtime.cudaFree(device) == (INVALID,)
    assert runtime.cudaMalloc(-1) == (INVALID, None)
    assert runtime.cudaMalloc(1 << 60) == (runtime.cudaError_t.cudaErrorMemoryAllocation, None)
    assert runtime.cudaGetLastError()[0].name == "cudaErrorMemoryAllocation"
    assert runtime.cudaGetLastError() == (OK,)
    assert runtime.cudaSetDevice(1)[0].name == "cudaErrorInvalidDevice"
    with pytest.raises(TypeError):
        runtime.cudaStreamSynchronize("0")


def test_the_usual_buffer_helper_works():
    """Pinned memory as an array, through ctypes."""
    error, pointer = runtime.cudaMallocHost(40)
    array = np.ctypeslib.as_array(
        ctypes.cast(pointer, ctypes.POINTER(ctypes.c_float)), (10,)
    )
    np.copyto(array[:10], np.arange(10, dtype=np.float32), casting="safe")
    assert array.sum() == 45 and runtime.cudaFreeHost(pointer) == (OK,)


def test_a_device_says_what_it_is():
    assert runtime.cudaGetDeviceCount() == (OK, 1)
    error, properties = runtime.cudaGetDeviceProperties(0)
    assert properties.name == b"Tenon host" and (properties.major, properties.minor) == (0, 0)
    error, free, total = runtime.cudaMemGetInfo()
    assert 0 < free <= total
    assert str(OK) == "cudaError_t.cudaSuccess"
    assert runtime.cudaGetErrorName(INVALID)[1] == b"cudaErrorInvalidValue"


def test_events_measure_the_hosts_time():
    first, last = runtime.cudaEventCreate()[1], runtime.cudaEventCreate()[1]
    assert runtime.cudaEventElapsedTime(first, last) == (INVALID, None)
    runtime.cudaEventRecord(first, 0)
    runtime.cudaEventRecord(last, 0)
    error, elapsed = runtime.cudaEventElapsedTime(first, last)
    assert error == OK and 0 <= elapsed < 1000


def test_the_driver_answers_the_same():
    assert driver.cuInit(0) == (driver.CUresult.CUDA_SUCCESS,)
    error, device = driver.cuDeviceGet(0)
    for arguments in ((0, device), (None, 0, device)):
        error, context = driver.cuCtxCreate(*arguments)
        assert error == driver.CUresult.CUDA_SUCCESS and int(context) != 0
    error, memory = driver.cuMemAlloc(8)
    target = np.zeros(2, np.float32)
    driver.cuMemcpyHtoD(memory, np.float32([1, 2]), 8)
    driver.cuMemcpyDtoHAsync(target, memory, 8, driver.cuStreamCreate(0)[1])
    assert target.tolist() == [1, 2] and driver.cuMemFree(memory)[0] == 0
    assert driver.cuModuleLoadData(b"")[0].name == "CUDA_ERROR_NOT_SUPPORTED"
    assert nvrtc.nvrtcCreateProgram(b"", b"", 0, [], []) == (
        nvrtc.nvrtcResult.NVRTC_ERROR_INTERNAL_ERROR,
        None,
    )


def test_pycuda_copies_and_checks_sizes():
    array = pycuda.pagelocked_empty((2, np.int64(3)), np.float32)
    array[:] = [[1, 2, 3], [4, 5, 6]]
    assert array.ctypes.data % 64 == 0
    device = pycuda.mem_alloc(array.nbytes)
    pycuda.memcpy_htod_async(device, array, pycuda.Stream())
    assert pycuda.from_device(int(device) + 12, 3, np.float32).tolist() == [4, 5, 6]
    with pytest.raises(pycuda.LogicError, match="28 bytes"):
        pycuda.memcpy_htod(device, np.zeros(7, np.float32))
    with pytest.raises(ValueError, match="contiguous"):
        pycuda.memcpy_htod(device, np.zeros((4, 4), np.float32)[::2, ::2])
    for count in (0, -1):
        with pytest.raises(pycuda.LogicError):
            pycuda.mem_alloc(count)
    device.free()
    with pytest.raises(pycuda.LogicError, match="freed"):
        int(device)
    with pytest.raises(NotImplementedError, match="GPU"):
        pycuda.SourceModule("")


def test_an_allocation_goes_with_its_object():
    device = pycuda.mem_alloc(64)
    address = int(device)
    assert host.room(address) == 64 and host.room(address + 60) == 4
    del device
    assert host.room(address) is None
