// Steps, tiles and the loop over them.
#include "cpu/interpreter.h"

#include <algorithm>

#include "base/error.h"
#include "cpu/kernel_parts.h"

namespace tenon::cpu {

using ir::Scalar;

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

// As NumPy broadcasts; a view has strides of its own.
Strides broadcast_strides(const kernel::Operand& operand, std::span<const int64_t> target) {
  Strides strides = cpu::broadcast_strides(operand.dims, target);
  const size_t missing = target.size() - operand.dims.size();
  for (size_t i = 0; i < operand.strides.size(); ++i) {
    if (operand.dims[i] != 1) strides[missing + i] = operand.strides[i];
  }
  return strides;
}

// Strides of an operand along the physical dims of the result: 0 where it repeats.
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

Walk make_walk(const Call& call) {
  const kernel::Operand& result = call.outputs[0];
  const auto dims = ir::physical_dims(result.dims, result.layout);
  std::vector<Strides> strides{result.strides.empty() ? dense_strides(dims) : result.strides};
  for (const kernel::Operand& operand : call.inputs)
    strides.push_back(operand_strides(operand, result));
  return Walk(dims, std::move(strides));
}

bool needs_rounding(DType dtype) { return compute_dtype(dtype) != dtype; }

}  // namespace

Interpreter::Interpreter(const Call& call) : walk_(make_walk(call)) {
  make_steps(call);
  place_values();
  tiles_per_row_ = (walk_.row_length() + tile_ - 1) / tile_;
}

void Interpreter::make_steps(const Call& call) {
  const ir::Expression& expression = call.as<ir::Pointwise>().expression;
  const std::vector<DType> dtypes = expression.infer(input_dtypes(call));
  std::vector<int> places;  // of the expression's instructions among the steps
  for (size_t i = 0; i < dtypes.size(); ++i) {
    const auto& instruction = expression.instructions()[i];
    Step step{.op = instruction.op, .dtype = dtypes[i], .literal = instruction.value};
    const int arity = ir::arity(step.op);
    if (step.op == Scalar::input) step.input = instruction.args[0];
    for (int a = 0; a < arity; ++a) step.args[a] = places[static_cast<size_t>(instruction.args[a])];
    if (arity > 0) {
      // The branches of where tell its type, the first argument that of all others (a comparison's
      // value is bool).
      const DType operand =
          steps_[static_cast<size_t>(step.args[step.op == Scalar::where ? 1 : 0])].dtype;
      step.function = tile_function(step.op, operand);
      const bool mixed =
          step.op == Scalar::pow && steps_[static_cast<size_t>(step.args[1])].dtype != operand;
      if (mixed) {
        // The exponent as f64 is a step of its own: without function or input.
        steps_.push_back(
            {.op = Scalar::literal, .dtype = DType::f64, .args = {step.args[1], -1, -1}});
        step.args[1] = static_cast<int>(steps_.size()) - 1;
        step.function = pow_of_f64(operand);
      }
      if (!step.function) {
        base::fail(ErrorCode::build, "internal: {} has no loop for {}", ir::to_string(step.op),
                   to_string(operand));
      }
    }
    places.push_back(static_cast<int>(steps_.size()));
    steps_.push_back(step);
  }
}

// Gives each value that needs one a tile; a tile is free again after the last use of its value.
void Interpreter::place_values() {
  std::vector<size_t> last_use(steps_.size(), 0);
  for (size_t i = 0; i < steps_.size(); ++i) {
    for (const int arg : steps_[i].args) {
      if (arg >= 0) last_use[static_cast<size_t>(arg)] = i;
    }
  }
  std::vector<int> free;
  int slots = 0;
  for (Step& step : steps_) {
    if (step.is_literal()) step.slot = slots++;  // filled once for many tiles: nobody else's
  }
  for (size_t i = 0; i < steps_.size(); ++i) {
    Step& step = steps_[i];
    if (step.is_literal()) continue;
    const bool last = i + 1 == steps_.size();
    const bool read_in_place = step.input >= 0 && !last && !needs_rounding(step.dtype) &&
                               walk_.step(static_cast<size_t>(step.input) + 1) == 1;
    const bool written_in_place = last && step.function && !needs_rounding(step.dtype);
    if (!read_in_place && !written_in_place) {
      if (free.empty()) free.push_back(slots++);
      step.slot = free.back();
      free.pop_back();
    }
    for (size_t arg = 0; arg < i; ++arg) {
      const bool done = last_use[arg] == i && !steps_[arg].is_literal();
      if (done && steps_[arg].slot >= 0) free.push_back(steps_[arg].slot);
    }
  }
  if (steps_.size() > most_steps) {
    base::fail(ErrorCode::build, "pointwise: {} steps are more than {}", steps_.size(), most_steps);
  }
  const int64_t fitting = tile_bytes / (8 * std::max(slots, 1)) / 8 * 8;
  tile_ = std::clamp<int64_t>(fitting, 8, most_elements);
}

void Interpreter::run(const Launch& launch) const noexcept {
  const int64_t tiles = walk_.rows() * tiles_per_row_;
  const int64_t length = std::min(tile_, walk_.row_length());
  const int64_t grain = grain_of(length * static_cast<int64_t>(steps_.size()));
  parallel_ranges(launch, tiles, grain,
                  [&](int64_t begin, int64_t end) { run_range(launch, begin, end); });
}

void Interpreter::run_range(const Launch& launch, int64_t begin, int64_t end) const noexcept {
  alignas(64) std::byte tiles[tile_bytes];
  const void* values[most_steps];
  bool by_zero = false;
  for (const Step& step : steps_) {
    if (step.is_literal())
      mover(step.dtype).fill(step.literal, tiles + step.slot * tile_ * 8, tile_);
  }
  int64_t row = begin / tiles_per_row_;
  const int64_t last_row = (end - 1) / tiles_per_row_;
  walk_.for_rows(row, last_row + 1, [&](const int64_t* offsets) {
    const int64_t first = std::max<int64_t>(0, begin - row * tiles_per_row_);
    const int64_t last = std::min(tiles_per_row_, end - row * tiles_per_row_);
    for (int64_t tile = first; tile < last; ++tile) {
      const int64_t element = tile * tile_;
      const int64_t count = std::min(tile_, walk_.row_length() - element);
      run_tile(launch, offsets, element, count, tiles, values, &by_zero);
    }
    ++row;
  });
  if (by_zero) launch.fail("integer division by zero");
}

void Interpreter::run_tile(const Launch& launch, const int64_t* offsets, int64_t first,
                           int64_t count, std::byte* tiles, const void** values,
                           bool* by_zero) const noexcept {
  const Step& result = steps_.back();
  std::byte* to = launch.output<std::byte>(0) + byte_count(result.dtype, offsets[0] + first);
  for (size_t i = 0; i < steps_.size(); ++i) {
    const Step& step = steps_[i];
    std::byte* place = step.slot >= 0 ? tiles + step.slot * tile_ * 8 : to;
    values[i] = place;
    const auto value = [&](int arg) { return arg >= 0 ? values[arg] : nullptr; };
    if (step.function) {
      step.function(
          {place, value(step.args[0]), value(step.args[1]), value(step.args[2]), count, by_zero});
    } else if (step.input >= 0) {
      const auto tensor = static_cast<size_t>(step.input) + 1;
      const int64_t at = offsets[tensor] + first * walk_.step(tensor);
      const std::byte* from = launch.input<std::byte>(tensor - 1) + byte_count(step.dtype, at);
      if (step.slot >= 0)
        mover(step.dtype).load(from, walk_.step(tensor), place, count);
      else
        values[i] = from;
    } else if (step.args[0] >= 0) {
      mover(steps_[static_cast<size_t>(step.args[0])].dtype)
          .to_f64(value(step.args[0]), place, count);
    }
  }
  if (result.slot >= 0) mover(result.dtype).store(values[steps_.size() - 1], to, count);
}

}  // namespace tenon::cpu
