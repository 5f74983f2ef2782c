// A first-fit heap over the reserved range.
#ifdef TENON_FAR

#include "cpu/far_memory.h"

#include <sys/mman.h>

#include <new>

#include "base/error.h"

namespace tenon::cpu {

namespace {

constexpr size_t kReserved = size_t{32} << 30;
constexpr size_t kPage = 4096;

std::byte* reserve(int protection) {
  void* start =
      ::mmap(nullptr, kReserved, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (start == MAP_FAILED) base::fail_errno("cannot reserve 32 GiB of addresses", "far backend");
  return static_cast<std::byte*>(start);
}

}  // namespace

FarMemory& FarMemory::instance() {
  static FarMemory* memory = new FarMemory;
  return *memory;
}

FarMemory::FarMemory() : far_(reserve(PROT_NONE)), true_(reserve(PROT_READ | PROT_WRITE)) {
  free_.emplace(0, kReserved);
}

std::shared_ptr<void> FarMemory::allocate(size_t bytes) {
  if (bytes > kReserved) throw std::bad_alloc();
  const size_t size = (bytes + (bytes == 0) + kPage - 1) / kPage * kPage;
  size_t offset = 0;
  {
    const std::lock_guard lock(mutex_);
    auto block = free_.begin();
    while (block != free_.end() && block->second < size) ++block;
    if (block == free_.end()) throw std::bad_alloc();
    offset = block->first;
    const size_t rest = block->second - size;
    free_.erase(block);
    if (rest > 0) free_.emplace(offset + size, rest);
  }
  return {far_ + offset, [this, offset, size](void*) { release(offset, size); }};
}

void FarMemory::release(size_t offset, size_t bytes) noexcept {
  // Whoever reads freed memory finds zeros, not what was there.
  ::madvise(true_ + offset, bytes, MADV_DONTNEED);
  const std::lock_guard lock(mutex_);
  const auto next = free_.lower_bound(offset);
  if (next != free_.end() && next->first == offset + bytes) {
    bytes += next->second;
    free_.erase(next);
  }
  const auto after = free_.lower_bound(offset);
  if (after != free_.begin()) {
    const auto before = std::prev(after);
    if (before->first + before->second == offset) {
      before->second += bytes;
      return;
    }
  }
  free_.emplace(offset, bytes);
}

void* FarMemory::reach(const void* pointer) const noexcept {
  auto* at = static_cast<std::byte*>(const_cast<void*>(pointer));
  const auto distance = reinterpret_cast<size_t>(at) - reinterpret_cast<size_t>(far_);
  return distance < kReserved ? true_ + distance : at;
}

}  // namespace tenon::cpu

#endif  // TENON_FAR
