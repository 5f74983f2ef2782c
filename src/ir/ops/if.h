// One of two graphs.
#pragma once

#include "ir/op.h"

namespace tenon::ir {

/// The outputs of `then_body` where the condition, one bool, is true, else those of `else_body`.
/// Operands after the condition are the inputs of both. `symbols` has a name for each extent of the
/// outputs, output by output: "" where both branches give the same; what a run finds there is bound
/// to the others. An output whose ranks differ, or are not known, has no extents.
struct If {
  Body then_body, else_body;
  std::vector<std::string> symbols;

  static constexpr OpInfo info{.name = "if",
                               .max_inputs = -1,
                               .max_outputs = 64,
                               .has_kernels = false,
                               .any_kind = true,
                               .host_operands = 1,
                               .binds = true,
                               .moves = true};
  static constexpr auto fields() {
    return std::tuple{Field{"then_body", &If::then_body}, Field{"else_body", &If::else_body},
                      Field{"symbols", &If::symbols}};
  }
  std::vector<Value> infer(Infer& in) const;
};

}  // namespace tenon::ir
