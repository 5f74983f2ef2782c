// Slices replaced by index: a copy, then one slice after another.
#include "cpu/kernel_parts.h"

namespace tenon::cpu {

namespace {

template <class T>
T combined(ir::ScatterKind kind, T a, T b) noexcept {
  using C = Compute<T>;
  const C x = static_cast<C>(a), y = static_cast<C>(b);
  switch (kind) {
    case ir::ScatterKind::add: return narrow<T>(widen(x) + widen(y));
    case ir::ScatterKind::mul: return narrow<T>(widen(x) * widen(y));
    case ir::ScatterKind::max: return x < y || y != y ? b : a;
    case ir::ScatterKind::min: return y < x || y != y ? b : a;
    default: return b;
  }
}

/// Calls f(from, to) with the first elements of each slice of the updates and of the result.
template <class F>
void for_each_slice(const Launch& launch, int64_t slice, F&& f) noexcept {
  const int64_t rows = launch.call->inputs[0].dims[0];
  const auto* const indices = launch.input<int64_t>(1);
  for (int64_t i = 0; i < launch.call->inputs[1].elements(); ++i) {
    const int64_t index = indices[i] < 0 ? indices[i] + rows : indices[i];
    if (index < 0 || index >= rows) return launch.fail("an index is outside the axis");
    f(i * slice, index * slice);
  }
}

void scatter_reference(const Launch& launch) noexcept {
  const kernel::Operand& x = launch.call->inputs[0];
  const ir::ScatterKind kind = launch.call->as<ir::Scatter>().kind;
  const int64_t slice = AroundAxis(x.dims, 0).inner;
  const size_t bytes = byte_count(x.dtype, x.elements());
  if (bytes > 0) std::memcpy(launch.output<std::byte>(0), launch.input<std::byte>(0), bytes);
  base::dispatch(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    auto* const out = launch.output<T>(0);
    const auto* const updates = launch.input<T>(2);
    for_each_slice(launch, slice, [&](int64_t from, int64_t to) {
      if (kind == ir::ScatterKind::replace) {
        std::copy_n(updates + from, slice, out + to);
        return;
      }
      if constexpr (!std::is_same_v<T, bool>)
        for (int64_t k = 0; k < slice; ++k)
          out[to + k] = combined(kind, out[to + k], updates[from + k]);
    });
  });
}

}  // namespace

template <>
Kernels kernels<ir::Scatter>() {
  static constexpr Kernel list[] = {
      {.name = "cpu.scatter.reference", .reject = plain_only, .run = scatter_reference},
  };
  return list;
}

}  // namespace tenon::cpu
