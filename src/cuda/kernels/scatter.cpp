// Slices replaced by index: a copy, then each element of a slice by one thread, which takes the
// indices in their order.
#include "ir/ops/scatter.h"

#include "cuda/program.h"

namespace tenon::cuda {

namespace {

// n: elements of the result, indices, rows, elements of a slice.
constexpr std::string_view kCopy = R"(
KERNEL {
  const T* x = (const T*)buffers.at[0];
  T* y = (T*)buffers.at[3];
  EACH(i64, i, n[0]) y[i] = x[i];
})";

constexpr std::string_view kScatter = R"(
KERNEL {
  const i64* indices = (const i64*)buffers.at[1];
  const T* updates = (const T*)buffers.at[2];
  T* y = (T*)buffers.at[3];
  EACH(i64, i, n[3]) {
    for (i64 k = 0; k < n[1]; ++k) {
      const i64 index = indices[k] < 0 ? indices[k] + n[2] : indices[k];
      if (index < 0 || index >= n[2]) {
        FAIL();
        break;
      }
      T* to = y + index * n[3] + i;
      const auto a = get(*to), b = get(updates[k * n[3] + i]);
      *to = As<T>::of(COMBINE(a, b));
    }
  }
})";

// On the whole element, so that a replacement keeps its bits.
constexpr std::string_view kReplace = R"(
KERNEL {
  const i64* indices = (const i64*)buffers.at[1];
  const T* updates = (const T*)buffers.at[2];
  T* y = (T*)buffers.at[3];
  EACH(i64, i, n[3]) {
    for (i64 k = 0; k < n[1]; ++k) {
      const i64 index = indices[k] < 0 ? indices[k] + n[2] : indices[k];
      if (index < 0 || index >= n[2]) {
        FAIL();
        break;
      }
      y[index * n[3] + i] = updates[k * n[3] + i];
    }
  }
})";

std::string_view combination(ir::ScatterKind kind) {
  switch (kind) {
    case ir::ScatterKind::add: return "s_add(a, b)";
    case ir::ScatterKind::mul: return "s_mul(a, b)";
    case ir::ScatterKind::max: return "s_max(a, b)";
    default: return "s_min(a, b)";
  }
}

kernel::Prepared prepare_scatter(const Call& call, kernel::Backend&) {
  const kernel::Operand& x = call.inputs[0];
  const ir::ScatterKind kind = call.as<ir::Scatter>().kind;
  const bool replaces = kind == ir::ScatterKind::replace;
  const std::string type = define_type("T", replaces ? bits_name(x.dtype) : type_name(x.dtype));
  const int64_t slice = AroundAxis(x.dims, 0).inner;
  const std::vector<int64_t> numbers = {x.elements(), call.inputs[1].elements(), x.dims[0], slice};
  Stage copy{.text = type + std::string(kCopy), .numbers = numbers, .items = numbers[0]};
  Stage scatter{.text = type + fmt::format("#define COMBINE(a, b) {}\n", combination(kind)) +
                        std::string(replaces ? kReplace : kScatter),
                .numbers = numbers,
                .items = slice};
  return prepare_stages(call, {std::move(copy), std::move(scatter)},
                        {.sentence = "an index is outside the axis"});
}

}  // namespace

template <>
Kernels kernels<ir::Scatter>() {
  static constexpr Kernel list[] = {
      {.name = "cuda.scatter.reference",
       .reject = plain_only,
       .prepare = prepare_scatter,
       .run = run_stages},
  };
  return list;
}

}  // namespace tenon::cuda
