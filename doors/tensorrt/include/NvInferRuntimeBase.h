// What every part of the interface shares: macros, tensors' types and extents, weights, logger and
// error recorder.
#ifndef NV_INFER_RUNTIME_BASE_H
#define NV_INFER_RUNTIME_BASE_H

#include <cstddef>
#include <cstdint>

#include "NvInferVersion.h"

#if defined(__has_include)
#if __has_include(<cuda_runtime_api.h>)
#include <cuda_runtime_api.h>
#define TENON_TRT_HAS_CUDA 1
#endif
#endif
#ifndef TENON_TRT_HAS_CUDA
struct CUstream_st;
struct CUevent_st;
typedef struct CUstream_st* cudaStream_t;
typedef struct CUevent_st* cudaEvent_t;
#endif

#define TENSORRTAPI __attribute__((visibility("default")))
#define TRTNOEXCEPT
#define TRT_DEPRECATED __attribute__((deprecated))
#define TRT_DEPRECATED_API __attribute__((deprecated, visibility("default")))
#define TRT_DEPRECATED_BECAUSE(REASON) __attribute__((deprecated(REASON)))
#define TRT_DEPRECATED_ENUM
#define TRT_NODISCARD
#define TRT_NODISCARD_BECAUSE(REASON)
#define NV_TENSORRT_VERSION_INT(major, minor, patch) ((major)*10000L + (minor)*100L + (patch)*1L)
#define NV_TENSORRT_VERSION \
  NV_TENSORRT_VERSION_INT(NV_TENSORRT_MAJOR, NV_TENSORRT_MINOR, NV_TENSORRT_PATCH)

namespace nvinfer1 {

using char_t = char;
using AsciiChar = char_t;
using InterfaceKind = char const*;

/// The number of enumerators of T.
template <typename T>
constexpr int32_t EnumMax() noexcept;

enum class APILanguage : int32_t { kCPP = 0, kPYTHON = 1 };

enum class DataType : int32_t {
  kFLOAT = 0,
  kHALF = 1,
  kINT8 = 2,
  kINT32 = 3,
  kBOOL = 4,
  kUINT8 = 5,
  kFP8 = 6,
  kBF16 = 7,
  kINT64 = 8,
  kINT4 = 9,
  kFP4 = 10,
  kE8M0 = 11,
};
template <>
constexpr int32_t EnumMax<DataType>() noexcept {
  return 12;
}

enum class ErrorCode : int32_t {
  kSUCCESS = 0,
  kUNSPECIFIED_ERROR = 1,
  kINTERNAL_ERROR = 2,
  kINVALID_ARGUMENT = 3,
  kINVALID_CONFIG = 4,
  kFAILED_ALLOCATION = 5,
  kFAILED_INITIALIZATION = 6,
  kFAILED_EXECUTION = 7,
  kFAILED_COMPUTATION = 8,
  kINVALID_STATE = 9,
  kUNSUPPORTED_STATE = 10,
};
template <>
constexpr int32_t EnumMax<ErrorCode>() noexcept {
  return 11;
}

enum class TensorIOMode : int32_t { kNONE = 0, kINPUT = 1, kOUTPUT = 2 };
template <>
constexpr int32_t EnumMax<TensorIOMode>() noexcept {
  return 3;
}

enum class TensorFormat : int32_t {
  kLINEAR = 0,
  kCHW2 = 1,
  kHWC8 = 2,
  kCHW4 = 3,
  kCHW16 = 4,
  kCHW32 = 5,
  kDHWC8 = 6,
  kCDHW32 = 7,
  kHWC = 8,
  kDLA_LINEAR = 9,
  kDLA_HWC4 = 10,
  kHWC16 = 11,
  kDHWC = 12,
};
template <>
constexpr int32_t EnumMax<TensorFormat>() noexcept {
  return 13;
}

using TensorFormats = uint32_t;

enum class SeekPosition : int32_t {
  kSET = 0,
  kCUR = 1,
  kEND = 2,
};
template <>
constexpr int32_t EnumMax<SeekPosition>() noexcept {
  return 3;
}

enum class AllocatorFlag : int32_t { kRESIZABLE = 0 };
template <>
constexpr int32_t EnumMax<AllocatorFlag>() noexcept {
  return 1;
}
using AllocatorFlags = uint32_t;

enum class TensorLocation : int32_t { kDEVICE = 0, kHOST = 1 };
template <>
constexpr int32_t EnumMax<TensorLocation>() noexcept {
  return 2;
}

/// Extents, outermost first; -1 is an unknown one, nbDims -1 no extents at all.
class Dims64 {
 public:
  static constexpr int32_t MAX_DIMS{8};
  int32_t nbDims;
  int64_t d[MAX_DIMS];
};
using Dims = Dims64;

/// Elements in the caller's memory, counted in elements; read when the network is built, and by a
/// refitter whenever it refits.
class Weights {
 public:
  DataType type;
  void const* values;
  int64_t count;
};

class INoCopy {
 protected:
  INoCopy() = default;
  virtual ~INoCopy() = default;
  INoCopy(INoCopy const&) = delete;
  INoCopy& operator=(INoCopy const&) = delete;
  INoCopy(INoCopy&&) = delete;
  INoCopy& operator=(INoCopy&&) = delete;
};

class InterfaceInfo {
 public:
  InterfaceKind kind;
  int32_t major;
  int32_t minor;
};

/// Base of what the program implements.
class IVersionedInterface {
 public:
  virtual APILanguage getAPILanguage() const noexcept { return APILanguage::kCPP; }
  virtual InterfaceInfo getInterfaceInfo() const noexcept = 0;
  virtual ~IVersionedInterface() noexcept = default;

 protected:
  IVersionedInterface() = default;
  IVersionedInterface(IVersionedInterface const&) = default;
  IVersionedInterface& operator=(IVersionedInterface const&) & = default;
};

/// Gets one line a call, from any thread, several at a time.
class ILogger {
 public:
  enum class Severity : int32_t {
    kINTERNAL_ERROR = 0,
    kERROR = 1,
    kWARNING = 2,
    kINFO = 3,
    kVERBOSE = 4,
  };
  virtual void log(Severity severity, AsciiChar const* msg) noexcept = 0;
  ILogger() = default;
  virtual ~ILogger() = default;

 protected:
  ILogger(ILogger const&) = default;
  ILogger& operator=(ILogger const&) & = default;
};
template <>
constexpr int32_t EnumMax<ILogger::Severity>() noexcept {
  return 5;
}

/// Of libraries of plugins; nothing here asks.
class ILoggerFinder {
 public:
  virtual ILogger* findLogger() = 0;

 protected:
  virtual ~ILoggerFinder() = default;
};

namespace v_1_0 {
using ILogger = nvinfer1::ILogger;

/// Gets an object's errors in the place of its logger.
class IErrorRecorder : public IVersionedInterface {
 public:
  using ErrorDesc = char const*;
  using RefCount = int32_t;
  static constexpr size_t kMAX_DESC_LENGTH{127};

  InterfaceInfo getInterfaceInfo() const noexcept override {
    return InterfaceInfo{"IErrorRecorder", 1, 0};
  }
  virtual int32_t getNbErrors() const noexcept = 0;
  virtual ErrorCode getErrorCode(int32_t errorIdx) const noexcept = 0;
  virtual ErrorDesc getErrorDesc(int32_t errorIdx) const noexcept = 0;
  virtual bool hasOverflowed() const noexcept = 0;
  virtual void clear() noexcept = 0;
  virtual bool reportError(ErrorCode val, ErrorDesc desc) noexcept = 0;
  virtual RefCount incRefCount() noexcept = 0;
  virtual RefCount decRefCount() noexcept = 0;
};

/// Gives a plan's bytes piece by piece.
class IStreamReader : public IVersionedInterface {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override {
    return InterfaceInfo{"IStreamReader", 1, 0};
  }
  /// The number of bytes read; less than asked is the end, less than 0 an error.
  virtual int64_t read(void* destination, int64_t nbBytes) = 0;
};

class IStreamReaderV2 : public IVersionedInterface {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override {
    return InterfaceInfo{"IStreamReaderV2", 1, 0};
  }
  /// Short reads are continued; 0 or less is an error.
  virtual int64_t read(void* destination, int64_t nbBytes, cudaStream_t stream) noexcept = 0;
  virtual bool seek(int64_t offset, SeekPosition where) noexcept = 0;
};

/// Takes a plan's bytes piece by piece.
class IStreamWriter : public IVersionedInterface {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override {
    return InterfaceInfo{"IStreamWriter", 1, 0};
  }
  /// The number of bytes written; fewer than given fails the call.
  virtual int64_t write(void const* data, int64_t nbBytes) = 0;
};

/// Memory that the program gives. Stored: contexts have memory of their own.
class IGpuAllocator : public IVersionedInterface {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override {
    return InterfaceInfo{"IGpuAllocator", 1, 0};
  }
  virtual void* allocate(uint64_t size, uint64_t alignment, AllocatorFlags flags) noexcept = 0;
  virtual void* reallocate(void* /*baseAddr*/, uint64_t /*alignment*/,
                           uint64_t /*newSize*/) noexcept {
    return nullptr;
  }
  virtual bool deallocate(void* memory) noexcept = 0;
  virtual void* allocateAsync(uint64_t size, uint64_t alignment, AllocatorFlags flags,
                              cudaStream_t /*stream*/) noexcept {
    return allocate(size, alignment, flags);
  }
  virtual bool deallocateAsync(void* memory, cudaStream_t /*stream*/) noexcept {
    return deallocate(memory);
  }
};

class IGpuAsyncAllocator : public IGpuAllocator {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override {
    return InterfaceInfo{"IGpuAsyncAllocator", 1, 0};
  }
  void* allocateAsync(uint64_t size, uint64_t alignment, AllocatorFlags flags,
                      cudaStream_t stream) noexcept override = 0;
  bool deallocateAsync(void* memory, cudaStream_t stream) noexcept override = 0;
  void* allocate(uint64_t size, uint64_t alignment, AllocatorFlags flags) noexcept override {
    return allocateAsync(size, alignment, flags, nullptr);
  }
  bool deallocate(void* memory) noexcept override { return deallocateAsync(memory, nullptr); }
};
}  // namespace v_1_0
using IGpuAllocator = v_1_0::IGpuAllocator;
using IGpuAsyncAllocator = v_1_0::IGpuAsyncAllocator;
using IErrorRecorder = v_1_0::IErrorRecorder;
using IStreamReader = v_1_0::IStreamReader;
using IStreamReaderV2 = v_1_0::IStreamReaderV2;
using IStreamWriter = v_1_0::IStreamWriter;

}  // namespace nvinfer1

extern "C" TENSORRTAPI int32_t getInferLibVersion() noexcept;
extern "C" TENSORRTAPI int32_t getInferLibMajorVersion() noexcept;
extern "C" TENSORRTAPI int32_t getInferLibMinorVersion() noexcept;
extern "C" TENSORRTAPI int32_t getInferLibPatchVersion() noexcept;
extern "C" TENSORRTAPI int32_t getInferLibBuildVersion() noexcept;

#endif
