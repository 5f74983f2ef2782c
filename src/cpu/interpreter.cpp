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

// Whether one row of the result follows the other, several to a tile.
bool stacks_rows(const Walk& walk) {
  return walk.step(0) == 1 && walk.row_step(0) == walk.row_length() && walk.plane_rows() > 1 &&
         walk.row_length() > 0 && 2 * walk.row_length() <= TileProgram::most_elements;
}

// Operands whose elements follow one another along a row, and from row to row where these are
// stacked.
uint32_t dense_operands(const Walk& walk, bool stacks, size_t count) {
  uint32_t dense = 0;
  for (size_t i = 0; i < count; ++i) {
    const bool follows = !stacks || walk.row_step(i + 1) == walk.row_length();
    if (walk.step(i + 1) == 1 && follows) dense |= 1u << i;
  }
  return dense;
}

void scatter(const std::byte* from, std::byte* to, size_t bytes, int64_t step, int64_t count) {
  for (int64_t i = 0; i < count; ++i)
    std::memcpy(to + static_cast<size_t>(i * step) * bytes, from + static_cast<size_t>(i) * bytes,
                bytes);
}

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace

Interpreter::Interpreter(const Call& call, TileFunctions functions)
    : walk_(make_walk(call)),
      stacks_(stacks_rows(walk_)),
      program_(call.as<ir::Pointwise>().expression, input_dtypes(call),
               dense_operands(walk_, stacks_, call.inputs.size()), functions) {
  stacks_ = stacks_ && walk_.row_length() <= program_.tile();
  rows_per_tile_ = stacks_ ? program_.tile() / walk_.row_length() : 1;
  tiles_ = stacks_ ? ceil_div(walk_.plane_rows(), rows_per_tile_)
                   : ceil_div(walk_.row_length(), program_.tile());
}

void Interpreter::run(const Launch& launch) const noexcept {
  const int64_t tiles = (stacks_ ? walk_.rows() / walk_.plane_rows() : walk_.rows()) * tiles_;
  const int64_t length = stacks_ ? program_.tile() : std::min(program_.tile(), walk_.row_length());
  const int64_t grain = grain_of(length * static_cast<int64_t>(program_.steps()));
  parallel_ranges(launch, tiles, grain,
                  [&](int64_t begin, int64_t end) { run_range(launch, begin, end); });
}

void Interpreter::run_range(const Launch& launch, int64_t begin, int64_t end) const noexcept {
  TileProgram::Workspace workspace;
  program_.start(workspace);
  if (stacks_)
    run_planes(launch, begin, end, workspace);
  else
    run_rows(launch, begin, end, workspace);
  if (workspace.by_zero) launch.fail("integer division by zero");
}

// Where operands begin for a row whose element is the first of a tile; the same of the result.
std::byte* Interpreter::place(const Launch& launch, const int64_t* offsets, int64_t element,
                              TileInput* inputs) const noexcept {
  for (size_t i = 0; i < program_.operands(); ++i) {
    const int64_t at = offsets[i + 1] + element * walk_.step(i + 1);
    inputs[i] = {launch.input<std::byte>(i) + byte_count(program_.operand_dtype(i), at),
                 walk_.row_step(i + 1), walk_.step(i + 1)};
  }
  return launch.output<std::byte>(0) +
         byte_count(program_.dtype(), offsets[0] + element * walk_.step(0));
}

// A channel's block of 16 elements is no work for a tile by itself.
void Interpreter::run_planes(const Launch& launch, int64_t begin, int64_t end,
                             TileProgram::Workspace& workspace) const noexcept {
  TileInput inputs[ir::Expression::max_inputs];
  for (int64_t tile = begin; tile < end; ++tile) {
    const int64_t first = tile % tiles_ * rows_per_tile_;
    const int64_t row = tile / tiles_ * walk_.plane_rows() + first;
    const int64_t rows = std::min(rows_per_tile_, walk_.plane_rows() - first);
    walk_.for_rows(row, row + 1, [&](const int64_t* offsets) {
      std::byte* out = place(launch, offsets, 0, inputs);
      program_.run(workspace, inputs, out, rows, walk_.row_length());
    });
  }
}

void Interpreter::run_rows(const Launch& launch, int64_t begin, int64_t end,
                           TileProgram::Workspace& workspace) const noexcept {
  // Where the last axis of a part of a join has one index, a row of the walk is another axis.
  const int64_t out_step = walk_.step(0);
  alignas(64) std::byte tile_out[TileProgram::most_elements * sizeof(int64_t)];
  TileInput inputs[ir::Expression::max_inputs];
  int64_t row = begin / tiles_;
  const int64_t last_row = (end - 1) / tiles_;
  walk_.for_rows(row, last_row + 1, [&](const int64_t* offsets) {
    const int64_t first = std::max<int64_t>(0, begin - row * tiles_);
    const int64_t last = std::min(tiles_, end - row * tiles_);
    for (int64_t tile = first; tile < last; ++tile) {
      const int64_t element = tile * program_.tile();
      const int64_t count = std::min(program_.tile(), walk_.row_length() - element);
      std::byte* out = place(launch, offsets, element, inputs);
      const bool dense = out_step == 1 || count == 1;
      program_.run(workspace, inputs, dense ? out : tile_out, 1, count);
      if (!dense) scatter(tile_out, out, byte_count(program_.dtype(), 1), out_step, count);
    }
    ++row;
  });
}

}  // namespace tenon::cpu
