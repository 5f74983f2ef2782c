// The functions of NVIDIA's driver and of its run-time compiler that we use, declared by us.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tenon::cuda {

// Opaque handles and codes of the driver's interface.
using Result = int;
using DeviceNumber = int;
using ContextHandle = struct CUctx_st*;
using StreamHandle = struct CUstream_st*;
using EventHandle = struct CUevent_st*;
using ModuleHandle = struct CUmod_st*;
using FunctionHandle = struct CUfunc_st*;
using DeviceMemory = unsigned long long;
using GraphHandle = struct CUgraph_st*;
using GraphRunHandle = struct CUgraphExec_st*;
using ProgramHandle = struct nvrtc_program*;
using HostFunction = void (*)(void*);

inline constexpr Result success = 0, out_of_memory = 2, not_ready = 600;

enum Attribute : int {
  capability_major = 75,
  capability_minor = 76,
};

/// CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
inline constexpr int most_shared_bytes = 8;

/// CUlaunchAttribute, as far as we use it.
struct LaunchAttribute {
  int id = 0;
  char pad[4] = {};
  union {
    char all[64] = {};
    int programmatic;
  };
};
/// CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION: a kernel may begin before the one in
/// front of it has ended, and waits for it by itself.
inline constexpr int programmatic_serialization = 6;
/// CUlaunchConfig.
struct LaunchConfig {
  unsigned blocks_x = 1, blocks_y = 1, blocks_z = 1;
  unsigned threads_x = 1, threads_y = 1, threads_z = 1;
  unsigned shared = 0;
  StreamHandle stream = nullptr;
  const LaunchAttribute* attributes = nullptr;
  unsigned count = 0;
};

// Member, symbol, result, arguments. The suffixes are those that cuda.h gives.
// clang-format off
#define TENON_DRIVER_FUNCTIONS(X) \
  X(init, "cuInit", Result, unsigned) \
  X(driver_version, "cuDriverGetVersion", Result, int*) \
  X(error_name, "cuGetErrorName", Result, Result, const char**) \
  X(error_text, "cuGetErrorString", Result, Result, const char**) \
  X(device_count, "cuDeviceGetCount", Result, int*) \
  X(device_get, "cuDeviceGet", Result, DeviceNumber*, int) \
  X(device_name, "cuDeviceGetName", Result, char*, int, DeviceNumber) \
  X(device_attribute, "cuDeviceGetAttribute", Result, int*, int, DeviceNumber) \
  X(retain_context, "cuDevicePrimaryCtxRetain", Result, ContextHandle*, DeviceNumber) \
  X(push_context, "cuCtxPushCurrent_v2", Result, ContextHandle) \
  X(pop_context, "cuCtxPopCurrent_v2", Result, ContextHandle*) \
  X(allocate, "cuMemAlloc_v2", Result, DeviceMemory*, size_t) \
  X(free, "cuMemFree_v2", Result, DeviceMemory) \
  X(allocate_pinned, "cuMemHostAlloc", Result, void**, size_t, unsigned) \
  X(free_pinned, "cuMemFreeHost", Result, void*) \
  X(copy_to_device, "cuMemcpyHtoDAsync_v2", Result, DeviceMemory, const void*, size_t, StreamHandle) \
  X(copy_from_device, "cuMemcpyDtoHAsync_v2", Result, void*, DeviceMemory, size_t, StreamHandle) \
  X(copy_within, "cuMemcpyDtoDAsync_v2", Result, DeviceMemory, DeviceMemory, size_t, StreamHandle) \
  X(create_stream, "cuStreamCreate", Result, StreamHandle*, unsigned) \
  X(destroy_stream, "cuStreamDestroy_v2", Result, StreamHandle) \
  X(synchronize_stream, "cuStreamSynchronize", Result, StreamHandle) \
  X(wait_event, "cuStreamWaitEvent", Result, StreamHandle, EventHandle, unsigned) \
  X(create_event, "cuEventCreate", Result, EventHandle*, unsigned) \
  X(record_event, "cuEventRecord", Result, EventHandle, StreamHandle) \
  X(query_event, "cuEventQuery", Result, EventHandle) \
  X(synchronize_event, "cuEventSynchronize", Result, EventHandle) \
  X(load_module, "cuModuleLoadData", Result, ModuleHandle*, const void*) \
  X(get_function, "cuModuleGetFunction", Result, FunctionHandle*, ModuleHandle, const char*) \
  X(set_function, "cuFuncSetAttribute", Result, FunctionHandle, int, int) \
  X(launch, "cuLaunchKernel", Result, FunctionHandle, unsigned, unsigned, unsigned, unsigned, \
    unsigned, unsigned, unsigned, StreamHandle, void**, void**) \
  X(launch_with, "cuLaunchKernelEx", Result, const LaunchConfig*, FunctionHandle, void**, void**) \
  X(begin_capture, "cuStreamBeginCapture_v2", Result, StreamHandle, int) \
  X(end_capture, "cuStreamEndCapture", Result, StreamHandle, GraphHandle*) \
  X(instantiate, "cuGraphInstantiateWithFlags", Result, GraphRunHandle*, GraphHandle, uint64_t) \
  X(launch_graph, "cuGraphLaunch", Result, GraphRunHandle, StreamHandle) \
  X(destroy_graph, "cuGraphDestroy", Result, GraphHandle) \
  X(destroy_graph_run, "cuGraphExecDestroy", Result, GraphRunHandle) \
  X(launch_host, "cuLaunchHostFunc", Result, StreamHandle, HostFunction, void*)

#define TENON_COMPILER_FUNCTIONS(X) \
  X(version, "nvrtcVersion", Result, int*, int*) \
  X(error_text, "nvrtcGetErrorString", const char*, Result) \
  X(create, "nvrtcCreateProgram", Result, ProgramHandle*, const char*, const char*, int, \
    const char* const*, const char* const*) \
  X(compile, "nvrtcCompileProgram", Result, ProgramHandle, int, const char* const*) \
  X(code_size, "nvrtcGetCUBINSize", Result, ProgramHandle, size_t*) \
  X(code, "nvrtcGetCUBIN", Result, ProgramHandle, char*) \
  X(log_size, "nvrtcGetProgramLogSize", Result, ProgramHandle, size_t*) \
  X(log, "nvrtcGetProgramLog", Result, ProgramHandle, char*) \
  X(destroy, "nvrtcDestroyProgram", Result, ProgramHandle*)
// clang-format on

#define TENON_MEMBER(member, symbol, result, ...) result (*member)(__VA_ARGS__) = nullptr;

/// The driver, initialised.
struct Driver {
  TENON_DRIVER_FUNCTIONS(TENON_MEMBER)

  /// Opened once a process. Throws unavailable: no driver, one that is too old, no device.
  static const Driver& get();
  /// Throws unavailable with the driver's own words, unless `result` is success; std::bad_alloc
  /// where memory is what lacks.
  void check(Result result, const char* what) const;
};

/// The run-time compiler.
struct Compiler {
  TENON_COMPILER_FUNCTIONS(TENON_MEMBER)

  /// Opened once a process. Throws unavailable where it is not here.
  static const Compiler& get();
};

#undef TENON_MEMBER

}  // namespace tenon::cuda
