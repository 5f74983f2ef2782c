// Layers of language models: attention, rotary embedding, caches of keys and values.
#pragma once

#include "layer.h"

namespace tenon::trt {

class Attention;

/// Where an attention begins, for programs that walk the layers.
class AttentionInput final
    : public Layer<nvinfer1::IAttentionInputLayer, nvinfer1::LayerType::kATTENTION_INPUT> {
 public:
  using Layer::Layer;
  static constexpr size_t kOutputs = 0;
  void init(Attention* attention) { attention_ = attention; }
  Value lower(Lowering&) const override { return {}; }
  std::vector<Value> lower_all(Lowering&) const override { return {}; }
  nvinfer1::IAttention* getAttention() const noexcept override;

 private:
  Attention* attention_ = nullptr;
};

/// Where it ends: it reads query, key, value and mask.
class AttentionOutput final
    : public Layer<nvinfer1::IAttentionOutputLayer, nvinfer1::LayerType::kATTENTION_OUTPUT> {
 public:
  using Layer::Layer;
  void init(Attention* attention) { attention_ = attention; }
  Value lower(Lowering& to) const override;
  size_t most_inputs() const override { return 4; }
  nvinfer1::IAttention* getAttention() const noexcept override;

 private:
  bool has_mask() const { return inputs.size() > 3 && inputs[3] != nullptr; }
  Value without_softmax(Lowering& to) const;
  Attention* attention_ = nullptr;
};

class Attention final : public Region, public nvinfer1::IAttention {
 public:
  using Norm = nvinfer1::AttentionNormalizationOp;
  using Causal = nvinfer1::CausalMaskKind;
  using Form = nvinfer1::AttentionIOForm;
  /// Checks the modes before the network has any layer of it.
  Attention(NetworkImpl& network, Norm norm, Causal causal);
  void own(AttentionInput& input, AttentionOutput& output) { input_ = &input, output_ = &output; }

  bool setNormalizationOperation(Norm op) noexcept override;
  Norm getNormalizationOperation() const noexcept override { return norm_; }
  bool setMask(nvinfer1::ITensor& mask) noexcept override;
  nvinfer1::ITensor* getMask() noexcept override { return output_->getInput(3); }
  bool setCausal(bool causal) noexcept override {
    return setCausalKind(causal ? Causal::kUPPER_LEFT : Causal::kNONE);
  }
  bool getCausal() const noexcept override { return causal_ != Causal::kNONE; }
  bool setCausalKind(Causal kind) noexcept override;
  Causal getCausalKind() const noexcept override { return causal_; }
  bool setDecomposable(bool on) noexcept override {
    decomposable_ = on;
    return true;
  }
  bool getDecomposable() const noexcept override { return decomposable_; }
  bool setInput(int32_t i, nvinfer1::ITensor& tensor) noexcept override;
  int32_t getNbInputs() const noexcept override { return output_->getNbInputs(); }
  nvinfer1::ITensor* getInput(int32_t i) const noexcept override { return output_->getInput(i); }
  int32_t getNbOutputs() const noexcept override { return 1; }
  nvinfer1::ITensor* getOutput(int32_t i) const noexcept override { return output_->getOutput(i); }
  bool setName(const char* name) noexcept override;
  const char* getName() const noexcept override { return name_.c_str(); }
  bool setNormalizationQuantizeScale(nvinfer1::ITensor&) noexcept override {
    return lacking("setNormalizationQuantizeScale", "quantised scores");
  }
  nvinfer1::ITensor* getNormalizationQuantizeScale() const noexcept override { return nullptr; }
  bool setNormalizationQuantizeToType(DataType) noexcept override {
    return lacking("setNormalizationQuantizeToType", "quantised scores");
  }
  DataType getNormalizationQuantizeToType() const noexcept override { return DataType::kFLOAT; }
  bool setMetadata(const char* metadata) noexcept override;
  const char* getMetadata() const noexcept override { return output_->getMetadata(); }
  bool setNbRanks(int32_t ranks) noexcept override { return output_->setNbRanks(ranks); }
  int32_t getNbRanks() const noexcept override { return 1; }
  bool setQueryForm(Form form) noexcept override { return padded("setQueryForm", form); }
  Form getQueryForm() const noexcept override { return Form::kPADDED_BHND; }
  bool setKeyValueForm(Form form) noexcept override { return padded("setKeyValueForm", form); }
  Form getKeyValueForm() const noexcept override { return Form::kPADDED_BHND; }
  bool setQueryLengths(nvinfer1::ITensor&) noexcept override {
    return lacking("setQueryLengths", "packed sequences; give a mask");
  }
  nvinfer1::ITensor* getQueryLengths() const noexcept override { return nullptr; }
  bool setKeyValueLengths(nvinfer1::ITensor&) noexcept override {
    return lacking("setKeyValueLengths", "packed sequences; give a mask");
  }
  nvinfer1::ITensor* getKeyValueLengths() const noexcept override { return nullptr; }

 private:
  bool padded(const char* function, Form form) noexcept;
  bool lacking(const char* function, const char* what) noexcept;

  NetworkImpl& network_;
  std::string name_;
  Norm norm_;
  Causal causal_;
  bool decomposable_ = false;
  AttentionInput* input_ = nullptr;
  AttentionOutput* output_ = nullptr;
};

class RotaryEmbedding final
    : public Layer<nvinfer1::IRotaryEmbeddingLayer, nvinfer1::LayerType::kROTARY_EMBEDDING> {
 public:
  using Layer::Layer;
  void init(bool interleaved, int32_t dim);
  Value lower(Lowering& to) const override;
  size_t most_inputs() const override { return 4; }
  TENON_PARAMETER(bool, bool, Interleaved, interleaved_)
  bool setRotaryEmbeddingDim(int32_t dim) noexcept override {
    return edit("IRotaryEmbeddingLayer::setRotaryEmbeddingDim", [&] { init(interleaved_, dim); });
  }
  int32_t getRotaryEmbeddingDim() const noexcept override { return dim_; }

 private:
  bool interleaved_ = false;
  int32_t dim_ = 0;
};

class KvCacheUpdate final
    : public Layer<nvinfer1::IKVCacheUpdateLayer, nvinfer1::LayerType::kKVCACHE_UPDATE> {
 public:
  using Layer::Layer;
  void init(nvinfer1::KVCacheMode mode) { mode_ = check(mode, layer_text(*this)); }
  Value lower(Lowering& to) const override;
  const TensorImpl* aliased() const override { return inputs[0]; }
  TENON_TOLD_PARAMETER(nvinfer1::KVCacheMode, nvinfer1::KVCacheMode, CacheMode, mode_)
  bool setUpdateForm(nvinfer1::AttentionIOForm form) noexcept override;
  nvinfer1::AttentionIOForm getUpdateForm() const noexcept override {
    return nvinfer1::AttentionIOForm::kPADDED_BHND;
  }
  bool setUpdateLengths(nvinfer1::ITensor&) noexcept override;
  nvinfer1::ITensor* getUpdateLengths() const noexcept override { return nullptr; }

 private:
  nvinfer1::KVCacheMode mode_{};
};

}  // namespace tenon::trt
