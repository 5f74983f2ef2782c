// Slices picked by index, one element a thread.
#include "ir/ops/gather.h"

#include "cuda/program.h"

namespace tenon::cuda {

namespace {

// n: elements of the result, indices, extent of the axis, elements of a slice.
constexpr std::string_view kGather = R"(
KERNEL {
  const Bits* x = (const Bits*)buffers.at[0];
  Bits* y = (Bits*)buffers.at[2];
  const Index count = (Index)n[1], inner = (Index)n[3];
  EACH(Index, i, n[0]) {
    const Index slice = i / inner;
    i64 index = (i64)((const Which*)buffers.at[1])[slice % count];
    if (index < 0) index += n[2];
    if (index < 0 || index >= n[2]) {
      FAIL();
      continue;
    }
    y[i] = x[(i64)(slice / count) * n[2] * n[3] + index * n[3] + i % inner];
  }
})";

kernel::Prepared prepare_gather(const Call& call, kernel::Backend&) {
  const AroundAxis runs(call.inputs[0].dims, call.as<ir::Gather>().axis);
  const int64_t count = call.outputs[0].elements();
  Stage stage{.text = define_type("Index", index_type(count)) +
                      define_type("Bits", bits_name(call.inputs[0].dtype)) +
                      define_type("Which", type_name(call.inputs[1].dtype)) + std::string(kGather),
              .numbers = {count, call.inputs[1].elements(), runs.extent, runs.inner},
              .items = count};
  return prepare_stages(call, {std::move(stage)}, {.sentence = "an index is outside the axis"});
}

}  // namespace

template <>
Kernels kernels<ir::Gather>() {
  static constexpr Kernel list[] = {
      {.name = "cuda.gather.reference",
       .reject = plain_only,
       .prepare = prepare_gather,
       .run = run_stages},
  };
  return list;
}

}  // namespace tenon::cuda
