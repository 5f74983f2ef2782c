// Numbers of a run that become extents.
#pragma once

#include "ir/op.h"

namespace tenon::ir {

/// The input itself, a static tensor of integers: its elements are the symbols' values, row-major,
/// once it has run. A value outside 0..2^31-1 is a data error.
struct Bind {
  std::vector<std::string> symbols;

  static constexpr OpInfo info{.name = "bind", .host_operands = 1, .binds = true};
  static constexpr auto fields() { return std::tuple{Field{"symbols", &Bind::symbols}}; }
  std::vector<Value> infer(Infer& in) const;
};

}  // namespace tenon::ir
