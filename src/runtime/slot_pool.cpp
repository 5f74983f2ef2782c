// Recycled blocks of backend memory.
#include "runtime/slot_pool.h"

#include <algorithm>
#include <new>

#include "base/thread_pool.h"

namespace tenon::runtime {
namespace {

using kernel::huge_page;

// Of two threads that come upon a fresh huge page at once, each clears one, and the second is
// thrown away: one thread a page writes to it first (LeNet's first refit, medians of six
// interleaved runs: 492 us without, 413 us with).
void touch(std::byte* block, size_t bytes, int threads) {
  *block = {};
  const size_t into_page = reinterpret_cast<uintptr_t>(block) % huge_page;
  const size_t starts = (into_page + bytes - 1) / huge_page;
  base::parallel_for(threads, static_cast<int64_t>(starts), [&](int64_t page) {
    block[static_cast<size_t>(page + 1) * huge_page - into_page] = {};
  });
}

}  // namespace

kernel::Memory SlotPool::allocate(size_t bytes) {
  const size_t size = rounded(bytes);
  void* block = nullptr;
  bool fresh = false;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = free_.find(size); found != free_.end()) {
      block = found->second;
      free_.erase(found);
    } else {
      block = cut(size);
      fresh = true;
    }
  }
  if (fresh && backend_->host_memory())
    touch(static_cast<std::byte*>(block), size, backend_->target().threads);
  return {block, [self = shared_from_this(), size](void* freed) { self->give_back(freed, size); }};
}

void SlotPool::reserve(std::span<const size_t> sizes) {
  const std::lock_guard lock(mutex_);
  std::map<size_t, size_t> wanted;
  for (const size_t size : sizes) ++wanted[rounded(size)];
  size_t missing = 0;
  for (const auto& [size, count] : wanted) {
    const size_t free = free_.count(size);
    const size_t more = count > free ? count - free : 0;
    size_t bytes = 0;
    if (__builtin_mul_overflow(size, more, &bytes) ||
        __builtin_add_overflow(missing, bytes, &missing)) {
      throw std::bad_alloc();
    }
  }
  if (missing <= left_) return;
  const size_t fresh = std::max(missing, chunk);
  chunks_.push_back(backend_->allocate(fresh));
  next_ = static_cast<std::byte*>(chunks_.back().get());
  left_ = fresh;
}

void* SlotPool::cut(size_t bytes) {
  if (bytes > left_) {
    const size_t fresh = std::max(bytes, chunk);
    chunks_.push_back(backend_->allocate(fresh));
    next_ = static_cast<std::byte*>(chunks_.back().get());
    left_ = fresh;
  }
  void* block = next_;
  next_ += bytes;
  left_ -= bytes;
  return block;
}

void SlotPool::give_back(void* block, size_t bytes) {
  const std::lock_guard lock(mutex_);
  free_.emplace(bytes, block);
}

}  // namespace tenon::runtime
