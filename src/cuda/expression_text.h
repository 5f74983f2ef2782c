// Device text for scalar expressions.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "ir/scalar.h"

namespace tenon::cuda {

/// The statements that compute an expression for one element: `const … v0 = …;` and so on. `input`
/// gives the device text of an input's element.
class ExpressionText {
 public:
  ExpressionText(const ir::Expression& expression, std::span<const DType> inputs,
                 std::function<std::string(int)> input);

  const std::string& text() const { return text_; }
  size_t result() const { return instructions_.size() - 1; }  ///< number of the last v
  /// Whether integers are divided: `bool by_zero` must stand before.
  bool may_fail() const { return may_fail_; }
  /// Of the data error, or null.
  const char* sentence() const { return may_fail_ ? "integer division by zero" : nullptr; }

 private:
  std::string value(size_t i);

  std::vector<ir::Expression::Instruction> instructions_;
  std::vector<DType> dtypes_;
  std::function<std::string(int)> input_;
  std::string text_;
  bool may_fail_ = false;
};

}  // namespace tenon::cuda
