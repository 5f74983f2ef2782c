// From tensors to tiles.
#include "cpu/interpreter.h"

#include <algorithm>
#include <cstring>

#include "cpu/kernel_parts.h"

namespace tenon::cpu {

namespace {

std::vector<DType> input_dtypes(const Call& call) {
  std::vector<DType> dtypes;
  for (const kernel::Operand& operand : call.inputs) dtypes.push_back(operand.dtype);
  return dtypes;
}

// The logical axis of each physical dim: those in order, then those of the blocks.
std::vector<size_t> physical_axes(size_t rank, const ir::Layout& layout) {
  std::vector<size_t> axes;
  for (size_t i = 0; i < rank; ++i)
    axes.push_back(layout.order.empty() ? i : static_cast<size_t>(layout.order[i]));
  for (const ir::Layout::Split& split : layout.splits)
    axes.push_back(static_cast<size_t>(split.axis));
  return axes;
}

}  // namespace

Strides operand_strides(const kernel::Operand& operand, const kernel::Operand& result) {
  if (result.layout.plain()) return broadcast_strides(operand, result.dims);
  const auto axes = physical_axes(result.dims.size(), result.layout);
  if (operand.dims.size() != result.dims.size()) return Strides(axes.size(), 0);  // one element
  Strides strides = dense_strides(ir::physical_dims(operand.dims, result.layout));
  for (size_t i = 0; i < axes.size(); ++i) {
    if (operand.dims[axes[i]] != result.dims[axes[i]]) strides[i] = 0;
  }
  return strides;
}

namespace {

Walk make_walk(const Call& call) {
  const kernel::Operand& result = call.outputs[0];
  const auto dims = ir::physical_dims(result.dims, result.layout);
  std::vector<Strides> strides{result.strides.empty() ? dense_strides(dims) : result.strides};
  for (const kernel::Operand& operand : call.inputs)
    strides.push_back(operand_strides(operand, result));
  return Walk(dims, std::move(strides));
}

// Operands whose elements follow one another along a row.
uint32_t dense_operands(const Walk& walk, size_t count) {
  uint32_t dense = 0;
  for (size_t i = 0; i < count; ++i) {
    if (walk.step(i + 1) == 1) dense |= 1u << i;
  }
  return dense;
}

void scatter(const std::byte* from, std::byte* to, size_t bytes, int64_t step, int64_t count) {
  for (int64_t i = 0; i < count; ++i)
    std::memcpy(to + static_cast<size_t>(i * step) * bytes, from + static_cast<size_t>(i) * bytes,
                bytes);
}

}  // namespace

Interpreter::Interpreter(const Call& call, FunctionOf* function)
    : walk_(make_walk(call)),
      program_(call.as<ir::Pointwise>().expression, input_dtypes(call),
               dense_operands(walk_, call.inputs.size()), function),
      tiles_per_row_((walk_.row_length() + program_.tile() - 1) / program_.tile()) {}

void Interpreter::run(const Launch& launch) const noexcept {
  const int64_t tiles = walk_.rows() * tiles_per_row_;
  const int64_t length = std::min(program_.tile(), walk_.row_length());
  const int64_t grain = grain_of(length * static_cast<int64_t>(program_.steps()));
  parallel_ranges(launch, tiles, grain,
                  [&](int64_t begin, int64_t end) { run_range(launch, begin, end); });
}

void Interpreter::run_range(const Launch& launch, int64_t begin, int64_t end) const noexcept {
  TileProgram::Workspace workspace;
  program_.start(workspace);
  // Where the last axis of a part of a join has one index, a row of the walk is another axis.
  const int64_t out_step = walk_.step(0);
  alignas(64) std::byte tile_out[TileProgram::most_elements * sizeof(int64_t)];
  const size_t operands = launch.call->inputs.size();
  TileInput inputs[ir::Expression::max_inputs];
  for (size_t i = 0; i < operands; ++i) inputs[i].step = walk_.step(i + 1);
  int64_t row = begin / tiles_per_row_;
  const int64_t last_row = (end - 1) / tiles_per_row_;
  walk_.for_rows(row, last_row + 1, [&](const int64_t* offsets) {
    const int64_t first = std::max<int64_t>(0, begin - row * tiles_per_row_);
    const int64_t last = std::min(tiles_per_row_, end - row * tiles_per_row_);
    for (int64_t tile = first; tile < last; ++tile) {
      const int64_t element = tile * program_.tile();
      const int64_t count = std::min(program_.tile(), walk_.row_length() - element);
      for (size_t i = 0; i < operands; ++i) {
        const int64_t at = offsets[i + 1] + element * inputs[i].step;
        inputs[i].from = launch.input<std::byte>(i) + byte_count(program_.operand_dtype(i), at);
      }
      std::byte* out = launch.output<std::byte>(0) +
                       byte_count(program_.dtype(), offsets[0] + element * out_step);
      const bool dense = out_step == 1 || count == 1;
      program_.run(workspace, inputs, dense ? out : tile_out, 1, count);
      if (!dense) scatter(tile_out, out, byte_count(program_.dtype(), 1), out_step, count);
    }
    ++row;
  });
  if (workspace.by_zero) launch.fail("integer division by zero");
}

}  // namespace tenon::cpu
