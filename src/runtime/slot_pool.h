// Memory of slots and of sources that came as arrays: cut from large allocations, recycled, kept
// between refits.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "base/fork.h"
#include "kernel/backend.h"

namespace tenon::runtime {

/// Hands out blocks by size and takes them back when their last owner goes. Fresh pages made a
/// first refit 5.8 times a steady one, huge pages 1.7 times: so blocks are cut from allocations of
/// at least `chunk` bytes, which backends advise as huge pages, and freed blocks wait for the next
/// refit. Thread-safe; blocks keep the pool alive.
class SlotPool : public std::enable_shared_from_this<SlotPool> {
 public:
  static constexpr size_t chunk = size_t{8} << 20;

  explicit SlotPool(std::shared_ptr<kernel::Backend> backend) : backend_(std::move(backend)) {}
  /// Blocks of at least so many bytes each (contents undefined), 64-byte aligned; never null. All
  /// or none: throws std::bad_alloc.
  std::vector<kernel::Buffer> allocate(std::span<const size_t> sizes);

 private:
  static size_t rounded(size_t bytes) { return (std::max<size_t>(bytes, 1) + 63) / 64 * 64; }
  /// Makes room for what is not free. The mutex is held.
  void reserve(std::span<const size_t> sizes);
  void* cut(size_t bytes);
  void give_back(void* block, size_t bytes);

  std::shared_ptr<kernel::Backend> backend_;
  base::Mutex mutex_;
  std::multimap<size_t, void*> free_;
  std::vector<kernel::Buffer> chunks_;
  std::byte* next_ = nullptr;
  size_t left_ = 0;
};

}  // namespace tenon::runtime
