// Networks built by hand.
#include "tenon/network.h"

#include <algorithm>
#include <atomic>

#include "api/network_impl.h"
#include "base/error.h"
#include "base/text.h"
#include "ir/ops.h"
#include "ir/text.h"

namespace tenon {
namespace {

ir::Dims dims_of(std::span<const Extent> shape) {
  ir::Dims dims;
  for (const Extent& extent : shape) {
    if (extent.name.empty() && extent.value < 0) {
      base::fail(ErrorCode::build,
                 "network: an extent of {} is negative; give a name to one that varies",
                 extent.value);
    }
    dims.push_back(extent.name.empty() ? ir::Dim(extent.value) : ir::Dim::symbol(extent.name));
  }
  return dims;
}

ir::ValueType type_of(const std::string& name, DType dtype, const Shape& shape) {
  try {
    element_count(shape);
  } catch (const InputError& error) {
    base::fail(ErrorCode::build, "network: {}: {}", base::quoted(name), error.what());
  }
  return {dtype, ir::Dims(shape.begin(), shape.end())};
}

Network::Value made(const Network::Impl& impl, ir::ValueId id) { return {id, impl.serial}; }

ir::ValueId id_of(const Network::Impl& impl, const Network::Value& value) {
  if (value.network == impl.serial) return value.id;
  base::fail(ErrorCode::build, "network: an operand is {}",
             value.network ? "a value of another network; make it in this one" : "no value");
}

std::vector<ir::ValueId> ids(const Network::Impl& impl,
                             std::initializer_list<std::optional<Network::Value>> values) {
  std::vector<ir::ValueId> result;
  for (const auto& value : values) result.push_back(value ? id_of(impl, *value) : ir::absent);
  while (!result.empty() && result.back() == ir::absent) result.pop_back();
  return result;
}

// The leaf table's row; a name is used once.
ir::Leaf& add_leaf(Network::Impl& impl, const std::string& name, const ir::ValueType& type) {
  const auto taken = std::any_of(impl.leaves.begin(), impl.leaves.end(),
                                 [&](const ir::Leaf& leaf) { return leaf.name == name; });
  if (taken || name.empty()) {
    base::fail(ErrorCode::build, "network: the weight's name {} is {}", base::quoted(name),
               name.empty() ? "empty" : "taken");
  }
  impl.leaves.push_back({.name = name, .type = type});
  return impl.leaves.back();
}

}  // namespace

ir::Graph Network::Impl::graph() const {
  if (imported) return *imported;
  ir::GraphBuilder copy = builder;
  return copy.finish();
}

ir::Network Network::Impl::finish() const {
  ir::Network network;
  network.leaves = leaves;
  std::sort(network.leaves.begin(), network.leaves.end(),
            [](const ir::Leaf& a, const ir::Leaf& b) { return a.name < b.name; });
  network.graph = graph();
  if (network.graph.outputs().empty())
    base::fail(ErrorCode::build, "network: it has no output; call output(name, value)");
  return network;
}

uint64_t Network::Impl::next_serial() {
  static std::atomic<uint64_t> last = 0;
  return ++last;
}

Network::Network() : impl_(std::make_shared<Impl>()) {}

Network::Value Network::input(const std::string& name, DType dtype,
                              const std::vector<Extent>& shape) {
  return made(*impl_, impl_->builder.input(name, {dtype, dims_of(shape)}));
}

Network::Value Network::weight(const std::string& name, const TensorView& value) {
  const Value added = weight(name, value.dtype, value.shape);
  impl_->sources.emplace(name, weights::copy_of(value));
  return added;
}

Network::Value Network::weight(const std::string& name, DType dtype, const Shape& shape) {
  const ir::ValueType type = type_of(name, dtype, shape);
  add_leaf(*impl_, name, type);
  return made(*impl_, impl_->builder.weight(name, type));
}

Network::Value Network::constant(const std::string& name, const TensorView& value) {
  const ir::ValueType type = type_of(name, value.dtype, value.shape);
  ir::Leaf& leaf = add_leaf(*impl_, name, type);
  leaf.refittable = false;
  leaf.reason = "a constant of the network";
  const weights::TensorSource source = weights::copy_of(value);
  impl_->sources.emplace(name, source);
  ir::ConstantBytes bytes;
  if (source.size() <= ir::inline_constant_bytes) {
    bytes = std::make_shared<std::vector<std::byte>>(
        base::read_range(*source.bytes, source.offset, source.size()));
  }
  return made(*impl_, impl_->builder.constant(name, type, std::move(bytes)));
}

Network::Value Network::conv(Value x, Value weight, std::optional<Value> bias,
                             const ConvOptions& options) {
  const ir::Conv op{.strides = options.strides,
                    .pads = options.pads,
                    .dilations = options.dilations,
                    .groups = options.groups};
  return made(*impl_, impl_->builder.add(op, ids(*impl_, {x, weight, bias})));
}

Network::Value Network::matmul(Value a, Value b, std::optional<Value> bias, bool transpose_b) {
  return made(*impl_, impl_->builder.add(ir::MatMul{.transpose_b = transpose_b},
                                         ids(*impl_, {a, b, bias})));
}

Network::Value Network::max_pool(Value x, const std::vector<int64_t>& kernel,
                                 const PoolOptions& options) {
  ir::MaxPool op{.kernel = kernel, .strides = options.strides, .pads = options.pads};
  op.ceil_mode = options.ceil_mode;
  return made(*impl_, impl_->builder.add(op, ids(*impl_, {x})));
}

Network::Value Network::relu(Value x) {
  return made(*impl_, impl_->builder.add(ir::Pointwise{ir::Expression::of(ir::Scalar::relu)},
                                         ids(*impl_, {x})));
}

Network::Value Network::reshape(Value x, const std::vector<int64_t>& shape) {
  const ir::Dims& from = impl_->builder.dims(id_of(*impl_, x));
  ir::Dims dims;
  ir::Dim known = 1;
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    if (shape[axis] < -1 || (shape[axis] == 0 && axis >= from.size())) {
      base::fail(ErrorCode::build, "network: reshape to {}: axis {} is {}", to_string(shape), axis,
                 shape[axis]);
    }
    dims.push_back(shape[axis] == 0 ? from[axis] : ir::Dim(shape[axis]));
    if (shape[axis] != -1) known = known * dims.back();
  }
  if (std::count(shape.begin(), shape.end(), -1) > 1) {
    base::fail(ErrorCode::build, "network: reshape to {}: only one extent may be -1",
               to_string(shape));
  }
  if (known == ir::Dim(0) && std::count(shape.begin(), shape.end(), -1) > 0) {
    base::fail(ErrorCode::build,
               "network: reshape to {}: -1 has no one answer beside an extent of 0",
               to_string(shape));
  }
  for (ir::Dim& dim : dims) {
    if (dim == ir::Dim(-1)) dim = ir::floor_div(ir::product(from), known);
  }
  return made(*impl_, impl_->builder.add(ir::Reshape{dims}, ids(*impl_, {x})));
}

void Network::output(const std::string& name, Value value) {
  impl_->builder.output(name, id_of(*impl_, value));
}

Network Network::copy() const {
  auto impl = std::make_shared<Impl>(*impl_);
  impl->serial = Impl::next_serial();
  return Network(std::move(impl));
}

std::string Network::text() const { return ir::print(impl_->graph()); }

}  // namespace tenon
