// What an import function sees: one node, its operands and attributes, and the graph under
// construction.
#pragma once

#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "onnx/import_table.h"
#include "onnx/leaf_table.h"
#include "onnx/node.h"

namespace tenon::onnx {

/// Thrown for what Tenon lacks; the importer collects them all before it gives up. "" where that is
/// told already.
struct Unsupported {
  std::string what;
};

/// What all nodes of one graph share.
struct ImportState {
  ir::GraphBuilder& builder;
  LeafTable& leaves;
};

/// One node while it is imported. Reading an attribute marks it as used; what no function used is
/// refused.
class NodeContext {
 public:
  /// `inputs` are the operands' values, `absent` where there is none.
  NodeContext(const Node& node, ImportState& state, std::vector<ir::ValueId> inputs);

  const Node& node() const { return node_; }
  int64_t opset() const { return node_.version; }
  ir::GraphBuilder& builder() { return state_.builder; }
  ImportState& state() { return state_; }
  LeafTable& leaves() { return state_.leaves; }

  size_t inputs() const { return inputs_.size(); }
  bool has(size_t i) const { return i < inputs_.size() && inputs_[i] != ir::absent; }
  /// A present operand; throws bad_file when it is missing.
  ir::ValueId input(size_t i) const;
  DType dtype(size_t i) const { return state_.builder.type(input(i)).dtype; }
  const ir::Dims& dims(size_t i) const;
  size_t rank(size_t i) const { return dims(i).size(); }
  /// True when output `i` is there and something reads it.
  bool output_used(size_t i) const;

  /// True when the elements of operand `i` are known while building.
  bool known(size_t i) const { return state_.builder.value(input(i)).value.known.has_value(); }
  /// The elements of an integer operand, or of a value made here: known while building, else
  /// symbols that a run binds. Unsupported for more of them than can be, or an unknown number.
  ir::Dims known_dims(size_t i) { return extents_of(input(i)); }
  ir::Dims extents_of(ir::ValueId integers);
  /// Which elements of a vector of integers are known while building, as of one that is joined.
  std::vector<std::optional<ir::Dim>> told(ir::ValueId integers) const;
  /// Elements that must be numbers while building; Unsupported when they are not.
  std::vector<int64_t> known_integers(size_t i) const;
  int64_t known_integer(size_t i) const;  ///< the only one
  /// Elements of a floating operand, where they are known while building.
  std::optional<std::vector<double>> known_numbers(size_t i) const;
  /// How many elements an operand of rank 1 has, which must be known while building.
  size_t length(size_t i) const;
  /// An axis within [-rank, rank), made non-negative; throws bad_file when it is outside.
  int64_t axis(int64_t axis, size_t rank) const;
  /// axis() of each, sorted; throws bad_file when one is there twice.
  std::vector<int64_t> axes(std::span<const int64_t> axes, size_t rank) const;

  bool has_attribute(std::string_view name) const;
  int64_t integer(std::string_view name, int64_t otherwise);
  int64_t integer(std::string_view name);  ///< throws bad_file when it is missing
  bool flag(std::string_view name, bool otherwise) { return integer(name, otherwise) != 0; }
  float number(std::string_view name, float otherwise);  ///< a whole one may be an integer
  std::string text(std::string_view name, std::string_view otherwise);
  std::vector<int64_t> integers(std::string_view name);   ///< empty when it is missing
  std::vector<float> numbers(std::string_view name);      ///< the same; of whole ones too
  std::vector<std::string> texts(std::string_view name);  ///< empty when it is missing
  /// nullptr when it is missing; Unsupported for strings and types that Tenon lacks.
  const weights::TensorSource* tensor(std::string_view name);
  /// The same, with strings.
  const TensorValue* tensor_value(std::string_view name);
  const ir::ValueType* type(std::string_view name);  ///< nullptr when it is missing
  /// nullptr when it is missing.
  const Body* body(std::string_view name);
  /// Attributes that steer training or other types only, and have no effect here.
  void ignore_attribute(std::string_view name) { used_.insert(std::string(name)); }

  /// Adds an op under this node's name.
  ir::ValueId add(ir::Op op, std::vector<ir::ValueId> inputs);
  std::vector<ir::ValueId> add_node(ir::Op op, std::vector<ir::ValueId> inputs, int outputs);
  /// Adds an expression in Tenon's text form over `inputs`; `literals` take the place of the inputs
  /// after them.
  ir::ValueId pointwise(std::string_view expression, std::vector<ir::ValueId> inputs,
                        std::span<const double> literals = {});
  ir::ValueId cast(ir::ValueId value, DType to);  ///< the value itself when it has the dtype
  ir::ValueId reshape(ir::ValueId value, ir::Dims dims);
  ir::ValueId constant(std::span<const int64_t> integers);  ///< i64, rank 1
  ir::ValueId scalar(int64_t number);                       ///< i64
  ir::ValueId constant(std::span<const float> numbers);     ///< f32, rank 1
  /// Extent `axis` of a value, as an i64 scalar.
  ir::ValueId extent(ir::ValueId value, size_t axis);
  /// 0, 1, … along `axis` of a tensor of `rank` axes, which has `count` there.
  ir::ValueId counting(const ir::Dim& count, size_t axis, size_t rank);
  ir::ValueId transpose(ir::ValueId value, std::vector<int64_t> permutation);
  /// An operand of integers as i64.
  ir::ValueId integers_of(size_t i) { return cast(input(i), DType::i64); }
  ir::ValueId shape_of(ir::ValueId value);
  /// Checked by each run, or at once where the sides are known to differ.
  void require_equal(const ir::Dim& left, const ir::Dim& right, std::string_view what);
  /// Bad_file unless `result` has these dims; what cannot be told is checked by each run. For
  /// operands, called `what`, that broadcast into others and may not enlarge them.
  void require_dims(ir::ValueId result, const ir::Dims& dims, std::string_view what);

  /// `Relu "r": <sentence>`, collected with all that Tenon lacks.
  template <class... Args>
  [[noreturn]] void unsupported(fmt::format_string<Args...> format, Args&&... args) const {
    throw Unsupported{label(node_) + ": " + fmt::format(format, std::forward<Args>(args)...)};
  }
  /// The same for a model that is wrong: bad_file.
  template <class... Args>
  [[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) const {
    base::fail(ErrorCode::bad_file, "{}: {}", label(node_),
               fmt::format(format, std::forward<Args>(args)...));
  }
  /// Throws Unsupported for attributes that were never asked for.
  void check_attributes_used() const;

 private:
  /// The attribute's value, where it is there; now it counts as used.
  const AttributeValue* find(std::string_view name);
  /// The same; throws bad_file when it is no T.
  template <class T>
  const T* typed(std::string_view name);

  const Node& node_;
  ImportState& state_;
  std::vector<ir::ValueId> inputs_;
  std::set<std::string> used_;
};

}  // namespace tenon::onnx
