// Networks built by hand.
#include "tenon/network.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <numeric>

#include "api/network_impl.h"
#include "base/error.h"
#include "base/text.h"
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

Extent extent_of(const ir::Dim& dim) {
  return dim.is_constant() ? Extent(dim.constant()) : Extent(dim.text());
}

ir::Leaf leaf_of(const std::string& name, DType dtype, const Shape& shape) {
  try {
    element_count(shape);
  } catch (const InputError& error) {
    base::fail(ErrorCode::build, "network: {}: {}", base::quoted(name), error.what());
  }
  return {.name = name, .type = {dtype, ir::Dims(shape.begin(), shape.end())}};
}

void put(Attributes& attributes, const char* name, const std::vector<int64_t>& values) {
  if (!values.empty()) attributes.emplace(name, values);
}

// The last two axes change places.
std::vector<int64_t> transposition(const ValueInfo& info) {
  const size_t rank = info.extents ? info.extents->size() : 0;
  std::vector<int64_t> axes(rank);
  std::iota(axes.begin(), axes.end(), 0);
  if (rank > 1) std::swap(axes[rank - 1], axes[rank - 2]);
  return axes;
}

// A bias has one element for each column: what it could enlarge by broadcasting is refused.
void require_row(ir::GraphBuilder& builder, ir::ValueId bias, ir::ValueId product) {
  if (builder.type(bias).rank() != 1 || builder.type(product).rank() == 0)
    base::fail(ErrorCode::build, "network: matmul: a bias of {} for a product of {}; give a vector",
               builder.type(bias).text(), builder.type(product).text());
  builder.require(std::array{ir::Constraint{ir::Constraint::Kind::equal, builder.dims(bias)[0],
                                            builder.dims(product).back(),
                                            "network: matmul: extent of the bias, and columns"}});
}

}  // namespace

onnx::Model Network::Impl::finish() const {
  onnx::Model model = onnx::finish(draft);
  if (model.network.graph.outputs().empty())
    base::fail(ErrorCode::build, "network: it has no output; call output(name, value)");
  for (const Borrowed& each : borrowed)
    model.sources.emplace(each.name, weights::callers_tensor(each.name, each.view));
  return model;
}

void Network::Impl::take_borrowed(const Attribute& attribute) {
  const auto* body = std::get_if<std::shared_ptr<const Network>>(&attribute.value);
  if (!body) return;
  if (!*body) base::fail(ErrorCode::build, "network: an attribute's body is null; give a network");
  const std::vector<Borrowed>& more = (*body)->impl()->borrowed;
  borrowed.insert(borrowed.end(), more.begin(), more.end());
}

bool Network::Impl::is_taken(const std::string& name) const {
  if (draft.leaves.rows().contains(name)) return true;
  for (size_t id = 0; id < draft.builder.mark().values; ++id) {
    const ir::GraphValue& value = draft.builder.value(static_cast<ir::ValueId>(id));
    if (value.origin == ir::Origin::input && value.name == name) return true;
  }
  return false;
}

ir::ValueId Network::Impl::id_of(Value value, const std::string& what) const {
  const bool known = value.id >= 0 && ir::index(value.id) < draft.builder.mark().values;
  if (value.network == serial && known) return value.id;
  base::fail(ErrorCode::build, "{} is {}", what,
             value.network ? "a value of another network; make it in this one" : "no value");
}

uint64_t Network::Impl::next_serial() {
  static std::atomic<uint64_t> last = 0;
  return ++last;
}

Network::Network() : impl_(std::make_shared<Impl>()) {}

Network::Value Network::input(const std::string& name, DType dtype,
                              const std::vector<Extent>& shape) {
  const std::string what = fmt::format("network: input {}", base::quoted(name));
  if (name.empty()) base::fail(ErrorCode::build, "{}: give it a name", what);
  if (impl_->is_taken(name))
    base::fail(ErrorCode::build, "{}: another input or a weight has this name", what);
  return impl_->made(impl_->draft.builder.input(name, {dtype, dims_of(shape)}));
}

Network::Value Network::weight(const std::string& name, const TensorView& value) {
  ir::Leaf leaf = leaf_of(name, value.dtype, value.shape);
  return impl_->add(std::move(leaf), weights::copy_of(value));
}

Network::Value Network::weight(const std::string& name, DType dtype, const Shape& shape) {
  return impl_->add(leaf_of(name, dtype, shape), std::nullopt);
}

Network::Value Network::borrow(const std::string& name, const TensorView& value,
                               std::shared_ptr<void> owner) {
  const Value added = weight(name, value.dtype, value.shape);
  impl_->borrowed.push_back({name, value, std::move(owner)});
  return added;
}

Network::Value Network::constant(const std::string& name, const TensorView& value) {
  if (value.dtype == DType::string)  // the graph holds them: no leaf
    return add("Constant", {}, {{"value", value}}, {.outputs = {name}})[0];
  ir::Leaf leaf = leaf_of(name, value.dtype, value.shape);
  leaf.refittable = false;
  leaf.reason = "a constant of the network";
  return impl_->add(std::move(leaf), weights::copy_of(value));
}

Network::Value Network::conv(Value x, Value weight, std::optional<Value> bias,
                             const ConvOptions& options) {
  Attributes attributes{{"group", options.groups}};
  put(attributes, "strides", options.strides);
  put(attributes, "pads", options.pads);
  put(attributes, "dilations", options.dilations);
  return add("Conv", {x, weight, bias.value_or(Value())}, attributes)[0];
}

Network::Value Network::matmul(Value a, Value b, std::optional<Value> bias, bool transpose_b) {
  return impl_->all_or_nothing([&] {
    if (transpose_b) b = add("Transpose", {b}, {{"perm", transposition(info(b))}})[0];
    const Value product = add("MatMul", {a, b})[0];
    if (!bias) return product;
    const Value sum = add("Add", {product, *bias})[0];
    require_row(impl_->draft.builder, bias->id, product.id);
    return sum;
  });
}

Network::Value Network::max_pool(Value x, const std::vector<int64_t>& kernel,
                                 const PoolOptions& options) {
  Attributes attributes{{"kernel_shape", kernel}, {"ceil_mode", int64_t{options.ceil_mode}}};
  put(attributes, "strides", options.strides);
  put(attributes, "pads", options.pads);
  return add("MaxPool", {x}, attributes)[0];
}

Network::Value Network::relu(Value x) { return add("Relu", {x})[0]; }

Network::Value Network::reshape(Value x, const std::vector<int64_t>& shape) {
  return impl_->all_or_nothing([&] {
    const auto rank = static_cast<int64_t>(shape.size());
    const ir::ValueId to =
        impl_->draft.builder.constant(DType::i64, {rank}, std::as_bytes(std::span(shape)));
    return add("Reshape", {x, impl_->made(to)})[0];
  });
}

void Network::output(const std::string& name, Value value) {
  const std::string what = fmt::format("network: output {}", base::quoted(name));
  const ir::ValueId id = impl_->id_of(value, what);
  if (name.empty()) base::fail(ErrorCode::build, "{}: give it a name", what);
  const auto& outputs = impl_->draft.builder.outputs();
  if (std::ranges::find(outputs, name, &ir::Output::name) != outputs.end())
    base::fail(ErrorCode::build, "{}: another output has this name", what);
  impl_->draft.builder.output(name, id);
}

ValueInfo Network::info(Value value) const {
  const ir::ValueType& type = impl_->draft.builder.type(impl_->id_of(value, "network: the value"));
  if (!type.dims) return {type.dtype, std::nullopt};
  std::vector<Extent> extents;
  std::ranges::transform(*type.dims, std::back_inserter(extents), extent_of);
  return {type.dtype, std::move(extents)};
}

std::vector<LeafInfo> Network::leaves() const {
  std::vector<LeafInfo> leaves;
  for (const auto& [name, leaf] : impl_->draft.leaves.rows())
    leaves.push_back({name, leaf.type.dtype, leaf.type.shape(), leaf.refittable});
  return leaves;
}

std::vector<std::pair<std::string, Network::Value>> Network::outputs() const {
  std::vector<std::pair<std::string, Value>> outputs;
  for (const ir::Output& output : impl_->draft.builder.outputs())
    outputs.emplace_back(output.name, impl_->made(output.value));
  return outputs;
}

Network Network::copy() const {
  auto impl = std::make_shared<Impl>(*impl_);
  impl->serial = Impl::next_serial();
  return Network(std::move(impl));
}

std::string Network::text() const { return ir::print(onnx::finish(impl_->draft).network.graph); }

}  // namespace tenon
