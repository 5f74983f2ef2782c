// Slots at addresses that stay: banks, one for each set that is alive.
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "base/fork.h"
#include "kernel/backend.h"

namespace tenon::runtime {

/// Memory of all slots of one set. What it holds is a writer's business.
struct SlotBank {
  std::byte* base = nullptr;
  kernel::Buffer memory;
  std::vector<uint64_t> versions;  ///< by slot: of the bytes there; 0 where they are of none
};

/// The banks of an engine whose backend replays captured launches: a set lies in one bank, and what
/// was captured over a bank serves every set that comes to lie there. There are as many as sets at
/// one time: two, and a further one for each set that a caller holds. Thread-safe; banks keep this
/// alive.
class SlotBanks : public std::enable_shared_from_this<SlotBanks> {
 public:
  /// `kept`: banks that nobody uses and that stay for the next sets.
  SlotBanks(std::shared_ptr<kernel::Backend> backend, std::span<const size_t> sizes, size_t kept);

  /// One that no set lies in; made where there is none. It comes back with its last owner. Throws
  /// std::bad_alloc.
  std::shared_ptr<SlotBank> take();
  /// The slot in a bank; owns the bank.
  kernel::Buffer slot(const std::shared_ptr<SlotBank>& bank, size_t slot) const {
    return {bank, bank->base + offsets_[slot]};
  }
  size_t bytes() const { return bytes_; }  ///< of a bank

 private:
  void give_back(std::unique_ptr<SlotBank> bank);

  std::shared_ptr<kernel::Backend> backend_;
  std::vector<size_t> offsets_;
  size_t bytes_ = 0;
  size_t kept_;
  base::Mutex mutex_;
  std::vector<std::unique_ptr<SlotBank>> free_;
};

}  // namespace tenon::runtime
