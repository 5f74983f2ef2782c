// Loops and conditionals: layers between an inside and what is around it.
#pragma once

#include "layer.h"

namespace tenon::trt {

class Loop;
class Conditional;

/// A layer of a region, which its interface gives back.
template <class Interface, nvinfer1::LayerType kType, class R, bool kBegins, bool kEnds>
class Boundary : public Layer<Interface, kType> {
 public:
  using Layer<Interface, kType>::Layer;
  void init(R* region) { region_ = region; }
  const Region* begins() const override { return kBegins ? region_ : nullptr; }
  const Region* ends() const override { return kEnds ? region_ : nullptr; }

 protected:
  R* region_ = nullptr;
};

class TripLimitLayer final : public Boundary<nvinfer1::ITripLimitLayer,
                                             nvinfer1::LayerType::kTRIP_LIMIT, Loop, false, true> {
 public:
  using Boundary::Boundary;
  static constexpr size_t kOutputs = 0;
  void init(Loop* loop, nvinfer1::TripLimit limit) { region_ = loop, limit_ = check(limit, name); }
  Value lower(Lowering&) const override { return {}; }
  std::vector<Value> lower_all(Lowering&) const override { return {}; }
  std::vector<TensorImpl*> reads() const override { return {}; }
  nvinfer1::ILoop* getLoop() const noexcept override;
  nvinfer1::TripLimit getTripLimit() const noexcept override { return limit_; }

 private:
  nvinfer1::TripLimit limit_{};
};

/// Outside of its loop it stands for its initial value: of the right type, while types are asked.
class RecurrenceLayer final : public Boundary<nvinfer1::IRecurrenceLayer,
                                              nvinfer1::LayerType::kRECURRENCE, Loop, true, false> {
 public:
  using Boundary::Boundary;
  Value lower(Lowering& to) const override { return input(to); }
  std::vector<TensorImpl*> reads() const override { return {inputs[0]}; }
  size_t most_inputs() const override { return 2; }
  nvinfer1::ILoop* getLoop() const noexcept override;
};

class IteratorLayer final
    : public Boundary<nvinfer1::IIteratorLayer, nvinfer1::LayerType::kITERATOR, Loop, true, false> {
 public:
  using Boundary::Boundary;
  void init(Loop* loop, int32_t axis, bool reverse) {
    region_ = loop, axis_ = axis, reverse_ = reverse;
  }
  Value lower(Lowering& to) const override { return slice(to, input(to), {}); }
  /// Of the turn; of the first one without.
  Value slice(Lowering& to, Value whole, Value turn) const;
  nvinfer1::ILoop* getLoop() const noexcept override;
  TENON_PARAMETER(int32_t, int32_t, Axis, axis_)
  TENON_PARAMETER(bool, bool, Reverse, reverse_)

 private:
  int32_t axis_ = 0;
  bool reverse_ = false;
};

class LoopOutputLayer final
    : public Boundary<nvinfer1::ILoopOutputLayer, nvinfer1::LayerType::kLOOP_OUTPUT, Loop, false,
                      true> {
 public:
  using Boundary::Boundary;
  void init(Loop* loop, nvinfer1::LoopOutput kind, int32_t axis);
  Value lower(Lowering& to) const override;
  std::vector<TensorImpl*> reads() const override { return {}; }
  size_t most_inputs() const override { return 2; }
  nvinfer1::ILoop* getLoop() const noexcept override;
  nvinfer1::LoopOutput getLoopOutput() const noexcept override { return kind_; }
  TENON_PARAMETER(int32_t, int32_t, Axis, axis_)

  bool is_last() const { return kind_ == nvinfer1::LoopOutput::kLAST_VALUE; }
  /// Of the values of all turns along axis 0.
  Value arranged(Lowering& to, Value turns) const;

 private:
  nvinfer1::LoopOutput kind_{};
  int32_t axis_ = 0;
};

class Loop final : public Region, public nvinfer1::ILoop {
 public:
  explicit Loop(NetworkImpl& network) : network_(network) {}
  nvinfer1::IRecurrenceLayer* addRecurrence(nvinfer1::ITensor& initial) noexcept override;
  nvinfer1::ITripLimitLayer* addTripLimit(nvinfer1::ITensor& tensor,
                                          nvinfer1::TripLimit limit) noexcept override;
  nvinfer1::IIteratorLayer* addIterator(nvinfer1::ITensor& tensor, int32_t axis,
                                        bool reverse) noexcept override;
  nvinfer1::ILoopOutputLayer* addLoopOutput(nvinfer1::ITensor& tensor, nvinfer1::LoopOutput kind,
                                            int32_t axis) noexcept override;
  void setName(const char* given) noexcept override;
  const char* getName() const noexcept override { return name_.c_str(); }

  const Lowering::RegionOutputs& outputs(Lowering& to) const;

 private:
  template <class L, class... Args>
  L* add(const char* function, const char* kind, nvinfer1::ITensor& input, const Args&... args);
  const TensorImpl* limit(nvinfer1::TripLimit kind) const;
  Value condition(Lowering& to, const Lowering::Inside& inside, const std::vector<Value>& carried,
                  Value turn, const TensorImpl& tensor) const;
  Lowering::RegionOutputs lower(Lowering& to) const;

  NetworkImpl& network_;
  std::string name_;
  std::vector<RecurrenceLayer*> recurrences_;
  std::vector<IteratorLayer*> iterators_;
  std::vector<TripLimitLayer*> limits_;
  std::vector<LoopOutputLayer*> outputs_;
};

class ConditionLayer final
    : public Boundary<nvinfer1::IConditionLayer, nvinfer1::LayerType::kCONDITION, Conditional,
                      false, true> {
 public:
  using Boundary::Boundary;
  static constexpr size_t kOutputs = 0;
  Value lower(Lowering&) const override { return {}; }
  std::vector<Value> lower_all(Lowering&) const override { return {}; }
  nvinfer1::IIfConditional* getConditional() const noexcept override;
};

class ConditionalInputLayer final
    : public Boundary<nvinfer1::IIfConditionalInputLayer, nvinfer1::LayerType::kCONDITIONAL_INPUT,
                      Conditional, true, false> {
 public:
  using Boundary::Boundary;
  Value lower(Lowering& to) const override { return input(to); }
  nvinfer1::IIfConditional* getConditional() const noexcept override;
};

class ConditionalOutputLayer final
    : public Boundary<nvinfer1::IIfConditionalOutputLayer, nvinfer1::LayerType::kCONDITIONAL_OUTPUT,
                      Conditional, false, true> {
 public:
  using Boundary::Boundary;
  Value lower(Lowering& to) const override;
  std::vector<TensorImpl*> reads() const override { return {}; }
  nvinfer1::IIfConditional* getConditional() const noexcept override;
};

class Conditional final : public Region, public nvinfer1::IIfConditional {
 public:
  explicit Conditional(NetworkImpl& network) : network_(network) {}
  nvinfer1::IConditionLayer* setCondition(nvinfer1::ITensor& condition) noexcept override;
  nvinfer1::IIfConditionalInputLayer* addInput(nvinfer1::ITensor& input) noexcept override;
  nvinfer1::IIfConditionalOutputLayer* addOutput(nvinfer1::ITensor& yes,
                                                 nvinfer1::ITensor& no) noexcept override;
  void setName(const char* given) noexcept override;
  const char* getName() const noexcept override { return name_.c_str(); }

  const Lowering::RegionOutputs& outputs(Lowering& to) const;

 private:
  Lowering::RegionOutputs lower(Lowering& to) const;

  NetworkImpl& network_;
  std::string name_;
  ConditionLayer* condition_ = nullptr;
  std::vector<ConditionalInputLayer*> inputs_;
  std::vector<ConditionalOutputLayer*> outputs_;
};

}  // namespace tenon::trt
