// The live network: what the program added, with parameters that may change until a build.
#pragma once

#include <array>
#include <deque>
#include <memory>
#include <optional>

#include "convert.h"
#include "lowering.h"
#include "report.h"

namespace tenon::trt {

/// Weights of a layer, and what they are there.
struct LayerWeights {
  nvinfer1::WeightsRole role;
  nvinfer1::Weights weights;
};

struct TensorImpl final : nvinfer1::ITensor {
  TensorImpl(NetworkImpl& network, LayerCore* producer, std::string name)
      : network(network), producer(producer), name(std::move(name)) {}

  void setName(const char* name) noexcept override;
  const char* getName() const noexcept override { return name.c_str(); }
  void setDimensions(const nvinfer1::Dims& dimensions) noexcept override;
  nvinfer1::Dims getDimensions() const noexcept override;
  void setType(nvinfer1::DataType type) noexcept override;
  nvinfer1::DataType getType() const noexcept override;
  bool isNetworkInput() const noexcept override { return producer == nullptr; }
  bool isNetworkOutput() const noexcept override;
  void setDimensionName(int32_t axis, const char* name) noexcept override;
  const char* getDimensionName(int32_t axis) const noexcept override;
  nvinfer1::TensorLocation getLocation() const noexcept override {
    return nvinfer1::TensorLocation::kDEVICE;
  }
  void setAllowedFormats(uint32_t formats) noexcept override;
  uint32_t getAllowedFormats() const noexcept override { return formats_; }
  bool isShapeTensor() const noexcept override { return false; }
  bool isExecutionTensor() const noexcept override { return true; }
  bool setDynamicRange(float least, float greatest) noexcept override;
  bool dynamicRangeIsSet() const noexcept override { return range_.has_value(); }
  void resetDynamicRange() noexcept override { range_.reset(); }
  float getDynamicRangeMin() const noexcept override { return range_ ? range_->first : 0; }
  float getDynamicRangeMax() const noexcept override { return range_ ? range_->second : 0; }
  void setBroadcastAcrossBatch(bool on) noexcept override;
  bool getBroadcastAcrossBatch() const noexcept override { return false; }
  void setLocation(nvinfer1::TensorLocation) noexcept override {}

  NetworkImpl& network;
  LayerCore* producer;  // null: an input of the network
  std::string name;
  nvinfer1::Dims dims{};                                        // of an input
  nvinfer1::DataType type{};                                    // of an input
  std::array<std::string, nvinfer1::Dims::MAX_DIMS> dim_names;  // of an input

 private:
  uint32_t formats_ = (1U << nvinfer1::EnumMax<nvinfer1::TensorFormat>()) - 1;
  std::optional<std::pair<float, float>> range_;
};

/// A loop or conditional: its layers are the network's.
struct Region {
  virtual ~Region() = default;
  std::vector<LayerCore*> boundary;
};

/// What all layers share. One that has several outputs overrides lower_all.
struct LayerCore {
  LayerCore(NetworkImpl& network, std::string name) : network(network), name(std::move(name)) {}
  virtual ~LayerCore() = default;
  virtual nvinfer1::ILayer* face() = 0;
  virtual Value lower(Lowering& to) const = 0;
  virtual std::vector<Value> lower_all(Lowering& to) const { return {lower(to)}; }
  virtual std::vector<LayerWeights> refittable() const { return {}; }
  virtual size_t most_inputs() const { return inputs.size(); }
  /// What comes before it. A loop's or branch's end reads nothing here: what is inside is lowered
  /// in a body of its own.
  virtual std::vector<TensorImpl*> reads() const { return inputs; }
  /// The loop or conditional that it begins the inside of, or ends.
  virtual const Region* begins() const { return nullptr; }
  virtual const Region* ends() const { return nullptr; }
  /// Whether it reads images: one of rank 3 lacks the axis of samples.
  virtual bool reads_images() const { return false; }
  /// The input in whose memory the output may lie.
  virtual const TensorImpl* aliased() const { return nullptr; }

  Value input(Lowering& to, size_t i = 0) const;
  size_t rank(Lowering& to, size_t i = 0) const;
  /// What `op` makes of the images; one sample that lacks its axis gets it for the while.
  template <class Op>
  Value of_images(Lowering& to, Op&& op) const;

  NetworkImpl& network;
  std::string name, metadata;
  std::vector<TensorImpl*> inputs;
  std::vector<std::unique_ptr<TensorImpl>> outputs;
  std::map<int32_t, nvinfer1::DataType> output_types;  // of outputs that are cast
  std::optional<nvinfer1::DataType> precision;
};

class NetworkImpl final : public nvinfer1::INetworkDefinition {
 public:
  NetworkImpl(nvinfer1::IBuilder& builder, const Reporter& reporter, uint32_t flags)
      : reporter(reporter), builder_(builder), flags_(flags) {}

  nvinfer1::ITensor* addInput(const char*, nvinfer1::DataType,
                              const nvinfer1::Dims&) noexcept override;
  void markOutput(nvinfer1::ITensor&) noexcept override;
  void unmarkOutput(nvinfer1::ITensor&) noexcept override;
  nvinfer1::IConvolutionLayer* addConvolutionNd(nvinfer1::ITensor&, int64_t, const nvinfer1::Dims&,
                                                nvinfer1::Weights,
                                                nvinfer1::Weights) noexcept override;
  nvinfer1::IActivationLayer* addActivation(nvinfer1::ITensor&,
                                            nvinfer1::ActivationType) noexcept override;
  nvinfer1::IPoolingLayer* addPoolingNd(nvinfer1::ITensor&, nvinfer1::PoolingType,
                                        const nvinfer1::Dims&) noexcept override;
  nvinfer1::IScaleLayer* addScale(nvinfer1::ITensor&, nvinfer1::ScaleMode, nvinfer1::Weights,
                                  nvinfer1::Weights, nvinfer1::Weights) noexcept override;
  nvinfer1::IScaleLayer* addScaleNd(nvinfer1::ITensor&, nvinfer1::ScaleMode, nvinfer1::Weights,
                                    nvinfer1::Weights, nvinfer1::Weights,
                                    int32_t) noexcept override;
  nvinfer1::ISoftMaxLayer* addSoftMax(nvinfer1::ITensor&) noexcept override;
  nvinfer1::IConcatenationLayer* addConcatenation(nvinfer1::ITensor* const*,
                                                  int32_t) noexcept override;
  nvinfer1::IElementWiseLayer* addElementWise(nvinfer1::ITensor&, nvinfer1::ITensor&,
                                              nvinfer1::ElementWiseOperation) noexcept override;
  nvinfer1::IUnaryLayer* addUnary(nvinfer1::ITensor&, nvinfer1::UnaryOperation) noexcept override;
  nvinfer1::IShuffleLayer* addShuffle(nvinfer1::ITensor&) noexcept override;
  nvinfer1::IReduceLayer* addReduce(nvinfer1::ITensor&, nvinfer1::ReduceOperation, uint32_t,
                                    bool) noexcept override;
  nvinfer1::IMatrixMultiplyLayer* addMatrixMultiply(nvinfer1::ITensor&, nvinfer1::MatrixOperation,
                                                    nvinfer1::ITensor&,
                                                    nvinfer1::MatrixOperation) noexcept override;
  nvinfer1::IConstantLayer* addConstant(const nvinfer1::Dims&, nvinfer1::Weights) noexcept override;
  nvinfer1::IIdentityLayer* addIdentity(nvinfer1::ITensor&) noexcept override;
  nvinfer1::ICastLayer* addCast(nvinfer1::ITensor&, nvinfer1::DataType) noexcept override;
  nvinfer1::IDeconvolutionLayer* addDeconvolutionNd(nvinfer1::ITensor&, int64_t,
                                                    const nvinfer1::Dims&, nvinfer1::Weights,
                                                    nvinfer1::Weights) noexcept override;
  nvinfer1::ILRNLayer* addLRN(nvinfer1::ITensor&, int64_t, float, float, float) noexcept override;
  nvinfer1::IPaddingLayer* addPaddingNd(nvinfer1::ITensor&, const nvinfer1::Dims&,
                                        const nvinfer1::Dims&) noexcept override;
  nvinfer1::ITopKLayer* addTopK(nvinfer1::ITensor&, nvinfer1::TopKOperation, int32_t,
                                uint32_t) noexcept override;
  nvinfer1::ITopKLayer* addTopK(nvinfer1::ITensor&, nvinfer1::TopKOperation, int32_t, uint32_t,
                                nvinfer1::DataType) noexcept override;
  nvinfer1::IGatherLayer* addGather(nvinfer1::ITensor&, nvinfer1::ITensor&,
                                    int32_t) noexcept override;
  nvinfer1::IGatherLayer* addGatherV2(nvinfer1::ITensor&, nvinfer1::ITensor&,
                                      nvinfer1::GatherMode) noexcept override;
  nvinfer1::IScatterLayer* addScatter(nvinfer1::ITensor&, nvinfer1::ITensor&, nvinfer1::ITensor&,
                                      nvinfer1::ScatterMode) noexcept override;
  nvinfer1::IRaggedSoftMaxLayer* addRaggedSoftMax(nvinfer1::ITensor&,
                                                  nvinfer1::ITensor&) noexcept override;
  nvinfer1::ISliceLayer* addSlice(nvinfer1::ITensor&, const nvinfer1::Dims&, const nvinfer1::Dims&,
                                  const nvinfer1::Dims&) noexcept override;
  nvinfer1::IShapeLayer* addShape(nvinfer1::ITensor&) noexcept override;
  nvinfer1::IParametricReLULayer* addParametricReLU(nvinfer1::ITensor&,
                                                    nvinfer1::ITensor&) noexcept override;
  nvinfer1::IResizeLayer* addResize(nvinfer1::ITensor&) noexcept override;
  nvinfer1::ISelectLayer* addSelect(nvinfer1::ITensor&, nvinfer1::ITensor&,
                                    nvinfer1::ITensor&) noexcept override;
  nvinfer1::IFillLayer* addFill(const nvinfer1::Dims&, nvinfer1::FillOperation) noexcept override;
  nvinfer1::IFillLayer* addFill(const nvinfer1::Dims&, nvinfer1::FillOperation,
                                nvinfer1::DataType) noexcept override;
  nvinfer1::IQuantizeLayer* addQuantize(nvinfer1::ITensor&, nvinfer1::ITensor&) noexcept override;
  nvinfer1::IQuantizeLayer* addQuantize(nvinfer1::ITensor&, nvinfer1::ITensor&,
                                        nvinfer1::DataType) noexcept override;
  nvinfer1::IDequantizeLayer* addDequantize(nvinfer1::ITensor&,
                                            nvinfer1::ITensor&) noexcept override;
  nvinfer1::IDequantizeLayer* addDequantize(nvinfer1::ITensor&, nvinfer1::ITensor&,
                                            nvinfer1::DataType) noexcept override;
  nvinfer1::IEinsumLayer* addEinsum(nvinfer1::ITensor* const*, int32_t,
                                    const char*) noexcept override;
  nvinfer1::IAssertionLayer* addAssertion(nvinfer1::ITensor&, const char*) noexcept override;
  nvinfer1::IOneHotLayer* addOneHot(nvinfer1::ITensor&, nvinfer1::ITensor&, nvinfer1::ITensor&,
                                    int32_t) noexcept override;
  nvinfer1::INonZeroLayer* addNonZero(nvinfer1::ITensor&) noexcept override;
  nvinfer1::INonZeroLayer* addNonZero(nvinfer1::ITensor&, nvinfer1::DataType) noexcept override;
  nvinfer1::IGridSampleLayer* addGridSample(nvinfer1::ITensor&,
                                            nvinfer1::ITensor&) noexcept override;
  nvinfer1::INMSLayer* addNMS(nvinfer1::ITensor&, nvinfer1::ITensor&,
                              nvinfer1::ITensor&) noexcept override;
  nvinfer1::INMSLayer* addNMS(nvinfer1::ITensor&, nvinfer1::ITensor&, nvinfer1::ITensor&,
                              nvinfer1::DataType) noexcept override;
  nvinfer1::IReverseSequenceLayer* addReverseSequence(nvinfer1::ITensor&,
                                                      nvinfer1::ITensor&) noexcept override;
  nvinfer1::INormalizationLayer* addNormalization(nvinfer1::ITensor&, nvinfer1::ITensor&,
                                                  nvinfer1::ITensor&, uint32_t) noexcept override;
  nvinfer1::INormalizationLayer* addNormalizationV2(nvinfer1::ITensor&, nvinfer1::ITensor&,
                                                    nvinfer1::ITensor&, uint32_t) noexcept override;
  nvinfer1::ISqueezeLayer* addSqueeze(nvinfer1::ITensor&, nvinfer1::ITensor&) noexcept override;
  nvinfer1::IUnsqueezeLayer* addUnsqueeze(nvinfer1::ITensor&, nvinfer1::ITensor&) noexcept override;
  nvinfer1::ICumulativeLayer* addCumulative(nvinfer1::ITensor&, nvinfer1::ITensor&,
                                            nvinfer1::CumulativeOperation, bool,
                                            bool) noexcept override;
  nvinfer1::IPluginV2Layer* addPluginV2(nvinfer1::ITensor* const*, int32_t,
                                        nvinfer1::IPluginV2&) noexcept override;
  nvinfer1::IPluginV3Layer* addPluginV3(nvinfer1::ITensor* const*, int32_t,
                                        nvinfer1::ITensor* const*, int32_t,
                                        nvinfer1::IPluginV3&) noexcept override;
  nvinfer1::IDistCollectiveLayer* addDistCollective(nvinfer1::ITensor&,
                                                    nvinfer1::CollectiveOperation,
                                                    nvinfer1::ReduceOperation, int64_t, int64_t*,
                                                    int64_t) noexcept override;
  nvinfer1::IMoELayer* addMoE(nvinfer1::ITensor&, nvinfer1::ITensor&,
                              nvinfer1::ITensor&) noexcept override;
  nvinfer1::IKVCacheUpdateLayer* addKVCacheUpdate(nvinfer1::ITensor&, nvinfer1::ITensor&,
                                                  nvinfer1::ITensor&,
                                                  nvinfer1::KVCacheMode) noexcept override;
  nvinfer1::IAttention* addAttention(nvinfer1::ITensor&, nvinfer1::ITensor&, nvinfer1::ITensor&,
                                     nvinfer1::AttentionNormalizationOp, bool) noexcept override;
  nvinfer1::IRotaryEmbeddingLayer* addRotaryEmbedding(nvinfer1::ITensor&, nvinfer1::ITensor&,
                                                      nvinfer1::ITensor&, bool,
                                                      int32_t) noexcept override;
  nvinfer1::IDynamicQuantizeLayer* addDynamicQuantize(nvinfer1::ITensor&, int32_t, int32_t,
                                                      nvinfer1::DataType,
                                                      nvinfer1::DataType) noexcept override;
  nvinfer1::IDynamicQuantizeLayer* addDynamicQuantizeV2(nvinfer1::ITensor&, const nvinfer1::Dims&,
                                                        nvinfer1::DataType,
                                                        nvinfer1::DataType) noexcept override;
  nvinfer1::IAttention* addAttentionV2(nvinfer1::ITensor&, nvinfer1::ITensor&, nvinfer1::ITensor&,
                                       nvinfer1::AttentionNormalizationOp,
                                       nvinfer1::CausalMaskKind) noexcept override;
  nvinfer1::ILoop* addLoop() noexcept override;
  nvinfer1::IIfConditional* addIfConditional() noexcept override;

  int32_t getNbLayers() const noexcept override { return static_cast<int32_t>(layers_.size()); }
  nvinfer1::ILayer* getLayer(int32_t i) const noexcept override;
  int32_t getNbInputs() const noexcept override { return static_cast<int32_t>(inputs_.size()); }
  nvinfer1::ITensor* getInput(int32_t i) const noexcept override;
  int32_t getNbOutputs() const noexcept override { return static_cast<int32_t>(outputs_.size()); }
  nvinfer1::ITensor* getOutput(int32_t i) const noexcept override;
  void setName(const char* name) noexcept override;
  const char* getName() const noexcept override { return name_.c_str(); }
  uint32_t getFlags() const noexcept override { return flags_; }
  bool getFlag(nvinfer1::NetworkDefinitionCreationFlag flag) const noexcept override {
    return (flags_ >> static_cast<uint32_t>(flag) & 1U) != 0;
  }
  bool hasImplicitBatchDimension() const noexcept override;
  bool setWeightsName(nvinfer1::Weights weights, const char* name) noexcept override;
  void setErrorRecorder(nvinfer1::IErrorRecorder* recorder) noexcept override {
    reporter.set_recorder(recorder);
  }
  nvinfer1::IErrorRecorder* getErrorRecorder() const noexcept override {
    return reporter.recorder();
  }
  nvinfer1::IBuilder& getBuilder() const noexcept override { return builder_; }
  bool markWeightsRefittable(const char* name) noexcept override;
  bool unmarkWeightsRefittable(const char* name) noexcept override;
  bool areWeightsMarkedRefittable(const char* name) const noexcept override;
  bool markOutputForShapes(nvinfer1::ITensor& tensor) noexcept override;
  bool unmarkOutputForShapes(nvinfer1::ITensor& tensor) noexcept override;
  void removeTensor(nvinfer1::ITensor& tensor) noexcept override;
  bool markDebug(nvinfer1::ITensor& tensor) noexcept override;
  bool unmarkDebug(nvinfer1::ITensor& tensor) noexcept override;
  bool isDebugTensor(const nvinfer1::ITensor& tensor) const noexcept override;
  bool markUnfusedTensorsAsDebugTensors() noexcept override {
    return refuse_debug("markUnfusedTensorsAsDebugTensors");
  }
  bool unmarkUnfusedTensorsAsDebugTensors() noexcept override {
    return refuse_debug("unmarkUnfusedTensorsAsDebugTensors");
  }

  /// Something that was there changed: types are inferred anew. What is only added needs none.
  void changed() noexcept { probe_.reset(); }
  /// Networks of the age of flags 0 may leave the batch out of all shapes.
  bool may_be_implicit() const;
  void make_explicit() { explicit_ = true; }
  /// The same of a layer, which nothing may have been inferred from yet.
  void changed(const LayerCore& layer) noexcept {
    if (probe_ && !layer.outputs.empty() && probe_->knows(*layer.outputs[0])) probe_.reset();
  }
  ValueInfo info(const TensorImpl& tensor) const;
  TensorImpl& own(nvinfer1::ITensor& tensor) const;  // refuses another network's
  bool is_output(const TensorImpl& tensor) const;

  /// Names of all weights that could be refitted, in the order of the layers.
  std::map<WeightsKey, std::string> names() const;
  Roles roles(const std::map<WeightsKey, std::string>& names) const;
  bool is_marked(const WeightsKey& weights) const { return marked_.contains(weights); }
  /// Every layer and output. Refuses a network without outputs.
  tenon::Network lower(const std::map<WeightsKey, std::string>& names) const;
  /// Outputs that may lie in the memory of inputs, by their names.
  std::map<std::string, std::string> aliases() const;

  /// A layer of `L`, with `outputs` outputs, behind `inputs` (refused if one is null).
  template <class L, class... Args>
  L& emplace(const std::string& kind, const std::vector<nvinfer1::ITensor*>& inputs, size_t outputs,
             const Args&... args);
  /// Weights that a parser read: they live as long as the network.
  const tenon::Tensor& keep(tenon::Tensor tensor) { return kept_.emplace_back(std::move(tensor)); }
  /// Names weights that a layer has, unless other weights are called so.
  void name_weights(const nvinfer1::Weights& weights, const std::string& name);
  /// The layers that depend on what begins the region, and are not behind its end.
  std::set<const LayerCore*> inside(const Region& region) const;
  /// Calls `add`, and forgets what it added when it throws.
  template <class F>
  void all_or_nothing(F&& add);
  /// The layer that comes last in getLayer.
  void move_to_end(const LayerCore& layer);
  TensorImpl& add_input(const std::string& name, nvinfer1::DataType type, const nvinfer1::Dims&);
  void add_output(TensorImpl& tensor) { outputs_.push_back(&tensor); }

  Reporter reporter;

 private:
  template <class L, class... Args>
  L* add(const char* function, const char* kind, const std::vector<nvinfer1::ITensor*>& inputs,
         const Args&... args) noexcept;
  /// Reports what Tenon lacks.
  template <class T>
  T* lacking(const char* function, const char* what) noexcept;
  WeightsKey weights_named(const char* name) const;
  bool refuse_debug(const char* function) noexcept;

  nvinfer1::IBuilder& builder_;
  uint32_t flags_;
  bool explicit_ = false;
  std::string name_ = "Unnamed Network 0";
  std::vector<std::unique_ptr<TensorImpl>> inputs_;
  std::vector<std::unique_ptr<LayerCore>> layers_;
  std::vector<TensorImpl*> outputs_, debug_;
  std::map<WeightsKey, std::string> given_names_;
  std::set<WeightsKey> marked_;
  std::deque<tenon::Tensor> kept_;
  std::vector<std::unique_ptr<Region>> regions_;
  mutable std::unique_ptr<Lowering> probe_;
};

template <class Op>
Value LayerCore::of_images(Lowering& to, Op&& op) const {
  const Value x = input(to);
  if (!reads_images() || rank(to) != 3 || !network.may_be_implicit()) return op(x);
  const Value first = to.ints({0});
  return to.add(*this, "Squeeze", {op(to.add(*this, "Unsqueeze", {x, first})), first});
}

template <class F>
void NetworkImpl::all_or_nothing(F&& add) {
  const size_t inputs = inputs_.size(), layers = layers_.size(), outputs = outputs_.size();
  const auto names = given_names_;
  try {
    add();
  } catch (...) {
    changed();
    outputs_.resize(outputs);
    layers_.resize(layers);
    inputs_.resize(inputs);
    given_names_ = names;
    throw;
  }
}

template <class L, class... Args>
L* NetworkImpl::add(const char* function, const char* kind,
                    const std::vector<nvinfer1::ITensor*>& inputs, const Args&... args) noexcept {
  return guarded(reporter, function, static_cast<L*>(nullptr),
                 [&] { return &emplace<L>(kind, inputs, L::kOutputs, args...); });
}

template <class L, class... Args>
L& NetworkImpl::emplace(const std::string& kind, const std::vector<nvinfer1::ITensor*>& inputs,
                        size_t outputs, const Args&... args) {
  const std::string name = "(Unnamed Layer* " + std::to_string(layers_.size()) + ") [" + kind + "]";
  auto made = std::make_unique<L>(*this, name);
  for (nvinfer1::ITensor* each : inputs) {
    if (each == nullptr) refuse("an input is null; give a tensor of this network");
    made->inputs.push_back(&own(*each));
  }
  made->init(args...);
  for (size_t i = 0; i < outputs; ++i)
    made->outputs.push_back(
        std::make_unique<TensorImpl>(*this, made.get(), name + "_output_" + std::to_string(i)));
  L& raw = *made;
  layers_.push_back(std::move(made));
  return raw;
}

template <class T>
T* NetworkImpl::lacking(const char* function, const char* what) noexcept {
  return guarded(reporter, function, static_cast<T*>(nullptr), [&]() -> T* {
    refuse(nvinfer1::ErrorCode::kUNSUPPORTED_STATE, std::string("Tenon has no ") + what);
  });
}

}  // namespace tenon::trt
