// Any layout into any other: every place of the result, padding lanes included, is written once.
#include "ir/ops/reorder.h"

#include "cuda/program.h"

namespace tenon::cuda {

namespace {

/// A physical dim that a logical axis is made of: its blocks first, then each split.
struct Part {
  int64_t extent, stride;
};
using Parts = std::vector<std::vector<Part>>;  // by axis

Parts parts_of(std::span<const int64_t> dims, const ir::Layout& layout) {
  Parts parts(dims.size());
  const std::vector<int64_t> physical = ir::physical_dims(dims, layout);
  const std::vector<int64_t> strides = kernel::dense_strides(physical);
  for (size_t i = 0; i < physical.size(); ++i) {
    size_t axis = i;
    if (i >= dims.size())
      axis = static_cast<size_t>(layout.splits[i - dims.size()].axis);
    else if (!layout.order.empty())
      axis = static_cast<size_t>(layout.order[i]);
    parts[axis].push_back({physical[i], strides[i]});
  }
  return parts;
}

/// The device text, axis by axis, and its numbers.
class Body {
 public:
  Body(const Call& call, std::span<const int64_t> dims)
      : from_(parts_of(dims, call.inputs[0].layout)), to_(parts_of(dims, call.outputs[0].layout)) {
    numbers = {1};
    for (size_t a = dims.size(); a-- > 0;) {
      int64_t padded = 1;  // the extent that fills the result's blocks
      for (const Part& part : to_[a]) padded *= part.extent;
      numbers[0] *= padded;
      const std::string extent = number(padded);
      text += fmt::format("    {{\n      const i64 at = rest % {0};\n      rest /= {0};\n", extent);
      if (padded != dims[a]) text += fmt::format("      inside &= at < {};\n", number(dims[a]));
      text += place("from", from_[a]) + place("to", to_[a]) + "    }\n";
    }
  }

  std::string text;
  std::vector<int64_t> numbers;

 private:
  std::string number(int64_t value) {
    numbers.push_back(value);
    return fmt::format("n[{}]", numbers.size() - 1);
  }

  std::string place(std::string_view offset, const std::vector<Part>& parts) {
    std::string index = "at", added;
    for (size_t i = parts.size(); i-- > 1;) {
      const std::string extent = number(parts[i].extent);
      added += fmt::format("      {} += {} % {} * {};\n", offset, index, extent,
                           number(parts[i].stride));
      index = fmt::format("({} / {})", index, extent);
    }
    return added + fmt::format("      {} += {} * {};\n", offset, index, number(parts[0].stride));
  }

  Parts from_, to_;
};

kernel::Prepared prepare_reorder(const Call& call, kernel::Backend&) {
  std::vector<int64_t> dims = call.outputs[0].dims;
  if (dims.empty()) dims = {1};  // a scalar is a line of one element
  Body body(call, dims);
  const int64_t count = body.numbers[0];
  const std::string text =
      define_type("Bits", bits_name(call.outputs[0].dtype)) +
      "KERNEL {\n  EACH(i64, i, n[0]) {\n    i64 rest = i, from = 0, to = 0;\n"
      "    bool inside = true;\n" +
      body.text +
      "    ((Bits*)buffers.at[1])[to] = inside ? ((const Bits*)buffers.at[0])[from] : (Bits)0;\n"
      "  }\n}\n";
  return prepare_stages(call,
                        {Stage{.text = text, .numbers = std::move(body.numbers), .items = count}});
}

}  // namespace

template <>
Kernels kernels<ir::Reorder>() {
  static constexpr Kernel list[] = {
      {.name = "cuda.reorder.reference", .prepare = prepare_reorder, .run = run_stages},
  };
  return list;
}

}  // namespace tenon::cuda
