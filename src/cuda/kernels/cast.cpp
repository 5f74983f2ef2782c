// Casts, one element a thread: by way of f64, i64 or u64, as on the CPU.
#include "ir/ops/cast.h"

#include <algorithm>

#include "cuda/channels_last.h"
#include "cuda/program.h"

namespace tenon::cuda {

namespace {

// n: elements, groups of WIDTH. What is left over is done one by one.
constexpr std::string_view kCast = R"(
template <class E> struct alignas(sizeof(E) * WIDTH) Group { E at[WIDTH]; };
KERNEL {
  const From* from = (const From*)buffers.at[0];
  To* to = (To*)buffers.at[1];
  const bool aligned = ((u64)from % (sizeof(From) * WIDTH) | (u64)to % (sizeof(To) * WIDTH)) == 0;
  const Index groups = aligned ? (Index)n[1] : 0;
  EACH(Index, i, groups) {
    const Group<From> given = ((const Group<From>*)from)[i];
    Group<To> made;
#pragma unroll
    for (int e = 0; e < WIDTH; ++e) made.at[e] = CONVERT(given.at[e]);
    ((Group<To>*)to)[i] = made;
  }
  EACH(Index, i, n[0] - groups * WIDTH) {
    const Index at = groups * WIDTH + i;
    to[at] = CONVERT(from[at]);
  }
})";
constexpr int64_t kWidth = 4;

std::string_view conversion(DType from, DType to) {
  if (is_floating(to)) return "#define CONVERT(x) As<To>::of(get(x))\n";
  if (to == DType::bool_) return "#define CONVERT(x) (get(x) != 0)\n";
  if (is_floating(from)) return "#define CONVERT(x) integer_of<To>((f64)get(x))\n";
  return "#define CONVERT(x) (To)(x)\n";
}

const char* refuse_other_layouts(const Call& call) {
  if (is_narrow(call.inputs[0].dtype) || is_narrow(call.outputs[0].dtype))
    return "it knows no type of less than 8 bits, and no float of 8";
  return call.inputs[0].layout == call.outputs[0].layout ? nullptr : "it keeps the layout";
}

kernel::Prepared prepare_cast(const Call& call, kernel::Backend&) {
  const DType from = call.inputs[0].dtype, to = call.outputs[0].dtype;
  const auto count =  // padding included
      static_cast<int64_t>(call.outputs[0].bytes() / byte_count(to, 1));
  Stage stage{.text = define_type("Index", index_type(count)) +
                      define_type("From", type_name(from)) + define_type("To", type_name(to)) +
                      define("WIDTH", kWidth) + std::string(conversion(from, to)) +
                      std::string(kCast),
              .numbers = {count, count / kWidth},
              .items = std::max(count / kWidth, std::min(count, kWidth))};
  return prepare_stages(call, {std::move(stage)});
}

}  // namespace

template <>
Kernels kernels<ir::Cast>() {
  static constexpr Kernel list[] = {
      {.name = "cuda.cast.reference",
       .reject = refuse_other_layouts,
       .layouts = follow_layout,
       .prepare = prepare_cast,
       .run = run_stages},
  };
  return list;
}

}  // namespace tenon::cuda
