// Networks: built by hand, or imported (see onnx.h). A network is compiled by build().
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
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

/// A network under construction. Methods add a node and throw BuildError naming it when the
/// operands do not fit. Not thread-safe. Copies of the object share the network; copy() does not.
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
  /// A frozen tensor; copied.
  Value constant(const std::string& name, const TensorView& value);
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

}  // namespace tenon
