// What the door's fuzz targets share: choices out of bytes, and a logger that says nothing.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include "NvInfer.h"

namespace fuzz {

using namespace nvinfer1;
template <class T>
using Owned = std::unique_ptr<T>;

struct Quiet final : ILogger {
  void log(Severity, const char*) noexcept override {}
};
inline Quiet quiet;  // outlives all that is made from it

/// Ends the process where what must hold does not.
inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "this must hold: %s\n", what);
  std::abort();
}

/// The bytes of an input, one choice after the other; zeros behind the end.
class Choices {
 public:
  Choices(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  bool empty() const { return at_ >= size_; }
  uint32_t below(uint32_t count) { return next() % count; }
  uint8_t next() { return empty() ? 0 : data_[at_++]; }
  /// Mostly what is right, at times anything.
  int64_t extent() {
    const uint8_t byte = next();
    return byte < 240 ? 1 + byte % 5 : static_cast<int64_t>(byte) - 250;
  }
  template <class E>
  E any_of() {
    return static_cast<E>(static_cast<int32_t>(below(EnumMax<E>() + 1)));
  }

 private:
  const uint8_t* data_;
  size_t size_, at_ = 0;
};

}  // namespace fuzz
