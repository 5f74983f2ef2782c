#include "network.h"

#include <algorithm>
#include <cmath>

#include "layers.h"

namespace tenon::trt {

using nvinfer1::ErrorCode;
using nvinfer1::ITensor;

void TensorImpl::setName(const char* given) noexcept {
  guarded(network.reporter, "ITensor::setName", [&] { name = name_of(given); });
  if (producer == nullptr) network.changed();
}

void TensorImpl::setDimensions(const Dims& dimensions) noexcept {
  guarded(network.reporter, "ITensor::setDimensions", [&] {
    if (producer != nullptr) refuse("\"" + name + "\" is no input of the network: it is inferred");
    shape_of(dimensions, "\"" + name + "\"", -1);
    dims = dimensions;
  });
  network.changed();
}

Dims TensorImpl::getDimensions() const noexcept try {
  return producer == nullptr ? dims : dims_of(network.info(*this).extents);
} catch (...) {  // a build says why
  return unknown_dims();
}

void TensorImpl::setType(DataType given) noexcept {
  guarded(network.reporter, "ITensor::setType", [&] {
    if (producer != nullptr)
      refuse(ErrorCode::kUNSUPPORTED_STATE,
             "\"" + name + "\" is no input of the network; add a cast layer");
    dtype_of(given, "\"" + name + "\"");
    type = given;
  });
  network.changed();
}

DataType TensorImpl::getType() const noexcept try {
  return producer == nullptr ? type : type_of(network.info(*this).dtype);
} catch (...) {  // a build says why
  return DataType::kFLOAT;
}

void TensorImpl::setBroadcastAcrossBatch(bool) noexcept {
  network.reporter.say(Reporter::Severity::kWARNING,
                       "\"" + name + "\": setBroadcastAcrossBatch has no effect");
}

bool TensorImpl::isNetworkOutput() const noexcept { return network.is_output(*this); }

void TensorImpl::setDimensionName(int32_t axis, const char* given) noexcept {
  guarded(network.reporter, "ITensor::setDimensionName", [&] {
    if (producer != nullptr) refuse("\"" + name + "\" is no input of the network");
    if (axis < 0 || axis >= dims.nbDims)
      refuse("\"" + name + "\" has no axis " + std::to_string(axis));
    dim_names[index(axis)] = given != nullptr ? name_of(given) : "";
  });
  network.changed();
}

const char* TensorImpl::getDimensionName(int32_t axis) const noexcept {
  const bool named = axis >= 0 && axis < dims.nbDims && !dim_names[index(axis)].empty();
  return named ? dim_names[index(axis)].c_str() : nullptr;
}

void TensorImpl::setAllowedFormats(uint32_t formats) noexcept {
  guarded(network.reporter, "ITensor::setAllowedFormats", [&] {
    constexpr uint32_t linear = 1U << static_cast<uint32_t>(nvinfer1::TensorFormat::kLINEAR);
    if ((formats & linear) == 0)
      refuse(ErrorCode::kUNSUPPORTED_STATE,
             "\"" + name + "\": Tenon's inputs and outputs are linear; allow kLINEAR");
    formats_ = formats;
  });
}

bool TensorImpl::setDynamicRange(float least, float greatest) noexcept {
  return guarded(network.reporter, "ITensor::setDynamicRange", [&] {
    if (!(least <= greatest) || !std::isfinite(least) || !std::isfinite(greatest))
      refuse("\"" + name + "\": a range from " + std::to_string(least) + " to " +
             std::to_string(greatest));
    range_ = {least, greatest};
  });
}

Value LayerCore::input(Lowering& to, size_t i) const {
  if (i >= inputs.size() || inputs[i] == nullptr)
    refuse("layer \"" + name + "\" lacks its input " + std::to_string(i));
  return to.value(*inputs[i]);
}

size_t LayerCore::rank(Lowering& to, size_t i) const {
  const auto extents = to.info(input(to, i)).extents;
  if (!extents) refuse("layer \"" + name + "\": the rank of its input is not known");
  return extents->size();
}

TensorImpl& NetworkImpl::own(ITensor& tensor) const {
  auto* mine = static_cast<TensorImpl*>(&tensor);
  if (&mine->network != this) refuse("tensor \"" + mine->name + "\" is another network's");
  return *mine;
}

bool NetworkImpl::may_be_implicit() const {
  return flags_ == 0 && !explicit_ &&
         std::ranges::all_of(inputs_, [](const auto& input) { return is_static(input->dims); });
}

bool NetworkImpl::hasImplicitBatchDimension() const noexcept {
  return may_be_implicit() && std::ranges::any_of(layers_, [](const auto& layer) {
           return layer->reads_images() && !layer->inputs.empty() && layer->inputs[0] != nullptr &&
                  layer->inputs[0]->getDimensions().nbDims == 3;
         });
}

bool NetworkImpl::is_output(const TensorImpl& tensor) const {
  return std::ranges::find(outputs_, &tensor) != outputs_.end();
}

ValueInfo NetworkImpl::info(const TensorImpl& tensor) const {
  if (!probe_) probe_ = std::make_unique<Lowering>();
  return probe_->info(probe_->value(tensor));
}

ITensor* NetworkImpl::addInput(const char* name, DataType type, const Dims& dims) noexcept {
  return guarded(reporter, "INetworkDefinition::addInput", static_cast<ITensor*>(nullptr), [&] {
    const std::string given = name_of(name, "an input's name");
    if (given.empty()) refuse("an input's name is empty; give it one");
    dtype_of(type, "input \"" + given + "\"");
    shape_of(dims, "input \"" + given + "\"", -1);
    return static_cast<ITensor*>(&add_input(given, type, dims));
  });
}

TensorImpl& NetworkImpl::add_input(const std::string& name, DataType type, const Dims& dims) {
  for (const auto& each : inputs_)
    if (each->name == name) refuse("there is an input \"" + name + "\" already");
  auto made = std::make_unique<TensorImpl>(*this, nullptr, name);
  made->type = type, made->dims = dims;
  return *inputs_.emplace_back(std::move(made));
}

void NetworkImpl::markOutput(ITensor& tensor) noexcept {
  guarded(reporter, "INetworkDefinition::markOutput", [&] {
    TensorImpl& mine = own(tensor);
    if (mine.producer == nullptr)
      refuse("\"" + mine.name + "\" is an input; add an identity layer");
    if (is_output(mine))
      reporter.say(Reporter::Severity::kWARNING, "\"" + mine.name + "\" is an output already");
    else
      outputs_.push_back(&mine);
  });
}

bool NetworkImpl::markOutputForShapes(ITensor& tensor) noexcept {
  markOutput(tensor);
  return is_output(static_cast<TensorImpl&>(tensor));
}

bool NetworkImpl::unmarkOutputForShapes(ITensor& tensor) noexcept {
  const bool was = is_output(static_cast<TensorImpl&>(tensor));
  unmarkOutput(tensor);
  return was;
}

void NetworkImpl::removeTensor(ITensor& tensor) noexcept {
  reporter.say(Reporter::Severity::kWARNING, "removeTensor: \"" + std::string(tensor.getName()) +
                                                 "\" stays; what nothing reads costs nothing");
}

bool NetworkImpl::refuse_debug(const char* function) noexcept {
  return guarded(reporter, function, [] {
    refuse(ErrorCode::kUNSUPPORTED_STATE,
           "which tensors are left unfused only a build knows; mark each by markDebug");
  });
}

bool NetworkImpl::markDebug(ITensor& tensor) noexcept {
  return guarded(reporter, "INetworkDefinition::markDebug", [&] {
    TensorImpl& mine = own(tensor);
    if (!isDebugTensor(mine)) debug_.push_back(&mine);
  });
}

bool NetworkImpl::unmarkDebug(ITensor& tensor) noexcept {
  return guarded(reporter, "INetworkDefinition::unmarkDebug", [&] {
    if (std::erase(debug_, &own(tensor)) == 0)
      refuse("\"" + std::string(tensor.getName()) + "\" is no debug tensor");
  });
}

bool NetworkImpl::isDebugTensor(const ITensor& tensor) const noexcept {
  return std::ranges::find(debug_, &tensor) != debug_.end();
}

void NetworkImpl::unmarkOutput(ITensor& tensor) noexcept {
  guarded(reporter, "INetworkDefinition::unmarkOutput",
          [&] { std::erase(outputs_, &own(tensor)); });
}

nvinfer1::IConvolutionLayer* NetworkImpl::addConvolutionNd(ITensor& input, int64_t maps,
                                                           const Dims& kernel, Weights weights,
                                                           Weights bias) noexcept {
  return add<Convolution>("INetworkDefinition::addConvolutionNd", "Convolution", {&input}, maps,
                          kernel, weights, bias);
}

nvinfer1::IActivationLayer* NetworkImpl::addActivation(ITensor& input,
                                                       nvinfer1::ActivationType type) noexcept {
  return add<Activation>("INetworkDefinition::addActivation", "Activation", {&input}, type);
}

nvinfer1::IPoolingLayer* NetworkImpl::addPoolingNd(ITensor& input, nvinfer1::PoolingType type,
                                                   const Dims& window) noexcept {
  return add<Pooling>("INetworkDefinition::addPoolingNd", "Pooling", {&input}, type, window);
}

nvinfer1::IScaleLayer* NetworkImpl::addScale(ITensor& input, nvinfer1::ScaleMode mode,
                                             Weights shift, Weights scale, Weights power) noexcept {
  return add<Scale>("INetworkDefinition::addScale", "Scale", {&input}, mode, shift, scale, power,
                    -1);
}

nvinfer1::IScaleLayer* NetworkImpl::addScaleNd(ITensor& input, nvinfer1::ScaleMode mode,
                                               Weights shift, Weights scale, Weights power,
                                               int32_t axis) noexcept {
  return add<Scale>("INetworkDefinition::addScaleNd", "Scale", {&input}, mode, shift, scale, power,
                    axis);
}

nvinfer1::ISoftMaxLayer* NetworkImpl::addSoftMax(ITensor& input) noexcept {
  return add<SoftMax>("INetworkDefinition::addSoftMax", "Softmax", {&input});
}

nvinfer1::IConcatenationLayer* NetworkImpl::addConcatenation(ITensor* const* inputs,
                                                             int32_t count) noexcept {
  std::vector<ITensor*> all;
  if (inputs != nullptr && count > 0) all.assign(inputs, inputs + count);
  if (all.empty()) all.push_back(nullptr);  // refused as one
  return add<Concatenation>("INetworkDefinition::addConcatenation", "Concatenation", all);
}

nvinfer1::IElementWiseLayer* NetworkImpl::addElementWise(
    ITensor& left, ITensor& right, nvinfer1::ElementWiseOperation op) noexcept {
  return add<ElementWise>("INetworkDefinition::addElementWise", "ElementWise", {&left, &right}, op);
}

nvinfer1::IUnaryLayer* NetworkImpl::addUnary(ITensor& input, nvinfer1::UnaryOperation op) noexcept {
  return add<Unary>("INetworkDefinition::addUnary", "Unary", {&input}, op);
}

nvinfer1::IShuffleLayer* NetworkImpl::addShuffle(ITensor& input) noexcept {
  return add<Shuffle>("INetworkDefinition::addShuffle", "Shuffle", {&input});
}

nvinfer1::IReduceLayer* NetworkImpl::addReduce(ITensor& input, nvinfer1::ReduceOperation op,
                                               uint32_t axes, bool keep) noexcept {
  return add<Reduce>("INetworkDefinition::addReduce", "Reduce", {&input}, op, axes, keep);
}

nvinfer1::IMatrixMultiplyLayer* NetworkImpl::addMatrixMultiply(
    ITensor& left, nvinfer1::MatrixOperation left_op, ITensor& right,
    nvinfer1::MatrixOperation right_op) noexcept {
  return add<MatrixMultiply>("INetworkDefinition::addMatrixMultiply", "Matrix Multiply",
                             {&left, &right}, left_op, right_op);
}

nvinfer1::IConstantLayer* NetworkImpl::addConstant(const Dims& dims, Weights weights) noexcept {
  return add<Constant>("INetworkDefinition::addConstant", "Constant", {}, dims, weights);
}

nvinfer1::IIdentityLayer* NetworkImpl::addIdentity(ITensor& input) noexcept {
  return add<Identity>("INetworkDefinition::addIdentity", "Identity", {&input});
}

nvinfer1::ICastLayer* NetworkImpl::addCast(ITensor& input, DataType type) noexcept {
  return add<Cast>("INetworkDefinition::addCast", "Cast", {&input}, type);
}

nvinfer1::ILayer* NetworkImpl::getLayer(int32_t i) const noexcept {
  return guarded(reporter, "INetworkDefinition::getLayer", static_cast<nvinfer1::ILayer*>(nullptr),
                 [&] {
                   if (i < 0 || index(i) >= layers_.size())
                     refuse("layer " + std::to_string(i) + " of " + std::to_string(layers_.size()));
                   return layers_[index(i)]->face();
                 });
}

ITensor* NetworkImpl::getInput(int32_t i) const noexcept {
  return i >= 0 && index(i) < inputs_.size() ? inputs_[index(i)].get() : nullptr;
}

ITensor* NetworkImpl::getOutput(int32_t i) const noexcept {
  return i >= 0 && index(i) < outputs_.size() ? outputs_[index(i)] : nullptr;
}

void NetworkImpl::setName(const char* name) noexcept {
  guarded(reporter, "INetworkDefinition::setName", [&] { name_ = name_of(name); });
}

// A floating weight that a layer holds: what may be refitted.
std::map<WeightsKey, std::string> NetworkImpl::names() const {
  std::map<WeightsKey, std::string> names;
  std::set<std::string> taken;
  for (const auto& [key, name] : given_names_) taken.insert(name);
  for (const auto& layer : layers_) {
    for (const LayerWeights& each : layer->refittable()) {
      const DataType type = each.weights.type;
      const bool floating =
          type == DataType::kFLOAT || type == DataType::kHALF || type == DataType::kBF16;
      if (each.weights.count == 0 || !floating || names.contains(each.weights)) continue;
      const auto given = given_names_.find(each.weights);
      std::string name = layer->name + " " + to_string(each.role);
      if (given == given_names_.end()) {
        const std::string plain = name;
        for (int n = 2; !taken.insert(name).second; ++n)
          name = plain + " (" + std::to_string(n) + ")";
      }
      names.emplace(each.weights, given == given_names_.end() ? name : given->second);
    }
  }
  return names;
}

Roles NetworkImpl::roles(const std::map<WeightsKey, std::string>& names) const {
  Roles roles;
  for (const auto& layer : layers_) {
    for (const LayerWeights& each : layer->refittable()) {
      const auto found = names.find(each.weights);
      if (found != names.end()) roles[found->second].push_back({layer->name, each.role});
    }
  }
  return roles;
}

tenon::Network NetworkImpl::lower(const std::map<WeightsKey, std::string>& names) const {
  if (outputs_.empty())
    refuse(ErrorCode::kINVALID_STATE, "the network has no output; mark one by markOutput");
  Lowering lowering(&names);
  for (const auto& input : inputs_) lowering.value(*input);
  std::set<const LayerCore*> hidden;
  for (const auto& region : regions_) hidden.merge(inside(*region));
  for (const auto& layer : layers_) {
    if (!hidden.contains(layer.get()))
      lowering.layer(*layer);
    else if (layer->face()->getType() == nvinfer1::LayerType::kASSERTION)
      refuse(ErrorCode::kUNSUPPORTED_STATE,
             layer_text(*layer) + " is inside of a loop or branch; assert outside");
  }
  for (const TensorImpl* output : outputs_)
    lowering.network().output(output->name, lowering.value(*output));
  for (const TensorImpl* tensor : debug_) {
    if (tensor->producer != nullptr && hidden.contains(tensor->producer))
      refuse(ErrorCode::kUNSUPPORTED_STATE,
             "debug tensor \"" + tensor->name + "\" is inside of a loop or branch");
    lowering.network().output(kDebug + tensor->name, lowering.value(*tensor));
  }
  return lowering.network();
}

std::map<std::string, std::string> NetworkImpl::aliases() const {
  std::map<std::string, std::string> found;
  for (const TensorImpl* output : outputs_) {
    const TensorImpl* input = output->producer->aliased();
    if (input != nullptr && input->producer == nullptr) found[output->name] = input->name;
  }
  return found;
}

bool NetworkImpl::setWeightsName(Weights weights, const char* name) noexcept {
  return guarded(reporter, "INetworkDefinition::setWeightsName", [&] {
    const auto all = names();
    if (!all.contains(weights))
      refuse("no layer has these weights of " + std::to_string(weights.count) +
             " values; name them after they were given to one");
    if (name == nullptr) {
      given_names_.erase(weights);
      return;
    }
    const std::string given = name_of(name, "the weights' name");
    if (given.empty()) refuse("the weights' name is empty; give null for none");
    for (const auto& [key, other] : all)
      if (other == given && key != WeightsKey(weights))
        refuse("\"" + given + "\" is the name of other weights already");
    given_names_[weights] = given;
  });
}

void NetworkImpl::name_weights(const Weights& weights, const std::string& name) {
  for (const auto& [key, other] : given_names_)
    if (other == name && key != WeightsKey(weights)) return;
  given_names_[weights] = name;
}

// Layers come in any order, and a recurrence reads what is made from it: until nothing is added.
std::set<const LayerCore*> NetworkImpl::inside(const Region& region) const {
  std::set<const LayerCore*> found;
  for (const LayerCore* each : region.boundary)
    if (each->begins() == &region) found.insert(each);
  const auto reads_inside = [&](const LayerCore& layer) {
    const auto has = [&](const TensorImpl* input) {
      return input != nullptr && input->producer != nullptr && found.contains(input->producer);
    };
    if (std::ranges::any_of(layer.inputs, has)) return true;
    const Region* other = layer.ends() != nullptr ? layer.ends() : layer.begins();
    return other != nullptr && std::ranges::any_of(other->boundary, [&](const LayerCore* each) {
             return std::ranges::any_of(each->inputs, has);
           });
  };
  for (size_t before = found.size() + 1; before != found.size();) {
    before = found.size();
    for (const auto& layer : layers_)
      if (!found.contains(layer.get()) && layer->ends() != &region && reads_inside(*layer))
        found.insert(layer.get());
  }
  return found;
}

void NetworkImpl::move_to_end(const LayerCore& layer) {
  const auto found =
      std::ranges::find(layers_, &layer, [](const auto& each) { return each.get(); });
  if (found != layers_.end()) std::rotate(found, found + 1, layers_.end());
}

WeightsKey NetworkImpl::weights_named(const char* name) const {
  const std::string wanted = name_of(name, "the weights' name");
  const auto all = names();
  for (const auto& [key, each] : all)
    if (each == wanted) return key;
  for (const auto& [each, places] : roles(all))
    for (const LayerRole& place : places)
      if (place.layer + " " + to_string(place.role) == wanted)
        return std::ranges::find(all, each, &std::pair<const WeightsKey, std::string>::second)
            ->first;
  refuse("no refittable weights have the name \"" + wanted + "\"");
}

bool NetworkImpl::markWeightsRefittable(const char* name) noexcept {
  return guarded(reporter, "INetworkDefinition::markWeightsRefittable",
                 [&] { marked_.insert(weights_named(name)); });
}

bool NetworkImpl::unmarkWeightsRefittable(const char* name) noexcept {
  return guarded(reporter, "INetworkDefinition::unmarkWeightsRefittable",
                 [&] { marked_.erase(weights_named(name)); });
}

bool NetworkImpl::areWeightsMarkedRefittable(const char* name) const noexcept try {
  return marked_.contains(weights_named(name));
} catch (...) {  // unknown weights are not marked
  return false;
}

}  // namespace tenon::trt
