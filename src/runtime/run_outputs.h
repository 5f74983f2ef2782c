// Where the outputs of a run go: fresh tensors, or the caller's memory.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "kernel/backend.h"
#include "tenon/context.h"

namespace tenon::runtime {

/// What a run is asked for: fresh outputs, or those of `out`.
struct RunRequest {
  const std::map<std::string, TensorView>& inputs;
  const RunOptions& options;
  Outputs* fresh = nullptr;
  const std::map<std::string, TensorView>* out = nullptr;
};

/// Memory for an output.
struct OutputPlace {
  void* data = nullptr;   ///< null: the caller does not want it
  bool backends = false;  ///< kernels may write there
};

/// The outputs of one run. Refers to all that it is given.
class RunOutputs {
 public:
  /// Exactly one of `fresh` (with device_outputs in the backend's memory) and `given` is there.
  /// Throws InputError for a given name that the graph has not, for null memory, and for two that
  /// overlap.
  RunOutputs(const ir::Graph& graph, kernel::Backend& backend, const RunRequest& request,
             std::span<const TensorView* const> inputs);

  /// For output `i`, whose type is now known. Throws InputError where the caller's does not fit it,
  /// or overlaps an input.
  OutputPlace target(size_t i, const kernel::Operand& type);

  /// Output `i`, which is no tensor: it is empty, then gets one tensor after another, which have
  /// memory where the caller wants them.
  void begin_sequence(size_t i);
  Tensor add_to_sequence(size_t i, const kernel::Operand& type);

  /// Texts of a run end with it: once its work is done, outputs get copies of their own.
  bool holds_strings() const;
  void keep_strings();

  /// `output "y" f32[2, 3]`, for an error.
  std::string text(size_t i, const kernel::Operand& type) const;

 private:
  const std::string& name(size_t i) const { return graph_.outputs()[i].name; }
  void check_given() const;
  OutputPlace given_memory(const TensorView& view, size_t i, const kernel::Operand& type) const;

  const ir::Graph& graph_;
  kernel::Backend& backend_;
  Outputs* fresh_;
  bool device_outputs_;
  const std::map<std::string, TensorView>* given_;
  std::span<const TensorView* const> inputs_;
};

}  // namespace tenon::runtime
