// Any layout into any other: every place of the result, padding lanes included, is written once.
#include "ir/ops/reorder.h"

#include <algorithm>

#include "cuda/channels_last.h"
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
      text +=
          fmt::format("    {{\n      const Index at = rest % {0};\n      rest /= {0};\n", extent);
      if (padded != dims[a]) text += fmt::format("      inside &= at < {};\n", number(dims[a]));
      text += place("from", from_[a]) + place("to", to_[a]) + "    }\n";
    }
  }

  std::string text;
  std::vector<int64_t> numbers;

 private:
  std::string number(int64_t value) {
    numbers.push_back(value);
    return fmt::format("(Index)n[{}]", numbers.size() - 1);
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
  const auto stored = [](const kernel::Operand& operand) {
    return static_cast<int64_t>(operand.bytes() / byte_count(operand.dtype, 1));
  };
  const int64_t reach = std::max({count, stored(call.inputs[0]), stored(call.outputs[0])});
  const std::string text =
      define_type("Bits", bits_name(call.outputs[0].dtype)) +
      define_type("Index", index_type(reach)) +
      "KERNEL {\n  EACH(Index, i, n[0]) {\n    Index rest = i, from = 0, to = 0;\n"
      "    bool inside = true;\n" +
      body.text +
      "    ((Bits*)buffers.at[1])[to] = inside ? ((const Bits*)buffers.at[0])[from] : (Bits)0;\n"
      "  }\n}\n";
  return prepare_stages(call,
                        {Stage{.text = text, .numbers = std::move(body.numbers), .items = count}});
}

// n: blocks of channels, places of a plane, channels, blocks a place. A block is a thread's: planes
// are read, and blocks written, by neighbouring threads side by side; or the other way round.
constexpr std::string_view kBlocks = R"(
struct alignas(sizeof(Bits) * BLOCK) Block { Bits at[BLOCK]; };
KERNEL {
  const Index places = (Index)n[1], channels = (Index)n[2], blocks = (Index)n[3];
  EACH(Index, i, n[0]) {
    const Index place = i % places, block = i / places % blocks, image = i / places / blocks;
    const Index plane = (image * channels + block * BLOCK) * places + place;
    const Index last = (image * places + place) * blocks + block;
    if (TO_BLOCKS) {
      Block made = {};
#pragma unroll
      for (int e = 0; e < BLOCK; ++e)
        if (block * BLOCK + e < channels)
          made.at[e] = ((const Bits*)buffers.at[0])[plane + e * places];
      ((Block*)buffers.at[1])[last] = made;
    } else {
      const Block given = ((const Block*)buffers.at[0])[last];
#pragma unroll
      for (int e = 0; e < BLOCK; ++e)
        if (block * BLOCK + e < channels)
          ((Bits*)buffers.at[1])[plane + e * places] = given.at[e];
    }
  }
})";

const char* reject_blocks(const Call& call) {
  const kernel::Operand &from = call.inputs[0], &to = call.outputs[0];
  const ir::Layout last = channels_last(from.dims.size());
  const bool fits = from.dims.size() >= 3 && from.layout.plain() != to.layout.plain() &&
                    (from.layout.plain() ? to : from).layout == last;
  if (!fits) return "it knows plain and channels last only";
  if (from.strides.size() + to.strides.size() > 0) return "it takes dense operands only";
  return byte_count(from.dtype, 1) > 2 ? "it moves 16 bytes at once, of 8 channels" : nullptr;
}

kernel::Prepared prepare_blocks(const Call& call, kernel::Backend&) {
  const auto& dims = call.inputs[0].dims;
  const int64_t places = element_count(std::span(dims).subspan(2));
  const int64_t blocks = padded_channels(dims[1]) / channel_block;
  const int64_t count = dims[0] * blocks * places;
  const std::string text =
      define_type("Bits", bits_name(call.inputs[0].dtype)) +
      define_type("Index", index_type(count * channel_block)) + define("BLOCK", channel_block) +
      define("TO_BLOCKS", call.inputs[0].layout.plain() ? 1 : 0) + std::string(kBlocks);
  return prepare_stages(
      call, {Stage{.text = text, .numbers = {count, places, dims[1], blocks}, .items = count}});
}

}  // namespace

template <>
Kernels kernels<ir::Reorder>() {
  static constexpr Kernel list[] = {
      {.name = "cuda.reorder.channels",
       .reject = reject_blocks,
       .prepare = prepare_blocks,
       .run = run_stages},
      {.name = "cuda.reorder.reference", .prepare = prepare_reorder, .run = run_stages},
  };
  return list;
}

}  // namespace tenon::cuda
