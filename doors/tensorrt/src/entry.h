// What the entry points of the libraries check before they make anything.
#pragma once

#include <cstdio>

#include "report.h"

namespace tenon::trt {

/// An address of this library's own: two libraries in one process have two.
const void* this_library() noexcept;

/// Refuses what another library made: its classes are not these.
template <class T>
T& made_here(void* given, const char* what) {
  if (given == nullptr) refuse(std::string(what) + " is null");
  auto& object = *static_cast<T*>(given);
  if (object.tenonLibrary() != this_library())
    refuse(std::string(what) + " is of another library in this process; take both from one");
  return object;
}

/// Remembers it for getLogger().
void remember(nvinfer1::ILogger* logger) noexcept;

/// What `make` gives of the logger, unless the call comes from other headers or has no logger.
template <class T, class Make>
void* create(void* logger, long version, long wanted, const char* function, Make&& make) noexcept {
  auto* given = static_cast<nvinfer1::ILogger*>(logger);
  if (version != wanted) {
    std::fprintf(stderr,
                 "tenon: %s: compiled against other headers (%ld); recompile with Tenon's (%ld)\n",
                 function, version, wanted);
    return nullptr;
  }
  if (given == nullptr) {
    std::fprintf(stderr, "tenon: %s: the logger is null; give one\n", function);
    return nullptr;
  }
  remember(given);
  return guarded(Reporter(given), function, static_cast<T*>(nullptr), [&] { return make(given); });
}

}  // namespace tenon::trt
