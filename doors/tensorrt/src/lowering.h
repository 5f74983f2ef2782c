// From the live network to one of Tenon's: layer by layer, when dimensions or a build are asked
// for.
#pragma once

#include <compare>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "NvInfer.h"
#include "tenon/network.h"

namespace tenon::trt {

struct LayerCore;
struct TensorImpl;
class NetworkImpl;
using Value = Network::Value;

/// Two uses of weights are one where all of this is equal.
struct WeightsKey {
  nvinfer1::DataType type{};
  const void* values = nullptr;
  int64_t count = 0;
  WeightsKey(const nvinfer1::Weights& w)
      : type(w.type), values(w.values), count(w.count) {}  // NOLINT
  auto operator<=>(const WeightsKey&) const = default;
};

/// Where a weight stands in the program's own words.
struct LayerRole {
  std::string layer;
  nvinfer1::WeightsRole role{};
  auto operator<=>(const LayerRole&) const = default;
};

/// With this begins the name of an output that a run is to find true; the message ends it.
inline constexpr const char* kAssertion = "tenon.assertion.";

/// With this begins the name of an output that only debug listeners see; the tensor's ends it.
inline constexpr const char* kDebug = "tenon.debug.";

/// Refittable weights by name, and the places that use each.
using Roles = std::map<std::string, std::vector<LayerRole>>;

class Lowering {
 public:
  using Inside = std::function<bool(const TensorImpl& tensor)>;
  /// `names`: the refittable weights' (their values are borrowed); none while only types are asked
  /// for, which read no value of a float.
  explicit Lowering(const std::map<WeightsKey, std::string>* names = nullptr) : names_(names) {}
  /// A body: what is not inside is captured of `around`, which outlives it. With `same`, what it
  /// makes lies in the network of `around` itself.
  Lowering(Lowering& around, Inside inside, bool same = false)
      : names_(around.names_),
        net_(same ? around.net_ : Network()),
        next_(around.next_),
        around_(&around),
        inside_(std::move(inside)),
        same_(same) {}
  /// A tensor whose value comes from elsewhere.
  void bind(const TensorImpl& tensor, Value value) { values_[&tensor] = value; }
  /// An input of a body, which its node gives.
  Value formal(const ValueInfo& type);
  /// What a loop or conditional gives, by the layers that give it.
  using RegionOutputs = std::map<const LayerCore*, Value>;
  std::map<const void*, RegionOutputs>& regions() { return regions_; }

  Value value(const TensorImpl& tensor);
  bool knows(const TensorImpl& tensor) const { return values_.contains(&tensor); }
  /// All outputs of a layer.
  void layer(const LayerCore& layer);
  ValueInfo info(Value value) const { return net_.info(value); }
  Network& network() { return net_; }

  // What layers are made with.
  Value add(const LayerCore& layer, const std::string& op, const std::vector<Value>& inputs,
            const Attributes& attributes = {});
  /// `options` says domain, version and which outputs are wanted ("" is not); names are added.
  std::vector<Value> add_node(const LayerCore& layer, const std::string& op,
                              const std::vector<Value>& inputs, const Attributes& attributes,
                              NodeOptions options);
  /// A frozen tensor; copied.
  Value constant(const TensorView& view) { return named(fresh("tenon.constant."), view); }
  /// The name by which bodies see a value.
  const std::string& name_of(Value value) const { return value_names_.at(value.id); }
  std::string fresh(const char* stem) { return stem + std::to_string((*next_)++); }
  Value weights(const nvinfer1::Weights& weights, const Shape& shape, const std::string& what,
                bool refittable = true);
  Value ints(const std::vector<int64_t>& values);
  Value scalar(const LayerCore& layer, double value, Value like);  // of the dtype of `like`

 private:
  void lower(const TensorImpl& tensor);
  void capture(const TensorImpl& tensor);
  /// Pushes the inputs that are to come before the tensor; whether there are any.
  bool push_inputs(const TensorImpl& tensor, std::vector<const TensorImpl*>& waiting);
  Value named(const std::string& name, const TensorView& view);
  Value called(Value value, const std::string& name);
  Value leaf(const nvinfer1::Weights& weights, const Shape& shape, const std::string& what,
             bool refittable);

  const std::map<WeightsKey, std::string>* names_;
  Network net_;
  std::map<const TensorImpl*, Value> values_;
  std::set<const TensorImpl*> open_;
  std::map<WeightsKey, std::pair<Value, Shape>> leaves_;
  std::map<int, std::string> value_names_;                // by id
  std::shared_ptr<int> next_ = std::make_shared<int>(0);  // bodies count on
  Lowering* around_ = nullptr;
  Inside inside_;
  bool same_ = false;
  std::map<std::string, Value> captured_;
  std::map<std::string, std::string> extents_;  // names in a body for expressions around it
  std::map<const void*, RegionOutputs> regions_;
};

/// The type with a name for each extent that is an expression; equal ones have one.
ValueInfo with_plain_extents(ValueInfo type, std::map<std::string, std::string>& names,
                             Lowering& to);

}  // namespace tenon::trt
