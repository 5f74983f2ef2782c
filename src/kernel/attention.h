// Attention by its definition, for backends and extents that have no better way.
#pragma once

#include <functional>

#include "kernel/backend.h"

namespace tenon::kernel {

/// The products of an attention as calls of MatMul: q kᵀ with `scores` as its epilogue, and the
/// softmax's result with v. What lies between them is dense.
Call scores_call(const Call& attention);
Call values_call(const Call& attention);

/// Product, softmax, product: one launch after the other. Immutable.
class ComposedAttention {
 public:
  using Choose = std::function<const Kernel&(const Call&)>;

  /// Kernels for the three are chosen by `choose`; the scores lie in scratch.
  ComposedAttention(const Call& call, Backend& backend, const Choose& choose);
  size_t scratch() const;
  void run(const Launch& launch) const noexcept;

 private:
  /// One of the three. What is prepared refers to its call: it stays where it is.
  struct Part {
    Part(Call made, Backend& backend, const Choose& choose);
    Part(const Part&) = delete;
    Part& operator=(const Part&) = delete;

    Call call;
    const Kernel& kernel;
    Prepared prepared;
  };

  Part scores_, softmax_, values_;
  size_t scores_bytes_;
};

}  // namespace tenon::kernel
