// Networks: built by hand, or imported (see onnx.h). A network is compiled by build().
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "tenon/tensor.h"

namespace tenon {

/// A named or unknown extent of an input, or a number.
struct Extent {
  int64_t value = -1;
  std::string name;

  Extent(int64_t value) : value(value) {}              // NOLINT: a number is an extent
  Extent(int value) : value(value) {}                  // NOLINT
  Extent(std::string name) : name(std::move(name)) {}  // NOLINT: and so is a name
  Extent(const char* name) : name(name) {}             // NOLINT
};

struct ConvOptions {
  std::vector<int64_t> strides, pads,
      dilations;  ///< empty: ones, zeros, ones; pads are begins, then ends
  int64_t groups = 1;
};

struct PoolOptions {
  std::vector<int64_t> strides, pads;  ///< empty: ones, zeros
  bool ceil_mode = false;
};

/// What add() is told beside operands and attributes.
struct NodeOptions {
  std::string domain;                ///< "": ONNX's own
  int64_t version = 0;               ///< of the domain's operators (its opset); 0: the newest
  std::string name;                  ///< of the node, for messages and layers
  std::vector<std::string> outputs;  ///< a name, or "", for each that is wanted; {}: the first
};

/// The type of a value.
struct ValueInfo {
  DType dtype = DType::f32;
  std::optional<std::vector<Extent>> extents;  ///< nothing: not even the rank is known yet
};

/// A named tensor of a network.
struct LeafInfo {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;
  bool refittable = true;
};

class Network;

/// The value of an attribute, of the type that ONNX gives it; add() copies tensors, and the network
/// that is a body.
struct Attribute {
  using Ints = std::vector<int64_t>;
  std::variant<int64_t, float, std::string, Ints, std::vector<float>, std::vector<std::string>,
               TensorView, std::shared_ptr<const Network>>
      value;

  Attribute(int64_t value) : value(value) {}                               // NOLINT: all are one
  Attribute(int value) : value(int64_t{value}) {}                          // NOLINT
  Attribute(double value) : value(static_cast<float>(value)) {}            // NOLINT
  Attribute(const char* value) : value(std::string(value)) {}              // NOLINT
  Attribute(std::string value) : value(std::move(value)) {}                // NOLINT
  Attribute(std::initializer_list<int64_t> value) : value(Ints(value)) {}  // NOLINT
  Attribute(Ints value) : value(std::move(value)) {}                       // NOLINT
  Attribute(std::vector<float> value) : value(std::move(value)) {}         // NOLINT
  Attribute(std::vector<std::string> value) : value(std::move(value)) {}   // NOLINT
  Attribute(const TensorView& value) : value(value) {}                     // NOLINT
  Attribute(const Tensor& value) : value(TensorView(value)) {}             // NOLINT
  Attribute(const Network& body);                                          // NOLINT
};
using Attributes = std::map<std::string, Attribute>;

/// A network under construction. Methods that add throw BuildError naming the node when operands or
/// attributes do not fit, and have then changed nothing. Not thread-safe. Copies of the object
/// share the network; copy() does not.
class TENON_API Network {
 public:
  /// A value of one network.
  struct Value {
    int id = -1;
    uint64_t network = 0;  ///< tells networks apart; 0 is none
  };

  Network();

  Value input(const std::string& name, DType dtype, const std::vector<Extent>& shape);
  /// A refittable weight with its first value, which is copied.
  Value weight(const std::string& name, const TensorView& value);
  /// A refittable weight without one: the engine is not ready until it is refitted.
  Value weight(const std::string& name, DType dtype, const Shape& shape);
  /// A refittable weight whose first value is read by build(): the caller keeps its bytes till
  /// then, or `owner`, which the network holds.
  Value borrow(const std::string& name, const TensorView& value,
               std::shared_ptr<void> owner = nullptr);
  /// A frozen tensor; copied.
  Value constant(const std::string& name, const TensorView& value);
  /// A node of any ONNX operator that Tenon has, as ONNX defines it; its outputs. Operands are in
  /// ONNX's order, and Value() is one that is not there. A branch or the body of a loop is a
  /// network of its own: its inputs are those that the node gives it, then values of this network
  /// that it reads, by their names; its weights and constants become this network's.
  std::vector<Value> add(const std::string& op, const std::vector<Value>& inputs,
                         const Attributes& attributes = {}, const NodeOptions& options = {});
  /// x [n, c, h…], weight [o, c / groups, k…], bias [o].
  Value conv(Value x, Value weight, std::optional<Value> bias = {},
             const ConvOptions& options = {});
  /// a [.., m, k] x b [.., k, n] (or [.., n, k] with transpose_b), bias [n].
  Value matmul(Value a, Value b, std::optional<Value> bias = {}, bool transpose_b = false);
  Value max_pool(Value x, const std::vector<int64_t>& kernel, const PoolOptions& options = {});
  Value relu(Value x);
  /// One extent may be -1, and 0 copies the input's.
  Value reshape(Value x, const std::vector<int64_t>& shape);
  void output(const std::string& name, Value value);

  /// Throws BuildError for a value of another network.
  ValueInfo info(Value value) const;
  /// Weights and constants, sorted by name.
  std::vector<LeafInfo> leaves() const;
  /// In the order of their coming.
  std::vector<std::pair<std::string, Value>> outputs() const;
  /// The same network so far, apart from what is added to this one later.
  Network copy() const;
  /// The network so far as text, in the form of src/ir/README.md.
  std::string text() const;

  struct Impl;
  explicit Network(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  const std::shared_ptr<Impl>& impl() const { return impl_; }

 private:
  std::shared_ptr<Impl> impl_;
};

inline Attribute::Attribute(const Network& body) : value(std::make_shared<const Network>(body)) {}

}  // namespace tenon
