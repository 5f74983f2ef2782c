// CUDA's runtime calls on host memory.
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <new>
#include <set>
#include <thread>

#include "cuda_runtime_api.h"

struct CUstream_st {};
struct CUevent_st {
  bool recorded = false;
  std::chrono::steady_clock::time_point when;
};

namespace {

thread_local cudaError_t last_error = cudaSuccess;

cudaError_t done(cudaError_t error) {
  if (error != cudaSuccess) last_error = error;
  return error;
}

/// What was allocated, and the handles that live.
struct Book {
  std::mutex lock;
  std::map<const std::byte*, size_t> memory;  // by its beginning
  std::set<const void*> streams, events;
};

Book& book() {
  static auto* kept = new Book;  // programs free in destructors of theirs
  return *kept;
}

// Nothing is known of memory that another allocator made.
bool fits(const void* pointer, size_t count) {
  const auto* at = static_cast<const std::byte*>(pointer);
  const std::lock_guard hold(book().lock);
  auto found = book().memory.upper_bound(at);
  if (found == book().memory.begin()) return true;
  --found;
  const auto offset = static_cast<size_t>(at - found->first);
  return offset >= found->second || count <= found->second - offset;
}

cudaError_t allocate(void** pointer, size_t size) {
  if (pointer == nullptr) return done(cudaErrorInvalidValue);
  *pointer = nullptr;
  if (size == 0) return cudaSuccess;
  constexpr size_t alignment = 256;
  if (size > SIZE_MAX - alignment) return done(cudaErrorMemoryAllocation);
  void* made = std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (made == nullptr) return done(cudaErrorMemoryAllocation);
  const std::lock_guard hold(book().lock);
  book().memory[static_cast<std::byte*>(made)] = size;
  *pointer = made;
  return cudaSuccess;
}

cudaError_t release(void* pointer) {
  if (pointer == nullptr) return cudaSuccess;
  {
    const std::lock_guard hold(book().lock);
    if (book().memory.erase(static_cast<std::byte*>(pointer)) == 0)
      return done(cudaErrorInvalidValue);
  }
  std::free(pointer);
  return cudaSuccess;
}

template <class T>
cudaError_t create(T** handle, std::set<const void*>& living) {
  if (handle == nullptr) return done(cudaErrorInvalidValue);
  *handle = new (std::nothrow) T;
  if (*handle == nullptr) return done(cudaErrorMemoryAllocation);
  const std::lock_guard hold(book().lock);
  living.insert(*handle);
  return cudaSuccess;
}

bool lives(const void* handle, const std::set<const void*>& living) {
  const std::lock_guard hold(book().lock);
  return living.contains(handle);
}

// The streams that every program has: 0, and the two special ones.
cudaError_t check(cudaStream_t stream) {
  const auto number = reinterpret_cast<size_t>(stream);
  return number <= 2 || lives(stream, book().streams) ? cudaSuccess
                                                      : done(cudaErrorInvalidResourceHandle);
}

cudaError_t check(cudaEvent_t event) {
  return lives(event, book().events) ? cudaSuccess : done(cudaErrorInvalidResourceHandle);
}

template <class T>
cudaError_t destroy(T* handle, std::set<const void*>& living) {
  {
    const std::lock_guard hold(book().lock);
    if (living.erase(handle) == 0) return done(cudaErrorInvalidResourceHandle);
  }
  delete handle;
  return cudaSuccess;
}

size_t memory_bytes(int which) {
  const long pages = sysconf(which), size = sysconf(_SC_PAGE_SIZE);
  return pages > 0 && size > 0 ? static_cast<size_t>(pages) * static_cast<size_t>(size) : 0;
}

template <class T>
cudaError_t give(T* place, T value) {
  if (place == nullptr) return done(cudaErrorInvalidValue);
  *place = value;
  return cudaSuccess;
}

cudaError_t check_device(int device) {
  return device == 0 ? cudaSuccess : done(cudaErrorInvalidDevice);
}

}  // namespace

cudaError_t cudaMalloc(void** pointer, size_t size) { return allocate(pointer, size); }
cudaError_t cudaFree(void* pointer) { return release(pointer); }
cudaError_t cudaMallocHost(void** pointer, size_t size) { return allocate(pointer, size); }
cudaError_t cudaFreeHost(void* pointer) { return release(pointer); }
cudaError_t cudaHostAlloc(void** pointer, size_t size, unsigned int) {
  return allocate(pointer, size);
}
cudaError_t cudaMallocManaged(void** pointer, size_t size, unsigned int) {
  return allocate(pointer, size);
}
cudaError_t cudaMallocAsync(void** pointer, size_t size, cudaStream_t stream) {
  const cudaError_t wrong = check(stream);
  return wrong != cudaSuccess ? wrong : allocate(pointer, size);
}
cudaError_t cudaFreeAsync(void* pointer, cudaStream_t stream) {
  const cudaError_t wrong = check(stream);
  return wrong != cudaSuccess ? wrong : release(pointer);
}

cudaError_t cudaMemcpy(void* to, const void* from, size_t count, cudaMemcpyKind kind) {
  if (kind < cudaMemcpyHostToHost || kind > cudaMemcpyDefault)
    return done(cudaErrorInvalidMemcpyDirection);
  if (count == 0) return cudaSuccess;
  if (to == nullptr || from == nullptr || !fits(to, count) || !fits(from, count))
    return done(cudaErrorInvalidValue);
  std::memmove(to, from, count);
  return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t count, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  const cudaError_t wrong = check(stream);
  return wrong != cudaSuccess ? wrong : cudaMemcpy(to, from, count, kind);
}
cudaError_t cudaMemset(void* to, int value, size_t count) {
  if (count == 0) return cudaSuccess;
  if (to == nullptr || !fits(to, count)) return done(cudaErrorInvalidValue);
  std::memset(to, value, count);
  return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* to, int value, size_t count, cudaStream_t stream) {
  const cudaError_t wrong = check(stream);
  return wrong != cudaSuccess ? wrong : cudaMemset(to, value, count);
}
cudaError_t cudaMemGetInfo(size_t* available, size_t* total) {
  const cudaError_t wrong = give(available, memory_bytes(_SC_AVPHYS_PAGES));
  return wrong != cudaSuccess ? wrong : give(total, memory_bytes(_SC_PHYS_PAGES));
}
cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* pointer) {
  auto* plain = const_cast<void*>(pointer);
  return give(attributes, {cudaMemoryTypeHost, 0, plain, plain});
}

cudaError_t cudaStreamCreate(cudaStream_t* stream) { return create(stream, book().streams); }
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned int) {
  return create(stream, book().streams);
}
cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned int, int) {
  return create(stream, book().streams);
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) { return destroy(stream, book().streams); }
cudaError_t cudaStreamSynchronize(cudaStream_t stream) { return check(stream); }
cudaError_t cudaStreamQuery(cudaStream_t stream) { return check(stream); }
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned int) {
  const cudaError_t wrong = check(stream);
  return wrong != cudaSuccess ? wrong : check(event);
}

cudaError_t cudaEventCreate(cudaEvent_t* event) { return create(event, book().events); }
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned int) {
  return create(event, book().events);
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  cudaError_t wrong = check(stream);
  if (wrong == cudaSuccess) wrong = check(event);
  if (wrong != cudaSuccess) return wrong;
  event->recorded = true;
  event->when = std::chrono::steady_clock::now();
  return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) { return check(event); }
cudaError_t cudaEventQuery(cudaEvent_t event) { return check(event); }
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t from, cudaEvent_t to) {
  cudaError_t wrong = check(from);
  if (wrong == cudaSuccess) wrong = check(to);
  if (wrong != cudaSuccess) return wrong;
  if (!from->recorded || !to->recorded) return done(cudaErrorInvalidResourceHandle);
  const std::chrono::duration<float, std::milli> passed = to->when - from->when;
  return give(milliseconds, passed.count());
}
cudaError_t cudaEventDestroy(cudaEvent_t event) { return destroy(event, book().events); }

cudaError_t cudaGetDeviceCount(int* count) { return give(count, 1); }
cudaError_t cudaGetDevice(int* device) { return give(device, 0); }
cudaError_t cudaSetDevice(int device) { return check_device(device); }
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  const cudaError_t wrong = check_device(device);
  if (wrong != cudaSuccess) return wrong;
  cudaDeviceProp made{};
  std::strcpy(made.name, "Tenon host");
  made.totalGlobalMem = memory_bytes(_SC_PHYS_PAGES);
  made.multiProcessorCount = static_cast<int>(std::thread::hardware_concurrency());
  made.warpSize = 1, made.maxThreadsPerBlock = 1, made.integrated = 1, made.unifiedAddressing = 1;
  return give(properties, made);
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  const cudaError_t wrong = check_device(device);
  if (wrong != cudaSuccess) return wrong;
  const bool processors = attribute == cudaDevAttrMultiProcessorCount;
  return give(value, processors ? static_cast<int>(std::thread::hardware_concurrency()) : 0);
}
cudaError_t cudaDeviceSynchronize() { return cudaSuccess; }
cudaError_t cudaDeviceReset() { return cudaSuccess; }
cudaError_t cudaSetDeviceFlags(unsigned int) { return cudaSuccess; }
cudaError_t cudaRuntimeGetVersion(int* version) { return give(version, CUDART_VERSION); }
cudaError_t cudaDriverGetVersion(int* version) { return give(version, CUDART_VERSION); }

cudaError_t cudaGetLastError() {
  const cudaError_t error = last_error;
  last_error = cudaSuccess;
  return error;
}
cudaError_t cudaPeekAtLastError() { return last_error; }

const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
    case cudaSuccess: return "cudaSuccess";
    case cudaErrorInvalidValue: return "cudaErrorInvalidValue";
    case cudaErrorMemoryAllocation: return "cudaErrorMemoryAllocation";
    case cudaErrorInitializationError: return "cudaErrorInitializationError";
    case cudaErrorInvalidMemcpyDirection: return "cudaErrorInvalidMemcpyDirection";
    case cudaErrorNoDevice: return "cudaErrorNoDevice";
    case cudaErrorInvalidDevice: return "cudaErrorInvalidDevice";
    case cudaErrorInvalidResourceHandle: return "cudaErrorInvalidResourceHandle";
    case cudaErrorNotReady: return "cudaErrorNotReady";
    case cudaErrorNotSupported: return "cudaErrorNotSupported";
    case cudaErrorUnknown: break;
  }
  return "cudaErrorUnknown";
}

const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess: return "no error";
    case cudaErrorInvalidValue: return "invalid argument";
    case cudaErrorMemoryAllocation: return "out of memory";
    case cudaErrorInvalidMemcpyDirection: return "invalid copy direction for memcpy";
    case cudaErrorInvalidDevice: return "invalid device ordinal";
    case cudaErrorInvalidResourceHandle: return "invalid resource handle";
    case cudaErrorNotSupported: return "operation not supported";
    default: return cudaGetErrorName(error);
  }
}

cudaError_t cudaProfilerStart() { return cudaSuccess; }
cudaError_t cudaProfilerStop() { return cudaSuccess; }
