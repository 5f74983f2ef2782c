// Where the outputs of a run go: fresh tensors, or the caller's memory.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "kernel/kernel.h"
#include "tenon/context.h"

namespace tenon::runtime {

/// The outputs of one run. Refers to all that it is given.
class RunOutputs {
 public:
  /// Exactly one of `fresh` and `given` is there. Throws InputError for a given name that the
  /// graph has not, for null memory, and for two that overlap.
  RunOutputs(const ir::Graph& graph, Outputs* fresh, const std::map<std::string, TensorView>* given,
             std::span<const TensorView* const> inputs);

  /// Host memory for output `i`, whose type is now known; null where the caller does not want it.
  /// Throws InputError where the caller's does not fit it, or overlaps an input.
  void* target(size_t i, const kernel::Operand& type);

  /// `output "y" f32[2, 3]`, for an error.
  std::string text(size_t i, const kernel::Operand& type) const;

 private:
  const std::string& name(size_t i) const { return graph_.outputs()[i].name; }
  void check_given() const;
  void* given_memory(const TensorView& view, size_t i, const kernel::Operand& type) const;

  const ir::Graph& graph_;
  Outputs* fresh_;
  const std::map<std::string, TensorView>* given_;
  std::span<const TensorView* const> inputs_;
};

}  // namespace tenon::runtime
