// One instruction a statement.
#include "cuda/expression_text.h"

#include "cuda/program.h"

namespace tenon::cuda {

using ir::Scalar;

namespace {

// The type that values of a dtype are computed in.
std::string_view compute_name(DType dtype) {
  return dtype == DType::f16 || dtype == DType::bf16 ? "f32" : type_name(dtype);
}

bool divides(Scalar op) { return op == Scalar::div || op == Scalar::mod || op == Scalar::fmod; }

}  // namespace

ExpressionText::ExpressionText(const ir::Expression& expression, std::span<const DType> inputs,
                               std::function<std::string(int)> input)
    : instructions_(expression.instructions()),
      dtypes_(expression.infer(inputs)),
      input_(std::move(input)) {
  for (size_t i = 0; i < instructions_.size(); ++i)
    text_ += fmt::format("    const {} v{} = {};\n", compute_name(dtypes_[i]), i, value(i));
}

std::string ExpressionText::value(size_t i) {
  const auto& [op, args, literal] = instructions_[i];
  if (op == Scalar::input) return fmt::format("get({})", input_(args[0]));
  if (op == Scalar::literal) {
    return fmt::format("({})of_bits({:#x}ull)", compute_name(dtypes_[i]),
                       std::bit_cast<uint64_t>(literal));
  }
  const auto dtype = [&](int arg) { return dtypes_[static_cast<size_t>(args[arg])]; };
  if (op == Scalar::pow && dtype(0) != dtype(1))
    return fmt::format("s_pow_f64(v{}, (f64)v{})", args[0], args[1]);
  std::string call = fmt::format("s_{}", ir::to_string(op));
  if (divides(op) && is_integer(dtype(0))) {
    call += "_integer";
    may_fail_ = true;
  }
  for (int a = 0; a < ir::arity(op); ++a)
    call += fmt::format("{}v{}", a == 0 ? "(" : ", ", args[static_cast<size_t>(a)]);
  return call + ")";
}

}  // namespace tenon::cuda
