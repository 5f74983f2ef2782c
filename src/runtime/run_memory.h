// Working memory of one context: an arena that grows, and blocks that outlive a region.
#pragma once

#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "kernel/backend.h"

namespace tenon::runtime {

/// Blocks of backend memory for values whose extents a run finds out. A freed block serves the next
/// that it is large enough for; trim() gives back those that stayed free. Used on one queue at a
/// time, so that what uses a block next runs after what used it last. Blocks keep the heap alive.
class BlockHeap : public std::enable_shared_from_this<BlockHeap> {
 public:
  explicit BlockHeap(std::shared_ptr<kernel::Backend> backend) : backend_(std::move(backend)) {}
  /// At least `bytes`, 64-byte aligned. Throws std::bad_alloc.
  kernel::Buffer allocate(size_t bytes);
  /// Gives out, to be freed, the blocks that no allocation since the last trim() has taken.
  std::vector<kernel::Buffer> trim();

 private:
  struct Free {
    kernel::Buffer memory;
    bool used = true;  // since the last trim()
  };
  void give_back(size_t bytes, kernel::Buffer memory);

  std::shared_ptr<kernel::Backend> backend_;
  /// By size, then address: equal runs get equal places, which captured launches count on.
  std::map<std::pair<size_t, void*>, Free> free_;
};

/// Memory for what regions need while they run, or for an input or output: as large as the largest
/// yet.
class Arena {
 public:
  /// Throws std::bad_alloc. What was there before is undefined afterwards.
  void* reserve(kernel::Backend& backend, size_t bytes) {
    if (bytes > bytes_ || !memory_) {
      if (memory_) outgrown_.push_back(std::move(memory_));
      bytes_ = 0;
      memory_ = backend.allocate(std::max<size_t>(bytes, 64));
      bytes_ = bytes;
    }
    return memory_.get();
  }
  /// Gives out what it has outgrown, to be freed when nothing that is queued uses it.
  void settle(std::vector<kernel::Buffer>& unused) {
    std::ranges::move(outgrown_, std::back_inserter(unused));
    outgrown_.clear();
  }

 private:
  kernel::Buffer memory_;
  size_t bytes_ = 0;
  std::vector<kernel::Buffer> outgrown_;
};

}  // namespace tenon::runtime
