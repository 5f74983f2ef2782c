// Telling the form of a reorder by its two layouts.
#include "cpu/vector/reorder_geometry.h"

#include "ir/ops/transpose.h"

namespace tenon::cpu {

namespace {

using Kind = ReorderBlocks::Kind;

constexpr int64_t kStripe = 64;  // rows of a unit of work

bool is_swapped(const ir::Layout& layout) { return layout.order == std::vector<int>{1, 0}; }

// All axes in order, one of them cut once.
ReorderBlocks one_blocked_axis(const std::vector<int64_t>& dims, const ir::Layout::Split& split,
                               Kind kind) {
  ReorderBlocks geometry{.kind = kind, .columns = 1, .block = split.block};
  const auto axis = static_cast<size_t>(split.axis);
  geometry.rows = dims[axis];
  for (size_t a = 0; a < axis; ++a) geometry.outer *= dims[a];
  for (size_t a = axis + 1; a < dims.size(); ++a) geometry.columns *= dims[a];
  return geometry;
}

}  // namespace

std::optional<ReorderBlocks> reorder_blocks(const Call& call) {
  const ir::Layout& from = call.inputs[0].layout;
  const ir::Layout& to = call.outputs[0].layout;
  const auto& dims = call.outputs[0].dims;
  if (from.plain() && to.order.empty() && to.splits.size() == 1) {
    return one_blocked_axis(dims, to.splits[0], Kind::interleave);
  }
  if (to.plain() && from.order.empty() && from.splits.size() == 1) {
    return one_blocked_axis(dims, from.splits[0], Kind::deinterleave);
  }
  if (!from.plain() || !is_swapped(to)) return std::nullopt;
  if (to.splits.empty()) {
    return ReorderBlocks{
        .kind = Kind::transpose, .rows = dims[1], .columns = dims[0], .block = kStripe};
  }
  if (to.splits.size() > 1 || to.splits[0].axis != 1) return std::nullopt;
  return ReorderBlocks{
      .kind = Kind::gather_runs, .rows = dims[1], .columns = dims[0], .block = to.splits[0].block};
}

std::optional<ReorderBlocks> transpose_blocks(const Call& call) {
  const auto& permutation = call.as<ir::Transpose>().permutation;
  const auto& dims = call.inputs[0].dims;
  const size_t rank = dims.size();
  size_t kept = 0;
  while (kept < rank && permutation[kept] == static_cast<int64_t>(kept)) ++kept;
  if (kept == rank) return std::nullopt;
  // The group that comes first in the result.
  const auto second = static_cast<size_t>(permutation[kept]);
  const size_t moved = rank - kept;
  for (size_t i = 0; i < moved; ++i) {
    const size_t source = kept + (second - kept + i) % moved;
    if (permutation[kept + i] != static_cast<int64_t>(source)) return std::nullopt;
  }
  ReorderBlocks geometry{.kind = Kind::transpose, .rows = 1, .columns = 1, .block = kStripe};
  for (size_t a = 0; a < rank; ++a) {
    (a < kept ? geometry.outer : a < second ? geometry.columns : geometry.rows) *= dims[a];
  }
  return geometry;
}

}  // namespace tenon::cpu
