// Ops whose result follows from a few numbers: extents, and numbers at equal distances.
#include <algorithm>

#include "cuda/program.h"
#include "ir/ops/range.h"
#include "ir/ops/shape.h"

namespace tenon::cuda {

namespace {

constexpr std::string_view kShape = R"(
KERNEL {
  EACH(i32, i, n[0]) ((i64*)buffers.at[1])[i] = n[1 + i];
})";

constexpr std::string_view kRange = R"(
KERNEL {
  typedef Facts<T>::Sum Sum;
  const Sum start = widen(*(const T*)buffers.at[0]), delta = widen(*(const T*)buffers.at[1]);
  EACH(i64, i, n[0]) ((T*)buffers.at[2])[i] = As<T>::of(start + (Sum)i * delta);
})";

kernel::Prepared prepare_shape(const Call& call, kernel::Backend&) {
  const auto& op = call.as<ir::ShapeOf>();
  const auto& dims = call.inputs[0].dims;
  const auto clamped = [rank = std::ssize(dims)](int64_t axis) {
    return std::clamp<int64_t>(axis < 0 ? axis + rank : axis, 0, rank);
  };
  Stage stage{.text = std::string(kShape), .numbers = {0}};
  for (int64_t axis = clamped(op.start); axis < clamped(op.end); ++axis)
    stage.numbers.push_back(dims[static_cast<size_t>(axis)]);
  stage.items = stage.numbers[0] = std::ssize(stage.numbers) - 1;
  return prepare_stages(call, {std::move(stage)});
}

kernel::Prepared prepare_range(const Call& call, kernel::Backend&) {
  const int64_t count = call.outputs[0].elements();
  Stage stage{.text = define_type("T", type_name(call.outputs[0].dtype)) + std::string(kRange),
              .numbers = {count},
              .items = count};
  return prepare_stages(call, {std::move(stage)});
}

}  // namespace

template <>
Kernels kernels<ir::ShapeOf>() {
  static constexpr Kernel list[] = {
      {.name = "cuda.shape.reference", .prepare = prepare_shape, .run = run_stages},
  };
  return list;
}

template <>
Kernels kernels<ir::Range>() {
  static constexpr Kernel list[] = {
      {.name = "cuda.range.reference",
       .reject = plain_only,
       .prepare = prepare_range,
       .run = run_stages},
  };
  return list;
}

}  // namespace tenon::cuda
