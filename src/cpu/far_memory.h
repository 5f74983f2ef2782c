// Memory that its pointers do not reach: pages that nobody may touch, at a constant offset from the
// true ones.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>

#include "base/fork.h"

namespace tenon::cpu {

/// A heap of far pointers. One per process: 32 GiB of reserved, unreadable addresses and as many
/// true ones, which take memory only where they are touched. Thread-safe; never destroyed.
class FarMemory {
 public:
  static FarMemory& instance();

  /// A far pointer, aligned to 64 bytes; throws std::bad_alloc.
  std::shared_ptr<void> allocate(size_t bytes);
  /// The true address behind a far one; other pointers (null, the host's) stay as they are.
  void* reach(const void* pointer) const noexcept;

 private:
  FarMemory();
  void release(size_t offset, size_t bytes) noexcept;

  std::byte* far_ = nullptr;
  std::byte* true_ = nullptr;
  base::Mutex mutex_;
  std::map<size_t, size_t> free_;  // offset -> bytes; neighbours are merged
};

}  // namespace tenon::cpu
