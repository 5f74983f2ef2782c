// An op is one struct of a closed list, behind an immutable pointer and a table made from its
// fields().
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "ir/infer.h"
#include "ir/scalar.h"

namespace tenon::ir {

/// Facts about an op that hold for all its nodes.
struct OpInfo {
  std::string_view name;  ///< snake_case, as in the text form
  int min_inputs = 1;
  int max_inputs = 1;  ///< -1: any number
  int max_outputs = 1;
  bool pure = true;  ///< equal inputs give equal outputs, and nothing else happens
  /// Row i (of axis 0) of the result needs row i of each operand that has as many rows, and all of
  /// the others.
  bool row_wise = false;
  bool has_kernels = true;     ///< false: the executor runs it
  bool any_kind = false;       ///< operands may be sequences and optionals
  uint32_t host_operands = 0;  ///< bit i: operand i must be in host memory when the op runs
  /// It repeats what its input holds: it is run where it is used rather than kept.
  bool enlarges = false;
  bool binds = false;  ///< its lists of names are symbols, whose values are known when it has run
  bool moves = false;  ///< operands may be narrow: their elements are moved, or cast
};

/// A named member of an op; fields() returns a tuple of them. An unnamed field ("") is printed bare
/// in the text form.
template <class Struct, class T>
struct Field {
  std::string_view name;
  T Struct::*member;
};
template <class Struct, class T>
Field(std::string_view, T Struct::*) -> Field<Struct, T>;  // clang 16 lacks aggregate CTAD

class Graph;

/// A graph as a field. Its inputs are formal parameters; all that is computed outside and that it
/// uses is an operand of the node. Weights, constants and slots it sees by name: these, and
/// symbols, are one space of names for the outermost graph and all bodies.
using Body = std::shared_ptr<const Graph>;

/// A field's value by itself: what text form, hash and plan see. Enums, dtypes and layouts are
/// strings.
using FieldValue =
    std::variant<bool, int64_t, double, std::string, std::vector<int64_t>, std::vector<double>,
                 std::vector<std::string>, Dims, Expression, Body>;
using FieldList = std::vector<std::pair<std::string_view, FieldValue>>;

class Op;

/// The functions of one op type, made in op_table.cpp.
struct OpTable {
  const OpInfo& info;
  FieldList (*fields)(const void* op);          ///< all fields, in order
  FieldList (*changed_fields)(const void* op);  ///< those that differ from the default
  Op (*make)(const std::vector<std::pair<std::string, FieldValue>>&
                 fields);  ///< throws bad_file: unknown field, wrong type
  std::vector<Value> (*infer)(const void* op, Infer& in);
  uint64_t (*hash)(const void* op);
  bool (*equal)(const void* a, const void* b);
  bool has_bodies;
};

/// The table of an op type; defined for the closed list of ops.h only.
template <class T>
const OpTable& op_table();

class Op {
 public:
  template <class T>
    requires requires { T::info; }
  Op(T op)  // NOLINT: an op struct is an op
      : data_(std::make_shared<const T>(std::move(op))), table_(&op_table<T>()) {}

  /// The struct, if the op is a T; else nullptr.
  template <class T>
  const T* as() const noexcept {
    return table_ == &op_table<T>() ? static_cast<const T*>(data_.get()) : nullptr;
  }
  const OpInfo& info() const noexcept { return table_->info; }
  const OpTable& table() const noexcept { return *table_; }
  const void* data() const noexcept { return data_.get(); }
  uint64_t hash() const { return table_->hash(data_.get()); }
  std::vector<Value> infer(Infer& in) const;
  /// The symbols that a run of it finds out.
  std::vector<std::string> bound_symbols() const;
  /// Its graphs, in the order of its fields.
  std::vector<Body> bodies() const;
  /// The same op with each body replaced.
  Op with_bodies(const std::function<Body(const Graph& body)>& replace) const;
  /// The same op with symbols replaced in its Dims fields, and bound ones where they are renamed.
  Op substitute(const std::map<std::string, Dim>& bindings) const;
  friend bool operator==(const Op& a, const Op& b) {
    return a.table_ == b.table_ && a.table_->equal(a.data_.get(), b.data_.get());
  }

 private:
  std::shared_ptr<const void> data_;
  const OpTable* table_;
};

/// The op of that name with these fields; throws bad_file for an unknown op or field. For text form
/// and plans.
Op make_op(std::string_view name, const std::vector<std::pair<std::string, FieldValue>>& fields);

}  // namespace tenon::ir
