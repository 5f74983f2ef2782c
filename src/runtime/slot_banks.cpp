// Banks are taken, given back, and freed where there are more than sets can want.
#include "runtime/slot_banks.h"

#include <algorithm>

namespace tenon::runtime {

SlotBanks::SlotBanks(std::shared_ptr<kernel::Backend> backend, std::span<const size_t> sizes,
                     size_t kept)
    : backend_(std::move(backend)), kept_(kept) {
  constexpr size_t line = 256;  // what devices align their own blocks to
  for (const size_t size : sizes) {
    offsets_.push_back(bytes_);
    size_t end = 0;
    const bool fits = !__builtin_add_overflow(bytes_, size, &end) && end <= SIZE_MAX - line;
    bytes_ = fits ? (end + line - 1) / line * line : SIZE_MAX / line * line;
  }
}

std::shared_ptr<SlotBank> SlotBanks::take() {
  std::unique_ptr<SlotBank> bank;
  {
    const std::lock_guard lock(mutex_);
    if (!free_.empty()) {
      bank = std::move(free_.back());
      free_.pop_back();
    }
  }
  if (!bank) {
    bank = std::make_unique<SlotBank>();
    bank->memory = backend_->allocate(bytes_);
    bank->base = static_cast<std::byte*>(bank->memory.get());
    bank->versions.resize(offsets_.size());
  }
  return {bank.release(), [self = shared_from_this()](SlotBank* unused) {
            self->give_back(std::unique_ptr<SlotBank>(unused));
          }};
}

void SlotBanks::give_back(std::unique_ptr<SlotBank> bank) {
  const std::lock_guard lock(mutex_);
  free_.push_back(std::move(bank));
  if (free_.size() > kept_) std::swap(bank, free_.front());
  if (bank) free_.erase(free_.begin());
}

}  // namespace tenon::runtime
