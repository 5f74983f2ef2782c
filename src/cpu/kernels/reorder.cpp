// Any layout into any other: every place of the result, padding lanes included, is written once.
#include "cpu/kernel_parts.h"
#include "cpu/layout_map.h"
#include "cpu/vector/vector_kernels.h"

namespace tenon::cpu {

namespace {

struct ReorderPlan {
  LayoutMap from, to;
  std::vector<int64_t> dims;    // logical
  std::vector<int64_t> padded;  // logical extents that fill the result's blocks
  int64_t outer = 1;            // places but for the last axis
};

kernel::Prepared prepare_reorder(const Call& call, kernel::Backend&) {
  ReorderPlan plan;
  const auto& in = call.inputs[0];
  const auto& out = call.outputs[0];
  plan.dims = out.dims;
  if (plan.dims.empty()) plan.dims = {1};  // a scalar is a line of one element
  plan.from = LayoutMap(plan.dims, in.layout);
  plan.to = LayoutMap(plan.dims, out.layout);
  plan.padded = plan.to.padded_dims();
  for (size_t a = 0; a + 1 < plan.padded.size(); ++a) plan.outer *= plan.padded[a];
  return {std::make_shared<const ReorderPlan>(std::move(plan))};
}

// One line along the last axis; `outer` counts the places of the other axes.
template <class Bits>
void reorder_line(const Launch& launch, const ReorderPlan& plan, int64_t outer) noexcept {
  const size_t last = plan.padded.size() - 1;
  bool inside = true;
  int64_t from = 0, to = 0;
  for (size_t a = last; a-- > 0;) {
    const int64_t index = outer % plan.padded[a];
    outer /= plan.padded[a];
    inside = inside && index < plan.dims[a];
    from += plan.from.offset(a, index);
    to += plan.to.offset(a, index);
  }
  for (int64_t i = 0; i < plan.padded[last]; ++i) {
    const bool real = inside && i < plan.dims[last];
    const Bits value = real ? launch.input<Bits>(0)[from + plan.from.offset(last, i)] : Bits{0};
    launch.output<Bits>(0)[to + plan.to.offset(last, i)] = value;
  }
}

template <class Bits>
void reorder_typed(const Launch& launch) noexcept {
  const auto& plan = prepared<ReorderPlan>(launch);
  const int64_t grain = grain_of(plan.padded.back() * 4);
  parallel_ranges(launch, plan.outer, grain, [&](int64_t begin, int64_t end) {
    for (int64_t outer = begin; outer < end; ++outer) reorder_line<Bits>(launch, plan, outer);
  });
}

void reorder_reference(const Launch& launch) noexcept {
  switch (size_of(launch.call->outputs[0].dtype)) {
    case 1: return reorder_typed<uint8_t>(launch);
    case 2: return reorder_typed<uint16_t>(launch);
    case 4: return reorder_typed<uint32_t>(launch);
    default: return reorder_typed<uint64_t>(launch);
  }
}

}  // namespace

template <>
Kernels kernels<ir::Reorder>() {
  static const std::vector<Kernel> list = with_reference(
      vector_reorder_kernels(),
      {.name = "cpu.reorder.reference", .prepare = prepare_reorder, .run = reorder_reference});
  return list;
}

}  // namespace tenon::cpu
