// Tensors one after another: a stage an operand, all of one device function.
#include "ir/ops/concat.h"

#include "cuda/channels_last.h"
#include "cuda/program.h"

namespace tenon::cuda {

namespace {

// n: elements, those of one run of the operand and of the result, where the operand's run begins in
// the result's, its number, the result's.
constexpr std::string_view kConcat = R"(
KERNEL {
  const Bits* from = (const Bits*)buffers.at[n[4]];
  Bits* to = (Bits*)buffers.at[n[5]] + n[3];
  const Index run_in = (Index)n[1], run_out = (Index)n[2];
  EACH(Index, i, n[0]) to[i / run_in * run_out + i % run_in] = from[i];
})";

// Channels last, what is joined along the channels is joined along the innermost axis.
const char* reject_concat(const Call& call) {
  const auto rank = std::ssize(call.outputs[0].dims);
  const int64_t axis = call.as<ir::Concat>().axis;
  if (!call.outputs[0].layout.plain() && axis != 1 && axis != 1 - rank)
    return "channels last, it joins channels only";
  return refuse_without_strides(call);
}

kernel::Prepared prepare_concat(const Call& call, kernel::Backend&) {
  const int64_t axis = call.as<ir::Concat>().axis;
  const auto run_of = [&](const kernel::Operand& operand) {
    if (!operand.layout.plain()) return operand.dims[1];
    const AroundAxis parts(operand.dims, axis);
    return parts.extent * parts.inner;
  };
  const std::string text = define_type("Index", index_type(call.outputs[0].elements())) +
                           define_type("Bits", bits_name(call.outputs[0].dtype)) +
                           std::string(kConcat);
  const int64_t run = run_of(call.outputs[0]);
  std::vector<Stage> stages;
  int64_t offset = 0;
  for (size_t i = 0; i < call.inputs.size(); ++i) {
    const int64_t own = run_of(call.inputs[i]), count = call.inputs[i].elements();
    stages.push_back({.text = text,
                      .numbers = {count, own, run, offset, static_cast<int64_t>(i),
                                  static_cast<int64_t>(call.inputs.size())},
                      .items = count});
    offset += own;
  }
  return prepare_stages(call, std::move(stages));
}

}  // namespace

template <>
Kernels kernels<ir::Concat>() {
  static constexpr Kernel list[] = {
      {.name = "cuda.concat.reference",
       .reject = reject_concat,
       .layouts = follow_layout,
       .prepare = prepare_concat,
       .run = run_stages},
  };
  return list;
}

}  // namespace tenon::cuda
