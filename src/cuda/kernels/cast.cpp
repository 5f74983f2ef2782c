// Casts, one element a thread: by way of f64, i64 or u64, as on the CPU.
#include "ir/ops/cast.h"

#include "cuda/program.h"

namespace tenon::cuda {

namespace {

constexpr std::string_view kCast = R"(
KERNEL {
  EACH(Index, i, n[0]) ((To*)buffers.at[1])[i] = CONVERT(((const From*)buffers.at[0])[i]);
})";

std::string_view conversion(DType from, DType to) {
  if (is_floating(to)) return "#define CONVERT(x) As<To>::of(get(x))\n";
  if (to == DType::bool_) return "#define CONVERT(x) (get(x) != 0)\n";
  if (is_floating(from)) return "#define CONVERT(x) integer_of<To>((f64)get(x))\n";
  return "#define CONVERT(x) (To)(x)\n";
}

kernel::Prepared prepare_cast(const Call& call, kernel::Backend&) {
  const DType from = call.inputs[0].dtype, to = call.outputs[0].dtype;
  const int64_t count = call.outputs[0].elements();
  Stage stage{.text = define_type("Index", index_type(count)) +
                      define_type("From", type_name(from)) + define_type("To", type_name(to)) +
                      std::string(conversion(from, to)) + std::string(kCast),
              .numbers = {count},
              .items = count};
  return prepare_stages(call, {std::move(stage)});
}

const char* plain_and_wide(const Call& call) {
  const bool narrow = is_narrow(call.inputs[0].dtype) || is_narrow(call.outputs[0].dtype);
  return narrow ? "it knows no type of less than 8 bits, and no float of 8" : plain_only(call);
}

}  // namespace

template <>
Kernels kernels<ir::Cast>() {
  static constexpr Kernel list[] = {
      {.name = "cuda.cast.reference",
       .reject = plain_and_wide,
       .prepare = prepare_cast,
       .run = run_stages},
  };
  return list;
}

}  // namespace tenon::cuda
