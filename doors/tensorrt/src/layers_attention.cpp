#include "layers_attention.h"

namespace tenon::trt {

using nvinfer1::AttentionIOForm;
using nvinfer1::ErrorCode;
using nvinfer1::ITensor;

namespace {

[[noreturn]] void no_packed_form() {
  refuse(ErrorCode::kUNSUPPORTED_STATE, "Tenon has no packed sequences; use kPADDED_BHND");
}

}  // namespace

nvinfer1::IAttention* AttentionInput::getAttention() const noexcept { return attention_; }
nvinfer1::IAttention* AttentionOutput::getAttention() const noexcept { return attention_; }

// The lower right corner is ONNX's, where lengths of the keys are given: all of them.
Value AttentionOutput::lower(Lowering& to) const {
  using Causal = Attention::Causal;
  for (size_t i = 0; i < 3; ++i)
    if (rank(to, i) != 4)
      refuse(layer_text(*this) + ": input " + std::to_string(i) + " has rank " +
             std::to_string(rank(to, i)) + "; attention is over [b, h, s, d]");
  if (attention_->getNormalizationOperation() == Attention::Norm::kNONE) return without_softmax(to);
  Attributes attributes{{"scale", 1.0}};
  if (attention_->getCausal()) attributes.emplace("is_causal", 1);
  std::vector<Value> operands{input(to, 0), input(to, 1), input(to, 2)};
  if (has_mask()) operands.push_back(input(to, 3));
  if (attention_->getCausalKind() == Causal::kLOWER_RIGHT) {
    operands.resize(6);
    const auto extent = [&](size_t of, int64_t axis) {
      return to.add(*this, "Gather", {to.add(*this, "Shape", {input(to, of)}), to.ints({axis})});
    };
    operands.push_back(to.add(*this, "Expand", {extent(1, 2), extent(0, 0)}));
  }
  return to.add(*this, "Attention", operands, attributes);
}

Value AttentionOutput::without_softmax(Lowering& to) const {
  if (attention_->getCausal())
    refuse(ErrorCode::kUNSUPPORTED_STATE,
           layer_text(*this) + ": kNONE with a causal mask; give the mask as a tensor");
  const Value keys =
      to.add(*this, "Transpose", {input(to, 1)}, {{"perm", Attribute::Ints{0, 1, 3, 2}}});
  Value scores = to.add(*this, "MatMul", {input(to, 0), keys});
  if (has_mask()) {
    const Value mask = input(to, 3);
    scores = to.info(mask).dtype == DType::bool_
                 ? to.add(*this, "Where", {mask, scores, to.scalar(*this, 0, scores)})
                 : to.add(*this, "Add", {scores, mask});
  }
  return to.add(*this, "MatMul", {scores, input(to, 2)});
}

Attention::Attention(NetworkImpl& network, Norm norm, Causal causal)
    : network_(network),
      norm_(check(norm, "the normalization")),
      causal_(check(causal, "the causal mask")) {}

bool Attention::setNormalizationOperation(Norm op) noexcept {
  const bool done = guarded(network_.reporter, "IAttention::setNormalizationOperation",
                            [&] { norm_ = check(op, "the normalization"); });
  network_.changed();
  return done;
}

bool Attention::setCausalKind(Causal kind) noexcept {
  const bool done = guarded(network_.reporter, "IAttention::setCausalKind",
                            [&] { causal_ = check(kind, "the causal mask"); });
  network_.changed();
  return done;
}

bool Attention::setMask(ITensor& mask) noexcept {
  return guarded(network_.reporter, "IAttention::setMask", [&] {
    network_.own(mask);
    output_->setInput(3, mask);
  });
}

bool Attention::setInput(int32_t i, ITensor& tensor) noexcept {
  return guarded(network_.reporter, "IAttention::setInput", [&] {
    if (i < 0 || i > 2) refuse("an attention has no input " + std::to_string(i) + "; it has 3");
    network_.own(tensor);
    input_->setInput(i, tensor);
    output_->setInput(i, tensor);
  });
}

bool Attention::setName(const char* name) noexcept {
  return guarded(network_.reporter, "IAttention::setName", [&] {
    name_ = name_of(name);
    output_->setName(name);
  });
}

bool Attention::setMetadata(const char* metadata) noexcept {
  return guarded(network_.reporter, "IAttention::setMetadata", [&] {
    name_of(metadata, "the metadata");
    output_->setMetadata(metadata);
  });
}

bool Attention::padded(const char* function, Form form) noexcept {
  return guarded(network_.reporter, function, [&] {
    if (check(form, "the form") != Form::kPADDED_BHND) no_packed_form();
  });
}

bool Attention::lacking(const char* function, const char* what) noexcept {
  return guarded(network_.reporter, function, [&] {
    refuse(ErrorCode::kUNSUPPORTED_STATE, std::string("Tenon has no ") + what);
  });
}

void RotaryEmbedding::init(bool interleaved, int32_t dim) {
  if (dim < 0 || dim % 2 != 0)
    refuse(layer_text(*this) + ": " + std::to_string(dim) + " elements turn in pairs; 0 is all");
  interleaved_ = interleaved, dim_ = dim;
}

Value RotaryEmbedding::lower(Lowering& to) const {
  if (rank(to) != 4)
    refuse(layer_text(*this) + ": its input has rank " + std::to_string(rank(to)) +
           "; a rotary embedding is over [b, h, s, d]");
  std::vector<Value> operands{input(to, 0), input(to, 1), input(to, 2)};
  if (inputs.size() > 3) operands.push_back(cast(to, *this, input(to, 3), DType::i64));
  return to.add(*this, "RotaryEmbedding", operands,
                {{"interleaved", interleaved_ ? 1 : 0}, {"rotary_embedding_dim", dim_}});
}

Value KvCacheUpdate::lower(Lowering& to) const {
  return to.add(*this, "TensorScatter",
                {input(to, 0), input(to, 1), cast(to, *this, input(to, 2), DType::i64)},
                {{"axis", -2}, {"mode", "linear"}});
}

bool KvCacheUpdate::setUpdateForm(AttentionIOForm form) noexcept {
  return guarded(network.reporter, "IKVCacheUpdateLayer::setUpdateForm", [&] {
    if (check(form, layer_text(*this)) != AttentionIOForm::kPADDED_BHND) no_packed_form();
  });
}

bool KvCacheUpdate::setUpdateLengths(ITensor&) noexcept {
  return guarded(network.reporter, "IKVCacheUpdateLayer::setUpdateLengths",
                 [] { no_packed_form(); });
}

}  // namespace tenon::trt
