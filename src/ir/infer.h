// What an op's infer() reads and reports: inputs, and constraints that only a run can check.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ir/type.h"

namespace tenon::ir {

/// Something that infer() could not prove. It is checked once per signature of input shapes.
struct Constraint {
  /// left == right · equal or one is 1 · left >= right
  enum class Kind { equal, broadcast, at_least };
  Kind kind = Kind::equal;
  Dim left, right;
  /// Names the node and the operands: `conv "c1": channels of the input and of the weight`.
  std::string reason;
  bool operator==(const Constraint&) const = default;
};

/// Whether a constraint of these sides holds for all values of the symbols, or for none; nothing
/// where that cannot be told. What is equal always broadcasts.
std::optional<bool> decided(Constraint::Kind kind, const Dim& left, const Dim& right);

/// The inputs of one node while its outputs' types are inferred. infer() throws BuildError through
/// fail().
class Infer {
 public:
  Infer(std::string where, std::vector<const Value*> inputs, int outputs)
      : where_(std::move(where)), inputs_(std::move(inputs)), outputs_(outputs) {}

  size_t size() const { return inputs_.size(); }
  /// How many outputs the node has (for ops where later outputs are optional).
  int outputs() const { return outputs_; }
  bool has(size_t i) const { return i < inputs_.size() && inputs_[i] != nullptr; }
  /// A present input; fails by name when it is absent.
  const Value& operator[](size_t i) const;
  const ValueType& type(size_t i) const { return (*this)[i].type; }
  DType dtype(size_t i) const { return type(i).dtype; }
  /// The dims of an input; fails when its rank is not known.
  const Dims& dims(size_t i) const;

  /// Fails unless the two are or may be equal; what cannot be proved becomes a constraint.
  void require_equal(const Dim& left, const Dim& right, std::string_view what);
  void require_at_least(const Dim& left, const Dim& right, std::string_view what);
  /// The NumPy broadcast of two dims or shapes.
  Dim broadcast(const Dim& a, const Dim& b);
  Dims broadcast(const Dims& a, const Dims& b);
  void require_dtype(size_t i, DType dtype);
  void require_floating(size_t i);
  /// Fails where operand 0 holds strings, or `other` would be: nothing else has their bytes.
  void refuse_strings(DType other) const;
  /// A possibly negative axis of a tensor of `rank`, made non-negative; fails when it is outside.
  int64_t axis(int64_t axis, size_t rank) const;

  /// `conv "layer1.0.conv1": <sentence>` as a BuildError.
  [[noreturn]] void fail(const std::string& sentence) const;

  std::vector<Constraint> take_constraints() { return std::move(constraints_); }

 private:
  std::string where_;
  std::vector<const Value*> inputs_;
  int outputs_ = 1;
  std::vector<Constraint> constraints_;
};

}  // namespace tenon::ir
