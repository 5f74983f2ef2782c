// Where a tensor is not zero, in one walk over it.
#include "cpu/kernel_parts.h"

namespace tenon::cpu {

namespace {

void write_index(const Launch& launch, int64_t element, int64_t column) noexcept {
  const auto& dims = launch.call->inputs[0].dims;
  const int64_t columns = launch.call->outputs[0].dims[1];
  for (size_t axis = dims.size(); axis-- > 0; element /= dims[axis]) {
    launch.output<int64_t>(0)[static_cast<int64_t>(axis) * columns + column] = element % dims[axis];
  }
}

template <class T>
void non_zero_typed(const Launch& launch) noexcept {
  const int64_t elements = launch.call->inputs[0].elements();
  const int64_t columns = launch.call->outputs[0].dims[1];
  int64_t column = 0;
  for (int64_t i = 0; i < elements; ++i) {
    if (static_cast<Compute<T>>(launch.input<T>(0)[i]) == 0) continue;
    if (column < columns) write_index(launch, i, column);
    ++column;
  }
  if (column != columns) launch.fail("more or fewer elements than counted are not zero");
}

void non_zero_reference(const Launch& launch) noexcept {
  base::dispatch(launch.call->inputs[0].dtype,
                 [&](auto tag) { non_zero_typed<typename decltype(tag)::type>(launch); });
}

}  // namespace

template <>
Kernels kernels<ir::NonZero>() {
  static constexpr Kernel list[] = {
      {.name = "cpu.non_zero.reference", .reject = plain_only, .run = non_zero_reference},
  };
  return list;
}

}  // namespace tenon::cpu
