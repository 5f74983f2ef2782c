// Element-wise expressions: one device function for each, made from its instructions.
#include "ir/ops/pointwise.h"

#include <algorithm>
#include <numeric>

#include "cuda/channels_last.h"
#include "cuda/expression_text.h"
#include "cuda/walk_text.h"

namespace tenon::cuda {

namespace {

// The axes as the result lies in memory: neighbouring threads write neighbours.
std::vector<int64_t> sort_axes(const std::vector<int64_t>& dims,
                               std::vector<kernel::Strides>& strides) {
  std::vector<size_t> order(dims.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, std::greater(), [&](size_t axis) { return strides[0][axis]; });
  const auto sorted = [&](const std::vector<int64_t>& list) {
    std::vector<int64_t> made;
    for (const size_t axis : order) made.push_back(list[axis]);
    return made;
  };
  for (kernel::Strides& each : strides) each = sorted(each);
  return sorted(dims);
}

kernel::Prepared prepare_pointwise(const Call& call, kernel::Backend&) {
  const kernel::Operand& result = call.outputs[0];
  std::vector<kernel::Strides> strides{*logical_strides(result)};
  std::vector<DType> dtypes;
  for (const kernel::Operand& operand : call.inputs) {
    strides.push_back(
        kernel::broadcast_strides(operand.dims, *logical_strides(operand), result.dims));
    dtypes.push_back(operand.dtype);
  }
  const std::vector<int64_t> dims = sort_axes(result.dims, strides);
  const WalkText walk = walk_text("walk", 1, dims, strides);
  const ExpressionText body(call.as<ir::Pointwise>().expression, dtypes,
                            [](int input) { return fmt::format("in{}[o[{}]]", input, input + 1); });
  std::string text = define_index(walk.reach) + walk.text + "KERNEL {\n";
  for (size_t i = 0; i < dtypes.size(); ++i) {
    text +=
        fmt::format("  const {0}* in{1} = (const {0}*)buffers.at[{1}];\n", type_name(dtypes[i]), i);
  }
  text +=
      fmt::format("  {0}* out = ({0}*)buffers.at[{1}];\n", type_name(result.dtype), dtypes.size());
  text += fmt::format("  EACH(Index, i, n[0]) {{\n    Index o[{}];\n    walk(n, i, o);\n",
                      strides.size());
  if (body.may_fail()) text += "    bool by_zero = false;\n";
  text += body.text();
  text += fmt::format("    out[o[0]] = As<{}>::of(v{});\n", type_name(result.dtype), body.result());
  if (body.may_fail()) text += "    if (by_zero) FAIL();\n";
  text += "  }\n}\n";
  Stage stage{.text = std::move(text), .numbers = {walk.count}, .items = walk.count};
  stage.numbers.insert(stage.numbers.end(), walk.numbers.begin(), walk.numbers.end());
  return prepare_stages(call, {std::move(stage)}, {.sentence = body.sentence()});
}

}  // namespace

template <>
Kernels kernels<ir::Pointwise>() {
  static constexpr Kernel list[] = {
      {.name = "cuda.pointwise.reference",
       .reject = refuse_without_strides,
       .layouts = follow_layout,
       .prepare = prepare_pointwise,
       .run = run_stages,
       .strided_inputs = kernel::every_operand,
       .strided_output = true,
       .in_place = kernel::every_operand},
  };
  return list;
}

}  // namespace tenon::cuda
