// Making slots from sources: reading, converting, and running a slot's part of the weights graph.
#pragma once

#include <span>
#include <stop_token>
#include <vector>

#include "lower/lower.h"
#include "runtime/engine_impl.h"

namespace tenon::runtime {

/// What a leaf is read from: a source, or the caller's own memory while a refit lasts.
struct LeafBytes {
  const weights::TensorSource* source = nullptr;
  const TensorView* view = nullptr;
  std::string_view name;
  DType dtype = DType::f32;  ///< the weight's, which the bytes are converted to

  /// Host memory that holds the weight as it is: dense, of its dtype, aligned to its element; else
  /// nullptr.
  const void* in_place() const;
};

/// Evaluates slots one after another with scratch memory of its own. One thread.
class SlotEvaluator {
 public:
  SlotEvaluator(kernel::Backend& backend, SlotPool& pool);
  /// Writes the slot's bytes to `target` (backend memory), done when it returns. `leaves` in the
  /// program's order. Throws io / bad_file from the sources, Error(refit) for a data error of a
  /// kernel, cancelled.
  void evaluate(const lower::SlotProgram& slot, std::span<const LeafBytes> leaves, void* target,
                RefitStats& stats, const std::stop_token& stop);

 private:
  void read(const LeafBytes& leaf, void* target, RefitStats& stats, const std::stop_token& stop);
  const void* leaf_operand(const LeafBytes& leaf, RefitStats& stats, const std::stop_token& stop);

  kernel::Backend& backend_;
  SlotPool& pool_;
  std::unique_ptr<kernel::Queue> queue_;
  std::vector<kernel::Memory> staged_;
  std::vector<std::byte> bounce_;  // host memory of one chunk, for backends that are not the host
};

/// Reads a leaf whole into host memory, in its weight's dtype.
void read_leaf(const LeafBytes& leaf, void* out, RefitStats& stats, const std::stop_token& stop);

}  // namespace tenon::runtime
