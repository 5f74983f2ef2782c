// Blocks by size, recycled between and within runs.
#include "runtime/run_memory.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace tenon::runtime {
namespace {

// An eighth of a power of two: sizes that differ a little share blocks.
size_t rounded(size_t bytes) {
  bytes = std::max<size_t>(bytes, 64);
  const size_t step = std::max<size_t>(std::bit_floor(bytes) / 8, 64);
  return bytes > SIZE_MAX - step ? bytes : (bytes + step - 1) / step * step;
}

}  // namespace

kernel::Buffer BlockHeap::allocate(size_t bytes) {
  const size_t size = rounded(bytes);
  kernel::Buffer memory;
  size_t actual = size;
  // Up to twice as large as asked: a larger one waits for a larger wish.
  const auto found = free_.lower_bound({size, nullptr});
  if (found != free_.end() && found->first.first / 2 <= size) {
    actual = found->first.first;
    memory = std::move(found->second.memory);
    free_.erase(found);
  } else {
    memory = backend_->allocate(size);
  }
  void* const block = memory.get();
  return {block, [self = shared_from_this(), actual, memory = std::move(memory)](void*) mutable {
            self->give_back(actual, std::move(memory));
          }};
}

void BlockHeap::give_back(size_t bytes, kernel::Buffer memory) {
  void* const at = memory.get();
  free_.emplace(std::pair(bytes, at), Free{std::move(memory)});
}

std::vector<kernel::Buffer> BlockHeap::trim() {
  std::vector<kernel::Buffer> unused;
  for (auto at = free_.begin(); at != free_.end();) {
    if (std::exchange(at->second.used, false)) {
      ++at;
      continue;
    }
    unused.push_back(std::move(at->second.memory));
    at = free_.erase(at);
  }
  return unused;
}

}  // namespace tenon::runtime
