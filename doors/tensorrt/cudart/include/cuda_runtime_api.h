// CUDA's runtime calls on host memory, for programs on a machine without a GPU: work is done when a
// call returns, in order. Kernels cannot be launched.
#ifndef TENON_CUDART_HOST_H
#define TENON_CUDART_HOST_H

#include <stddef.h>

#define CUDART_VERSION 12000
#define TENON_CUDART_HOST 1
#ifndef CUDARTAPI
#define CUDARTAPI __attribute__((visibility("default")))
#endif

struct CUstream_st;
struct CUevent_st;
struct CUgraph_st;
struct CUgraphExec_st;
typedef struct CUstream_st* cudaStream_t;
typedef struct CUevent_st* cudaEvent_t;
typedef struct CUgraph_st* cudaGraph_t;
typedef struct CUgraphExec_st* cudaGraphExec_t;

enum cudaError {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInitializationError = 3,
  cudaErrorInvalidMemcpyDirection = 21,
  cudaErrorNoDevice = 100,
  cudaErrorInvalidDevice = 101,
  cudaErrorInvalidResourceHandle = 400,
  cudaErrorNotReady = 600,
  cudaErrorNotSupported = 801,
  cudaErrorUnknown = 999
};
typedef enum cudaError cudaError_t;

enum cudaMemcpyKind {
  cudaMemcpyHostToHost = 0,
  cudaMemcpyHostToDevice = 1,
  cudaMemcpyDeviceToHost = 2,
  cudaMemcpyDeviceToDevice = 3,
  cudaMemcpyDefault = 4
};

enum cudaDeviceAttr {
  cudaDevAttrMultiProcessorCount = 16,
  cudaDevAttrComputeCapabilityMajor = 75,
  cudaDevAttrComputeCapabilityMinor = 76
};

enum cudaMemoryType {
  cudaMemoryTypeUnregistered = 0,
  cudaMemoryTypeHost = 1,
  cudaMemoryTypeDevice = 2,
  cudaMemoryTypeManaged = 3
};

enum {
  cudaStreamDefault = 0,
  cudaStreamNonBlocking = 1,
  cudaEventDefault = 0,
  cudaEventBlockingSync = 1,
  cudaEventDisableTiming = 2,
  cudaHostAllocDefault = 0,
  cudaMemAttachGlobal = 1
};

/// Compute capability 0.0: what asks for more goes another way.
struct cudaDeviceProp {
  char name[256];
  size_t totalGlobalMem;
  size_t sharedMemPerBlock;
  int major;
  int minor;
  int multiProcessorCount;
  int clockRate;
  int memoryClockRate;
  int memoryBusWidth;
  int maxThreadsPerBlock;
  int warpSize;
  int integrated;
  int unifiedAddressing;
};

struct cudaPointerAttributes {
  enum cudaMemoryType type;
  int device;
  void* devicePointer;
  void* hostPointer;
};

#ifdef __cplusplus
extern "C" {
#endif

CUDARTAPI cudaError_t cudaMalloc(void** pointer, size_t size);
CUDARTAPI cudaError_t cudaFree(void* pointer);
CUDARTAPI cudaError_t cudaMallocHost(void** pointer, size_t size);
CUDARTAPI cudaError_t cudaFreeHost(void* pointer);
CUDARTAPI cudaError_t cudaHostAlloc(void** pointer, size_t size, unsigned int flags);
CUDARTAPI cudaError_t cudaMallocManaged(void** pointer, size_t size, unsigned int flags);
CUDARTAPI cudaError_t cudaMallocAsync(void** pointer, size_t size, cudaStream_t stream);
CUDARTAPI cudaError_t cudaFreeAsync(void* pointer, cudaStream_t stream);
/// A range that passes the end of an allocation made here is cudaErrorInvalidValue.
CUDARTAPI cudaError_t cudaMemcpy(void* to, const void* from, size_t count,
                                 enum cudaMemcpyKind kind);
CUDARTAPI cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t count,
                                      enum cudaMemcpyKind kind, cudaStream_t stream);
CUDARTAPI cudaError_t cudaMemset(void* to, int value, size_t count);
CUDARTAPI cudaError_t cudaMemsetAsync(void* to, int value, size_t count, cudaStream_t stream);
CUDARTAPI cudaError_t cudaMemGetInfo(size_t* available, size_t* total);
CUDARTAPI cudaError_t cudaPointerGetAttributes(struct cudaPointerAttributes* attributes,
                                               const void* pointer);

CUDARTAPI cudaError_t cudaStreamCreate(cudaStream_t* stream);
CUDARTAPI cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned int flags);
CUDARTAPI cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned int flags,
                                                   int priority);
CUDARTAPI cudaError_t cudaStreamDestroy(cudaStream_t stream);
CUDARTAPI cudaError_t cudaStreamSynchronize(cudaStream_t stream);
CUDARTAPI cudaError_t cudaStreamQuery(cudaStream_t stream);
CUDARTAPI cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event,
                                          unsigned int flags);

CUDARTAPI cudaError_t cudaEventCreate(cudaEvent_t* event);
CUDARTAPI cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned int flags);
CUDARTAPI cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream);
CUDARTAPI cudaError_t cudaEventSynchronize(cudaEvent_t event);
CUDARTAPI cudaError_t cudaEventQuery(cudaEvent_t event);
CUDARTAPI cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t from, cudaEvent_t to);
CUDARTAPI cudaError_t cudaEventDestroy(cudaEvent_t event);

CUDARTAPI cudaError_t cudaGetDeviceCount(int* count);
CUDARTAPI cudaError_t cudaGetDevice(int* device);
CUDARTAPI cudaError_t cudaSetDevice(int device);
CUDARTAPI cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp* properties, int device);
CUDARTAPI cudaError_t cudaDeviceGetAttribute(int* value, enum cudaDeviceAttr attribute, int device);
CUDARTAPI cudaError_t cudaDeviceSynchronize(void);
CUDARTAPI cudaError_t cudaDeviceReset(void);
CUDARTAPI cudaError_t cudaSetDeviceFlags(unsigned int flags);
CUDARTAPI cudaError_t cudaRuntimeGetVersion(int* version);
CUDARTAPI cudaError_t cudaDriverGetVersion(int* version);

CUDARTAPI cudaError_t cudaGetLastError(void);
CUDARTAPI cudaError_t cudaPeekAtLastError(void);
CUDARTAPI const char* cudaGetErrorName(cudaError_t error);
CUDARTAPI const char* cudaGetErrorString(cudaError_t error);
CUDARTAPI cudaError_t cudaProfilerStart(void);
CUDARTAPI cudaError_t cudaProfilerStop(void);

#ifdef __cplusplus
}

template <class T>
inline cudaError_t cudaMalloc(T** pointer, size_t size) {
  return cudaMalloc(reinterpret_cast<void**>(pointer), size);
}
template <class T>
inline cudaError_t cudaMallocHost(T** pointer, size_t size) {
  return cudaMallocHost(reinterpret_cast<void**>(pointer), size);
}
template <class T>
inline cudaError_t cudaMallocManaged(T** pointer, size_t size,
                                     unsigned int flags = cudaMemAttachGlobal) {
  return cudaMallocManaged(reinterpret_cast<void**>(pointer), size, flags);
}
#endif

#endif
