// A bit for each piece that nobody has.
#include "cpu/slots.h"

#include <bit>

namespace tenon::cpu {

Slots::Slots(int64_t count) noexcept : free_((1u << count) - 1) {}

int64_t Slots::take() noexcept {
  uint32_t free = free_.load();
  while (!free_.compare_exchange_weak(free, free & (free - 1))) {
  }
  return std::countr_zero(free);
}

void Slots::give(int64_t slot) noexcept { free_.fetch_or(1u << slot); }

}  // namespace tenon::cpu
