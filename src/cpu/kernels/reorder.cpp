// Any layout into any other: every place of the result, padding lanes included, is written once.
#include "cpu/kernel_parts.h"
#include "cpu/layout_map.h"
#include "cpu/vector/vector_kernels.h"

namespace tenon::cpu {

namespace {

struct ReorderGeometry {
  LayoutMap from, to;
  std::vector<int64_t> dims;    // logical
  std::vector<int64_t> padded;  // logical extents that fill the result's blocks
  int64_t outer = 1;            // places but for the last axis
};

kernel::Prepared prepare_reorder(const Call& call, kernel::Backend&) {
  ReorderGeometry geometry;
  const auto& in = call.inputs[0];
  const auto& out = call.outputs[0];
  geometry.dims = out.dims;
  if (geometry.dims.empty()) geometry.dims = {1};  // a scalar is a line of one element
  geometry.from = LayoutMap(geometry.dims, in.layout);
  geometry.to = LayoutMap(geometry.dims, out.layout);
  geometry.padded = geometry.to.padded_dims();
  for (size_t a = 0; a + 1 < geometry.padded.size(); ++a) geometry.outer *= geometry.padded[a];
  return {std::make_shared<const ReorderGeometry>(std::move(geometry))};
}

// One line along the last axis; `outer` counts the places of the other axes.
template <class Bits>
void reorder_line(const Launch& launch, const ReorderGeometry& geometry, int64_t outer) noexcept {
  const size_t last = geometry.padded.size() - 1;
  bool inside = true;
  int64_t from = 0, to = 0;
  for (size_t a = last; a-- > 0;) {
    const int64_t index = outer % geometry.padded[a];
    outer /= geometry.padded[a];
    inside = inside && index < geometry.dims[a];
    from += geometry.from.offset(a, index);
    to += geometry.to.offset(a, index);
  }
  for (int64_t i = 0; i < geometry.padded[last]; ++i) {
    const bool real = inside && i < geometry.dims[last];
    const Bits value = real ? launch.input<Bits>(0)[from + geometry.from.offset(last, i)] : Bits{0};
    launch.output<Bits>(0)[to + geometry.to.offset(last, i)] = value;
  }
}

template <class Bits>
void reorder_typed(const Launch& launch) noexcept {
  const auto& geometry = prepared<ReorderGeometry>(launch);
  const int64_t grain = grain_of(geometry.padded.back() * 4);
  parallel_ranges(launch, geometry.outer, grain, [&](int64_t begin, int64_t end) {
    for (int64_t outer = begin; outer < end; ++outer) reorder_line<Bits>(launch, geometry, outer);
  });
}

void reorder_reference(const Launch& launch) noexcept {
  switch (byte_count(launch.call->outputs[0].dtype, 1)) {
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
