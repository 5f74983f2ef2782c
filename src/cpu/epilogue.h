// Epilogues by their definition.
#pragma once

#include <optional>

#include "cpu/interpreter.h"
#include "cpu/kernels.h"

namespace tenon::cpu {

/// What a pointwise node behind the conv or matmul would do, to the result that is stored already:
/// so a fused epilogue gives the bits of one that is not.
class ReferenceEpilogue {
 public:
  explicit ReferenceEpilogue(const Call& call);
  void run(const Launch& launch) const noexcept;

 private:
  Call call_;
  std::optional<Interpreter> interpreter_;
};

}  // namespace tenon::cpu
