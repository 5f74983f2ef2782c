// Determinants.
#pragma once

#include "ir/op.h"

namespace tenon::ir {

/// x [batch…, n, n] -> [batch…].
struct Det {
  static constexpr OpInfo info{.name = "det"};
  static constexpr auto fields() { return std::tuple{}; }
  std::vector<Value> infer(Infer& in) const;
};

}  // namespace tenon::ir
