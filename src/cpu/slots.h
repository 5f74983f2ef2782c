// Pieces of scratch for threads that come and go.
#pragma once

#include <atomic>
#include <cstdint>

namespace tenon::cpu {

/// Up to 16 pieces, one a thread at a time.
class Slots {
 public:
  static constexpr int64_t most = 16;

  explicit Slots(int64_t count) noexcept;
  int64_t take() noexcept;  ///< never more at once than there are
  void give(int64_t slot) noexcept;

 private:
  std::atomic<uint32_t> free_;
};

}  // namespace tenon::cpu
