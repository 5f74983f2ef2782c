// Which epilogues are sums between bounds; the others by tiles.
#include "cpu/vector/epilogue.h"

#include <cstring>

namespace tenon::cpu {

using ir::Scalar;

namespace {

constexpr auto first = static_cast<size_t>(ir::first_epilogue_operand);
constexpr int64_t most_columns = 128;
// Each instruction has a tile at most, so that tiles have room for as many columns.
constexpr size_t most_instructions = TileProgram::tile_bytes / 8 / most_columns;

using Code = std::vector<ir::Expression::Instruction>;

/// A chain of relu, max and min with literals over instruction `of`; literals may be missing.
struct Bounds {
  size_t of = 0;
  std::optional<double> least, greatest;
};

bool take(std::optional<double>& bound, double value) {
  if (bound) return false;
  bound = value;
  return true;
}

std::optional<Bounds> bounds_of(const Code& code) {
  Bounds bounds{.of = code.size() - 1};
  for (;;) {
    const auto& [op, args, value] = code[bounds.of];
    auto x = static_cast<size_t>(args[0]);
    if (op == Scalar::relu) {
      if (!take(bounds.least, 0)) return std::nullopt;
    } else if (op == Scalar::max || op == Scalar::min) {
      auto limit = static_cast<size_t>(args[1]);
      if (code[limit].op != Scalar::literal) std::swap(x, limit);
      if (code[limit].op != Scalar::literal) return std::nullopt;
      auto& bound = op == Scalar::max ? bounds.least : bounds.greatest;
      if (!take(bound, code[limit].value)) return std::nullopt;
    } else {
      break;
    }
    bounds.of = x;
  }
  // The order of two bounds does not matter while they are in order.
  constexpr double infinity = std::numeric_limits<double>::infinity();
  if (!(bounds.least.value_or(-infinity) <= bounds.greatest.value_or(infinity)))
    return std::nullopt;
  return bounds;
}

bool is_input(const Code& code, int16_t at, int16_t which) {
  const auto& instruction = code[static_cast<size_t>(at)];
  return instruction.op == Scalar::input && instruction.args[0] == which;
}

bool is_sum(const Code& code, size_t at) {
  const auto& [op, args, value] = code[at];
  if (op != Scalar::add) return false;
  return (is_input(code, args[0], 0) && is_input(code, args[1], 1)) ||
         (is_input(code, args[0], 1) && is_input(code, args[1], 0));
}

bool alike(const kernel::Operand& a, const kernel::Operand& b) {
  return a.dtype == b.dtype && a.dims == b.dims && a.layout == b.layout;
}

std::vector<DType> dtypes_of(const Call& call) {
  std::vector<DType> dtypes{call.outputs[0].dtype};
  for (size_t i = first; i < call.inputs.size(); ++i) dtypes.push_back(call.inputs[i].dtype);
  return dtypes;
}

}  // namespace

Epilogue::Epilogue(const Call& call, uint32_t dense, TileFunctions functions) {
  const ir::Expression& expression = *ir::epilogue_of(call.op);
  if (expression.empty()) return;
  const Code& code = expression.instructions();
  const auto bounds = bounds_of(code);
  const size_t operands = call.inputs.size() > first ? call.inputs.size() - first : 0;
  const bool adds = operands == 1 && bounds && is_sum(code, bounds->of) &&
                    alike(call.inputs[first], call.outputs[0]);
  const bool bare = operands == 0 && bounds && code[bounds->of].op == Scalar::input;
  if (!adds && !bare) {
    program_.emplace(expression, dtypes_of(call), dense, functions);
    const auto gate = functions.gate ? gate_at(code, code.size() - 1) : std::nullopt;
    if (gate && call.outputs[0].dtype == DType::f32 && is_input(code, gate->x, 0)) {
      gate_ = functions.gate(gate->kind);
      numbers_ = numbers_of(*gate);
    }
    return;
  }
  adds_ = adds;
  if (bounds->least) least_ = static_cast<float>(*bounds->least);
  if (bounds->greatest) greatest_ = static_cast<float>(*bounds->greatest);
}

void Epilogue::start(TileProgram::Workspace& workspace) const noexcept {
  if (program_) program_->start(workspace);
}

void Epilogue::run(TileProgram::Workspace& workspace, const TileInput* inputs, float* y,
                   int64_t y_row, int64_t rows, int64_t columns) const noexcept {
  alignas(64) float buffer[TileProgram::most_elements];
  const int64_t at_once = program_->tile() / columns;
  const size_t operands = program_->operands();
  TileInput piece[1 + ir::most_epilogue_operands];
  for (int64_t row = 0; row < rows; row += at_once) {
    const int64_t count = rows - row < at_once ? rows - row : at_once;
    for (size_t i = 0; i < operands; ++i) {
      piece[i] = inputs[i];
      piece[i].from += row * inputs[i].row_step *
                       static_cast<int64_t>(byte_count(program_->operand_dtype(i), 1));
    }
    const bool dense = y_row == columns || count == 1;
    float* out = dense ? y + row * y_row : buffer;
    program_->run(workspace, piece, reinterpret_cast<std::byte*>(out), count, columns);
    for (int64_t i = 0; !dense && i < count; ++i) {
      std::memcpy(y + (row + i) * y_row, buffer + i * columns,
                  static_cast<size_t>(columns) * sizeof(float));
    }
  }
}

const char* refuse_epilogue(const Call& call) {
  if (ir::epilogue_of(call.op)->instructions().size() > most_instructions)
    return "the epilogue is longer than the 32 instructions that it takes";
  for (size_t i = first; i < call.inputs.size(); ++i) {
    const DType dtype = call.inputs[i].dtype;
    if (dtype != DType::f32 && dtype != DType::bool_)
      return "the epilogue reads others than f32 and bool";
  }
  return nullptr;
}

}  // namespace tenon::cpu
