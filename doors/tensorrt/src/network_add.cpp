// The `add…` calls of layers that are not in the smallest networks, and of what Tenon lacks.
#include "layers_attention.h"
#include "layers_index.h"
#include "layers_space.h"
#include "layers_value.h"
#include "network.h"
#include "regions.h"

namespace tenon::trt {

using nvinfer1::ITensor;

nvinfer1::IDeconvolutionLayer* NetworkImpl::addDeconvolutionNd(ITensor& input, int64_t maps,
                                                               const Dims& kernel, Weights weights,
                                                               Weights bias) noexcept {
  return add<Deconvolution>("INetworkDefinition::addDeconvolutionNd", "Deconvolution", {&input},
                            maps, kernel, weights, bias);
}

nvinfer1::ILRNLayer* NetworkImpl::addLRN(ITensor& input, int64_t window, float alpha, float beta,
                                         float k) noexcept {
  return add<Lrn>("INetworkDefinition::addLRN", "LRN", {&input}, window, alpha, beta, k);
}

nvinfer1::IPaddingLayer* NetworkImpl::addPaddingNd(ITensor& input, const Dims& pre,
                                                   const Dims& post) noexcept {
  return add<Padding>("INetworkDefinition::addPaddingNd", "Padding", {&input}, pre, post);
}

nvinfer1::ITopKLayer* NetworkImpl::addTopK(ITensor& input, nvinfer1::TopKOperation op, int32_t k,
                                           uint32_t axes) noexcept {
  return addTopK(input, op, k, axes, DataType::kINT32);
}

nvinfer1::ITopKLayer* NetworkImpl::addTopK(ITensor& input, nvinfer1::TopKOperation op, int32_t k,
                                           uint32_t axes, DataType indices) noexcept {
  return add<TopK>("INetworkDefinition::addTopK", "TopK", {&input}, op, k, axes, indices);
}

nvinfer1::IGatherLayer* NetworkImpl::addGather(ITensor& data, ITensor& indices,
                                               int32_t axis) noexcept {
  return add<Gather>("INetworkDefinition::addGather", "Gather", {&data, &indices},
                     nvinfer1::GatherMode::kDEFAULT, axis);
}

nvinfer1::IGatherLayer* NetworkImpl::addGatherV2(ITensor& data, ITensor& indices,
                                                 nvinfer1::GatherMode mode) noexcept {
  return add<Gather>("INetworkDefinition::addGatherV2", "Gather", {&data, &indices}, mode, 0);
}

nvinfer1::IScatterLayer* NetworkImpl::addScatter(ITensor& data, ITensor& indices, ITensor& updates,
                                                 nvinfer1::ScatterMode mode) noexcept {
  return add<Scatter>("INetworkDefinition::addScatter", "Scatter", {&data, &indices, &updates},
                      mode);
}

nvinfer1::ISliceLayer* NetworkImpl::addSlice(ITensor& input, const Dims& start, const Dims& size,
                                             const Dims& stride) noexcept {
  return add<Slice>("INetworkDefinition::addSlice", "Slice", {&input}, start, size, stride);
}

nvinfer1::IShapeLayer* NetworkImpl::addShape(ITensor& input) noexcept {
  return add<ShapeOf>("INetworkDefinition::addShape", "Shape", {&input});
}

nvinfer1::IParametricReLULayer* NetworkImpl::addParametricReLU(ITensor& input,
                                                               ITensor& slope) noexcept {
  return add<PRelu>("INetworkDefinition::addParametricReLU", "Parametric ReLU", {&input, &slope});
}

nvinfer1::IResizeLayer* NetworkImpl::addResize(ITensor& input) noexcept {
  return add<Resize>("INetworkDefinition::addResize", "Resize", {&input});
}

nvinfer1::ISelectLayer* NetworkImpl::addSelect(ITensor& condition, ITensor& yes,
                                               ITensor& no) noexcept {
  return add<Select>("INetworkDefinition::addSelect", "Select", {&condition, &yes, &no});
}

nvinfer1::IFillLayer* NetworkImpl::addFill(const Dims& dims, nvinfer1::FillOperation op) noexcept {
  return addFill(dims, op, DataType::kFLOAT);
}

nvinfer1::IFillLayer* NetworkImpl::addFill(const Dims& dims, nvinfer1::FillOperation op,
                                           DataType type) noexcept {
  return add<Fill>("INetworkDefinition::addFill", "Fill", {}, dims, op, type);
}

nvinfer1::IQuantizeLayer* NetworkImpl::addQuantize(ITensor& input, ITensor& scale) noexcept {
  return addQuantize(input, scale, DataType::kINT8);
}

nvinfer1::IQuantizeLayer* NetworkImpl::addQuantize(ITensor& input, ITensor& scale,
                                                   DataType type) noexcept {
  return add<Quantize>("INetworkDefinition::addQuantize", "Quantize", {&input, &scale}, type);
}

nvinfer1::IDequantizeLayer* NetworkImpl::addDequantize(ITensor& input, ITensor& scale) noexcept {
  return addDequantize(input, scale, DataType::kFLOAT);
}

nvinfer1::IDequantizeLayer* NetworkImpl::addDequantize(ITensor& input, ITensor& scale,
                                                       DataType type) noexcept {
  return add<Dequantize>("INetworkDefinition::addDequantize", "Dequantize", {&input, &scale}, type);
}

nvinfer1::IEinsumLayer* NetworkImpl::addEinsum(ITensor* const* inputs, int32_t count,
                                               const char* equation) noexcept {
  std::vector<ITensor*> all;
  if (inputs != nullptr && count > 0) all.assign(inputs, inputs + count);
  if (all.empty()) all.push_back(nullptr);  // refused as one
  return add<Einsum>("INetworkDefinition::addEinsum", "Einsum", all, equation);
}

nvinfer1::IOneHotLayer* NetworkImpl::addOneHot(ITensor& indices, ITensor& values, ITensor& depth,
                                               int32_t axis) noexcept {
  return add<OneHot>("INetworkDefinition::addOneHot", "OneHot", {&indices, &values, &depth}, axis);
}

nvinfer1::INonZeroLayer* NetworkImpl::addNonZero(ITensor& input) noexcept {
  return addNonZero(input, DataType::kINT32);
}

nvinfer1::INonZeroLayer* NetworkImpl::addNonZero(ITensor& input, DataType indices) noexcept {
  return add<NonZero>("INetworkDefinition::addNonZero", "NonZero", {&input}, indices);
}

nvinfer1::IGridSampleLayer* NetworkImpl::addGridSample(ITensor& input, ITensor& grid) noexcept {
  return add<GridSample>("INetworkDefinition::addGridSample", "GridSample", {&input, &grid});
}

nvinfer1::INMSLayer* NetworkImpl::addNMS(ITensor& boxes, ITensor& scores, ITensor& most) noexcept {
  return addNMS(boxes, scores, most, DataType::kINT32);
}

nvinfer1::INMSLayer* NetworkImpl::addNMS(ITensor& boxes, ITensor& scores, ITensor& most,
                                         DataType indices) noexcept {
  return add<Nms>("INetworkDefinition::addNMS", "NMS", {&boxes, &scores, &most}, indices);
}

nvinfer1::IReverseSequenceLayer* NetworkImpl::addReverseSequence(ITensor& input,
                                                                 ITensor& lengths) noexcept {
  return add<ReverseSequence>("INetworkDefinition::addReverseSequence", "ReverseSequence",
                              {&input, &lengths});
}

nvinfer1::INormalizationLayer* NetworkImpl::addNormalization(ITensor& input, ITensor& scale,
                                                             ITensor& bias,
                                                             uint32_t axes) noexcept {
  return add<Normalization>("INetworkDefinition::addNormalization", "Normalization",
                            {&input, &scale, &bias}, axes, false);
}

nvinfer1::INormalizationLayer* NetworkImpl::addNormalizationV2(ITensor& input, ITensor& scale,
                                                               ITensor& bias,
                                                               uint32_t axes) noexcept {
  return add<Normalization>("INetworkDefinition::addNormalizationV2", "Normalization",
                            {&input, &scale, &bias}, axes, true);
}

nvinfer1::ISqueezeLayer* NetworkImpl::addSqueeze(ITensor& input, ITensor& axes) noexcept {
  return add<Squeeze>("INetworkDefinition::addSqueeze", "Squeeze", {&input, &axes});
}

nvinfer1::IUnsqueezeLayer* NetworkImpl::addUnsqueeze(ITensor& input, ITensor& axes) noexcept {
  return add<Unsqueeze>("INetworkDefinition::addUnsqueeze", "Unsqueeze", {&input, &axes});
}

nvinfer1::ICumulativeLayer* NetworkImpl::addCumulative(ITensor& input, ITensor& axis,
                                                       nvinfer1::CumulativeOperation op,
                                                       bool exclusive, bool reverse) noexcept {
  return add<Cumulative>("INetworkDefinition::addCumulative", "Cumulative", {&input, &axis}, op,
                         exclusive, reverse);
}

nvinfer1::IRaggedSoftMaxLayer* NetworkImpl::addRaggedSoftMax(ITensor& input,
                                                             ITensor& bounds) noexcept {
  return add<RaggedSoftMax>("INetworkDefinition::addRaggedSoftMax", "Ragged SoftMax",
                            {&input, &bounds});
}

nvinfer1::IAssertionLayer* NetworkImpl::addAssertion(ITensor& condition,
                                                     const char* message) noexcept {
  return add<Assertion>("INetworkDefinition::addAssertion", "Assertion", {&condition}, message);
}

nvinfer1::IKVCacheUpdateLayer* NetworkImpl::addKVCacheUpdate(ITensor& cache, ITensor& update,
                                                             ITensor& places,
                                                             nvinfer1::KVCacheMode mode) noexcept {
  return add<KvCacheUpdate>("INetworkDefinition::addKVCacheUpdate", "KV Cache Update",
                            {&cache, &update, &places}, mode);
}

nvinfer1::IAttention* NetworkImpl::addAttention(ITensor& query, ITensor& key, ITensor& value,
                                                nvinfer1::AttentionNormalizationOp norm,
                                                bool causal) noexcept {
  return addAttentionV2(
      query, key, value, norm,
      causal ? nvinfer1::CausalMaskKind::kUPPER_LEFT : nvinfer1::CausalMaskKind::kNONE);
}

nvinfer1::IAttention* NetworkImpl::addAttentionV2(ITensor& query, ITensor& key, ITensor& value,
                                                  nvinfer1::AttentionNormalizationOp norm,
                                                  nvinfer1::CausalMaskKind causal) noexcept {
  const auto none = static_cast<nvinfer1::IAttention*>(nullptr);
  return guarded(reporter, "INetworkDefinition::addAttention", none, [&] {
    auto made = std::make_unique<Attention>(*this, norm, causal);
    Attention* raw = made.get();
    const std::vector<ITensor*> inputs{&query, &key, &value};
    auto& first = emplace<AttentionInput>("Attention Input", inputs, 0, raw);
    raw->own(first, emplace<AttentionOutput>("Attention Output", inputs, 1, raw));
    regions_.push_back(std::move(made));
    return raw;
  });
}

nvinfer1::IRotaryEmbeddingLayer* NetworkImpl::addRotaryEmbedding(ITensor& input, ITensor& cos,
                                                                 ITensor& sin, bool interleaved,
                                                                 int32_t dim) noexcept {
  return add<RotaryEmbedding>("INetworkDefinition::addRotaryEmbedding", "Rotary Embedding",
                              {&input, &cos, &sin}, interleaved, dim);
}

// --- what Tenon lacks

nvinfer1::IPluginV2Layer* NetworkImpl::addPluginV2(ITensor* const*, int32_t,
                                                   nvinfer1::IPluginV2&) noexcept {
  return lacking<nvinfer1::IPluginV2Layer>("INetworkDefinition::addPluginV2",
                                           "plugins; say it in layers");
}

nvinfer1::IPluginV3Layer* NetworkImpl::addPluginV3(ITensor* const*, int32_t, ITensor* const*,
                                                   int32_t, nvinfer1::IPluginV3&) noexcept {
  return lacking<nvinfer1::IPluginV3Layer>("INetworkDefinition::addPluginV3",
                                           "plugins; say it in layers");
}

nvinfer1::IDistCollectiveLayer* NetworkImpl::addDistCollective(ITensor&,
                                                               nvinfer1::CollectiveOperation,
                                                               nvinfer1::ReduceOperation, int64_t,
                                                               int64_t*, int64_t) noexcept {
  return lacking<nvinfer1::IDistCollectiveLayer>("INetworkDefinition::addDistCollective",
                                                 "collectives; an engine has one device");
}

nvinfer1::IMoELayer* NetworkImpl::addMoE(ITensor&, ITensor&, ITensor&) noexcept {
  return lacking<nvinfer1::IMoELayer>("INetworkDefinition::addMoE",
                                      "mixtures of experts; say it in layers");
}

nvinfer1::IDynamicQuantizeLayer* NetworkImpl::addDynamicQuantize(ITensor&, int32_t, int32_t,
                                                                 DataType, DataType) noexcept {
  return lacking<nvinfer1::IDynamicQuantizeLayer>("INetworkDefinition::addDynamicQuantize",
                                                  "kFP4 and kFP8; use a quantize layer to kINT8");
}

nvinfer1::IDynamicQuantizeLayer* NetworkImpl::addDynamicQuantizeV2(ITensor& input, const Dims&,
                                                                   DataType type,
                                                                   DataType scale) noexcept {
  return addDynamicQuantize(input, 0, 0, type, scale);
}

nvinfer1::ILoop* NetworkImpl::addLoop() noexcept {
  return guarded(reporter, "INetworkDefinition::addLoop", static_cast<nvinfer1::ILoop*>(nullptr),
                 [&] {
                   auto made = std::make_unique<Loop>(*this);
                   Loop* raw = made.get();
                   regions_.push_back(std::move(made));
                   return raw;
                 });
}

nvinfer1::IIfConditional* NetworkImpl::addIfConditional() noexcept {
  const auto none = static_cast<nvinfer1::IIfConditional*>(nullptr);
  return guarded(reporter, "INetworkDefinition::addIfConditional", none, [&] {
    auto made = std::make_unique<Conditional>(*this);
    Conditional* raw = made.get();
    regions_.push_back(std::move(made));
    return raw;
  });
}

}  // namespace tenon::trt
