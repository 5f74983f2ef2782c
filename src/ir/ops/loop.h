// One graph, again and again.
#pragma once

#include "ir/op.h"

namespace tenon::ir {

/// Runs `body` until a trip count is reached or a condition is false, as ONNX's Loop.
/// Operands: trip count (one i64, or absent), condition (one bool, or absent), `carried` values,
/// then what the body reads besides. Body: (iteration i64[], condition bool[], carried, read) ->
/// (condition, carried, scanned). Outputs: the carried values of the last turn, then what was
/// scanned in each turn, stacked along a new axis 0. `symbols` has a name for each extent of the
/// outputs, output by output: "" where a carried extent stays what the operand has, a scanned one
/// is the same outside the body, or `turns` gives it; what a run finds there is bound to the
/// others. `changing` has one for each extent of the body's carried inputs, bound at each turn: ""
/// where it stays.
struct Loop {
  Body body;
  int64_t carried = 0;
  int64_t turns = -1;  ///< how many, where that is known without a run
  std::vector<std::string> changing, symbols;

  static constexpr OpInfo info{.name = "loop",
                               .min_inputs = 2,
                               .max_inputs = -1,
                               .max_outputs = 64,
                               .has_kernels = false,
                               .any_kind = true,
                               .host_operands = 3,
                               .binds = true,
                               .moves = true};
  static constexpr auto fields() {
    return std::tuple{Field{"body", &Loop::body}, Field{"carried", &Loop::carried},
                      Field{"turns", &Loop::turns}, Field{"changing", &Loop::changing},
                      Field{"symbols", &Loop::symbols}};
  }
  std::vector<Value> infer(Infer& in) const;
};

}  // namespace tenon::ir
