// Steps, the tiles that hold their values, and the loop over them.
#include "cpu/tile_program.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "base/error.h"

namespace tenon::cpu {

using ir::Scalar;

namespace {

bool needs_rounding(DType dtype) { return compute_dtype(dtype) != dtype; }

// The gates among instructions, and which instructions are steps of their own: what only gates
// read is not.
std::vector<std::optional<Gate>> find_gates(const ir::Expression& expression,
                                            const std::vector<DType>& dtypes, bool known,
                                            std::vector<bool>& needed) {
  const auto& code = expression.instructions();
  std::vector<std::optional<Gate>> gates(code.size());
  needed.assign(code.size(), false);
  needed.back() = true;
  for (size_t i = code.size(); i-- > 0;) {
    if (!needed[i]) continue;
    if (known && dtypes[i] == DType::f32) gates[i] = gate_at(code, i);
    if (gates[i]) needed[static_cast<size_t>(gates[i]->x)] = true;
    const int arguments = gates[i] ? 0 : ir::arity(code[i].op);
    for (int a = 0; a < arguments; ++a)
      needed[static_cast<size_t>(code[i].args[static_cast<size_t>(a)])] = true;
  }
  return gates;
}

}  // namespace

TileProgram::TileProgram(const ir::Expression& expression, std::span<const DType> operands,
                         uint32_t dense, TileFunctions functions)
    : operands_(operands.begin(), operands.end()) {
  make_steps(expression, functions);
  place_values(dense);
}

void TileProgram::make_steps(const ir::Expression& expression, TileFunctions functions) {
  const std::vector<DType> dtypes = expression.infer(operands_);
  std::vector<bool> needed;
  const auto gates = find_gates(expression, dtypes, functions.gate != nullptr, needed);
  std::vector<int> places;  // of the expression's instructions among the steps
  for (size_t i = 0; i < dtypes.size(); ++i) {
    const auto& instruction = expression.instructions()[i];
    Step step{.op = instruction.op, .dtype = dtypes[i], .literal = instruction.value};
    if (gates[i]) {
      step.args[0] = places[static_cast<size_t>(gates[i]->x)];
      step.function = functions.gate(gates[i]->kind);
      step.gate = numbers_of(*gates[i]);
    } else if (needed[i]) {
      complete(step, instruction, places, functions.of);
    }
    places.push_back(static_cast<int>(steps_.size()));
    if (needed[i]) steps_.push_back(step);
  }
}

void TileProgram::complete(Step& step, const ir::Expression::Instruction& instruction,
                           const std::vector<int>& places, FunctionOf* function) {
  const int arity = ir::arity(step.op);
  if (step.op == Scalar::input) step.input = instruction.args[0];
  for (int a = 0; a < arity; ++a) step.args[a] = places[static_cast<size_t>(instruction.args[a])];
  if (arity == 0) return;
  // The branches of where tell its type, the first argument that of all others (a comparison's
  // value is bool).
  const DType operand =
      steps_[static_cast<size_t>(step.args[step.op == Scalar::where ? 1 : 0])].dtype;
  step.function = function(step.op, operand);
  const bool mixed =
      step.op == Scalar::pow && steps_[static_cast<size_t>(step.args[1])].dtype != operand;
  if (mixed) {
    // The exponent as f64 is a step of its own: without function or input.
    steps_.push_back({.op = Scalar::literal, .dtype = DType::f64, .args = {step.args[1], -1, -1}});
    step.args[1] = static_cast<int>(steps_.size()) - 1;
    step.function = pow_of_f64(operand);
  }
  if (!step.function) {
    base::fail(ErrorCode::build, "internal: {} has no loop for {}", ir::to_string(step.op),
               to_string(operand));
  }
}

// Gives each value that needs one a tile; a tile is free again after the last use of its value.
void TileProgram::place_values(uint32_t dense) {
  std::vector<size_t> last_use(steps_.size(), 0);
  for (size_t i = 0; i < steps_.size(); ++i) {
    for (const int arg : steps_[i].args) {
      if (arg >= 0) last_use[static_cast<size_t>(arg)] = i;
    }
  }
  // Filled once for many tiles, or for as long as an operand is repeated: nobody else's.
  const auto stays = [](const Step& step) { return step.is_literal() || step.input >= 0; };
  std::vector<int> free;
  int slots = 0;
  for (Step& step : steps_) {
    if (step.is_literal()) step.slot = slots++;
  }
  for (size_t i = 0; i < steps_.size(); ++i) {
    Step& step = steps_[i];
    if (step.is_literal()) continue;
    const bool last = i + 1 == steps_.size();
    const bool read_in_place =
        step.input >= 0 && !last && !needs_rounding(step.dtype) && (dense >> step.input & 1u) != 0;
    const bool written_in_place = last && step.function && !needs_rounding(step.dtype);
    if (!read_in_place && !written_in_place) {
      if (free.empty() || stays(step)) free.push_back(slots++);
      step.slot = free.back();
      free.pop_back();
    }
    for (size_t arg = 0; arg < i; ++arg) {
      const bool done = last_use[arg] == i && !stays(steps_[arg]);
      if (done && steps_[arg].slot >= 0) free.push_back(steps_[arg].slot);
    }
  }
  if (steps_.size() > most_steps) {
    base::fail(ErrorCode::build, "an expression of {} steps is beyond the {} of the CPU",
               steps_.size(), most_steps);
  }
  const int64_t fitting = tile_bytes / (8 * std::max(slots, 1)) / 8 * 8;
  tile_ = std::clamp<int64_t>(fitting, 8, most_elements);
}

void TileProgram::start(Workspace& workspace) const noexcept {
  for (size_t i = 0; i < steps_.size(); ++i) {
    const Step& step = steps_[i];
    workspace.loaded[i] = {};
    if (step.is_literal())
      mover(step.dtype).fill(step.literal, workspace.tiles + step.slot * tile_ * 8, tile_);
  }
}

void TileProgram::load(Workspace& workspace, size_t at, const TileInput& input, int64_t rows,
                       int64_t columns) const noexcept {
  const Step& step = steps_[at];
  std::byte* place = workspace.tiles + step.slot * tile_ * 8;
  const int64_t count = rows * columns;
  const bool repeats = input.step == 0 || (rows > 1 && input.row_step == 0);
  Workspace::Loaded& loaded = workspace.loaded[at];
  const bool known = repeats && loaded.from == input.from && loaded.step == input.step &&
                     loaded.columns == columns && loaded.count >= count;
  if (known) return;
  loaded =
      repeats ? Workspace::Loaded{input.from, input.step, columns, count} : Workspace::Loaded{};
  const int64_t row_bytes = static_cast<int64_t>(byte_count(step.dtype, 1)) * input.row_step;
  const auto size = static_cast<int64_t>(byte_count(compute_dtype(step.dtype), 1));
  const int64_t different = row_bytes == 0 ? 1 : rows;
  for (int64_t row = 0; row < different; ++row) {
    mover(step.dtype)
        .load(input.from + row * row_bytes, input.step, place + row * columns * size, columns);
  }
  // A row that is repeated: twice as many with each copy.
  for (int64_t done = different * columns; done < count; done *= 2) {
    std::memcpy(place + done * size, place,
                static_cast<size_t>(std::min(done, count - done) * size));
  }
}

void TileProgram::run(Workspace& workspace, const TileInput* inputs, std::byte* out, int64_t rows,
                      int64_t columns) const noexcept {
  const int64_t count = rows * columns;
  for (size_t i = 0; i < steps_.size(); ++i) {
    const Step& step = steps_[i];
    std::byte* place = step.slot >= 0 ? workspace.tiles + step.slot * tile_ * 8 : out;
    workspace.values[i] = place;
    const auto value = [&](int arg) { return arg >= 0 ? workspace.values[arg] : nullptr; };
    if (step.function) {
      const void* third = step.args[2] >= 0 ? value(step.args[2]) : &step.gate;
      step.function(
          {place, value(step.args[0]), value(step.args[1]), third, count, &workspace.by_zero});
    } else if (step.input >= 0 && step.slot < 0) {
      workspace.values[i] = inputs[step.input].from;
    } else if (step.input >= 0) {
      load(workspace, i, inputs[step.input], rows, columns);
    } else if (step.args[0] >= 0) {
      mover(steps_[static_cast<size_t>(step.args[0])].dtype)
          .to_f64(value(step.args[0]), place, count);
    }
  }
  const Step& result = steps_.back();
  if (result.slot >= 0) mover(result.dtype).store(workspace.values[steps_.size() - 1], out, count);
}

}  // namespace tenon::cpu
