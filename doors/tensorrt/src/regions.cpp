#include "regions.h"

#include <algorithm>
#include <limits>

namespace tenon::trt {

using nvinfer1::ITensor;
using nvinfer1::LoopOutput;
using nvinfer1::TripLimit;

nvinfer1::ILoop* TripLimitLayer::getLoop() const noexcept { return region_; }
nvinfer1::ILoop* RecurrenceLayer::getLoop() const noexcept { return region_; }
nvinfer1::ILoop* IteratorLayer::getLoop() const noexcept { return region_; }
nvinfer1::ILoop* LoopOutputLayer::getLoop() const noexcept { return region_; }
nvinfer1::IIfConditional* ConditionLayer::getConditional() const noexcept { return region_; }
nvinfer1::IIfConditional* ConditionalInputLayer::getConditional() const noexcept { return region_; }
nvinfer1::IIfConditional* ConditionalOutputLayer::getConditional() const noexcept {
  return region_;
}

namespace {

Value whole_number(Lowering& to, int64_t value) { return to.constant({&value, DType::i64, {}}); }

Value as_scalar(Lowering& to, const LayerCore& layer, Value value, DType dtype) {
  return cast(to, layer, to.add(layer, "Reshape", {value, to.ints({})}), dtype);
}

Lowering::Inside inside_of(const NetworkImpl& network, const Region& region) {
  return [found = network.inside(region)](const TensorImpl& tensor) {
    return tensor.producer != nullptr && found.contains(tensor.producer);
  };
}

}  // namespace

// A turn behind the last one, whose slice nobody reads, has the last slice.
Value IteratorLayer::slice(Lowering& to, Value whole, Value turn) const {
  Value at = turn.network != 0 ? turn : whole_number(to, 0);
  const Value extent =
      to.add(*this, "Gather", {to.add(*this, "Shape", {whole}), whole_number(to, axis_)});
  const Value last = to.add(*this, "Sub", {extent, whole_number(to, 1)});
  at = to.add(*this, "Min", {at, last});
  if (reverse_) at = to.add(*this, "Sub", {last, at});
  return to.add(*this, "Gather", {whole, at}, {{"axis", axis_}});
}

void LoopOutputLayer::init(Loop* loop, LoopOutput kind, int32_t axis) {
  region_ = loop, kind_ = check(kind, layer_text(*this)), axis_ = axis;
}

Value LoopOutputLayer::lower(Lowering& to) const { return region_->outputs(to).at(this); }

Value LoopOutputLayer::arranged(Lowering& to, Value turns) const {
  if (is_last()) return to.add(*this, "Gather", {turns, whole_number(to, -1)}, {{"axis", 0}});
  if (kind_ == LoopOutput::kREVERSE) {
    constexpr int64_t before_all = std::numeric_limits<int64_t>::min();
    turns = to.add(*this, "Slice",
                   {turns, to.ints({-1}), to.ints({before_all}), to.ints({0}), to.ints({-1})});
  }
  const auto extents = to.info(turns).extents;
  if (axis_ == 0 || !extents) return turns;
  if (axis_ < 0 || index(axis_) >= extents->size())
    refuse(layer_text(*this) + ": axis " + std::to_string(axis_) + " is outside rank " +
           std::to_string(extents->size()));
  Attribute::Ints order;
  for (size_t i = 1; i < extents->size(); ++i) order.push_back(static_cast<int64_t>(i));
  order.insert(order.begin() + axis_, 0);
  return to.add(*this, "Transpose", {turns}, {{"perm", order}});
}

template <class L, class... Args>
L* Loop::add(const char* function, const char* kind, ITensor& input, const Args&... args) {
  return guarded(network_.reporter, function, static_cast<L*>(nullptr), [&] {
    L& made = network_.emplace<L>(kind, {&input}, L::kOutputs, this, args...);
    boundary.push_back(&made);
    network_.changed();
    return &made;
  });
}

nvinfer1::IRecurrenceLayer* Loop::addRecurrence(ITensor& initial) noexcept {
  auto* made = add<RecurrenceLayer>("ILoop::addRecurrence", "Recurrence", initial);
  if (made != nullptr) recurrences_.push_back(made);
  return made;
}

nvinfer1::ITripLimitLayer* Loop::addTripLimit(ITensor& tensor, TripLimit kind) noexcept {
  if (limit(kind) != nullptr) {
    guarded(network_.reporter, "ILoop::addTripLimit",
            [] { refuse("the loop has a limit of this kind already"); });
    return nullptr;
  }
  auto* made = add<TripLimitLayer>("ILoop::addTripLimit", "TripLimit", tensor, kind);
  if (made != nullptr) limits_.push_back(made);
  return made;
}

nvinfer1::IIteratorLayer* Loop::addIterator(ITensor& tensor, int32_t axis, bool reverse) noexcept {
  auto* made = add<IteratorLayer>("ILoop::addIterator", "Iterator", tensor, axis, reverse);
  if (made != nullptr) iterators_.push_back(made);
  return made;
}

nvinfer1::ILoopOutputLayer* Loop::addLoopOutput(ITensor& tensor, LoopOutput kind,
                                                int32_t axis) noexcept {
  auto* made = add<LoopOutputLayer>("ILoop::addLoopOutput", "LoopOutput", tensor, kind, axis);
  if (made != nullptr) outputs_.push_back(made);
  return made;
}

void Loop::setName(const char* given) noexcept {
  guarded(network_.reporter, "ILoop::setName", [&] { name_ = name_of(given); });
}

const TensorImpl* Loop::limit(TripLimit kind) const {
  for (const TripLimitLayer* each : limits_)
    if (each->getTripLimit() == kind) return each->inputs[0];
  return nullptr;
}

const Lowering::RegionOutputs& Loop::outputs(Lowering& to) const {
  const auto found = to.regions().find(this);
  return found != to.regions().end() ? found->second : to.regions()[this] = lower(to);
}

// The condition as it is with these values of the recurrences: a turn asks for the next one's.
Value Loop::condition(Lowering& to, const Lowering::Inside& inside,
                      const std::vector<Value>& carried, Value turn,
                      const TensorImpl& tensor) const {
  Lowering with(to, inside, true);
  for (size_t i = 0; i < recurrences_.size(); ++i)
    with.bind(*recurrences_[i]->outputs[0], carried[i]);
  for (const IteratorLayer* each : iterators_)
    with.bind(*each->outputs[0], each->slice(with, with.value(*each->inputs[0]), turn));
  return as_scalar(with, *limits_[0], with.value(tensor), DType::bool_);
}

Lowering::RegionOutputs Loop::lower(Lowering& to) const {
  const TensorImpl *count = limit(TripLimit::kCOUNT), *while_true = limit(TripLimit::kWHILE);
  const std::string what = "loop \"" + name_ + "\"";
  if (limits_.empty()) refuse(what + " has no trip limit; add one");
  const LayerCore& node = *limits_[0];
  const Lowering::Inside inside = inside_of(network_, *this);
  Lowering body(to, inside);
  const Value turn = body.formal({DType::i64, std::vector<Extent>{}});
  const Value goes_on = body.formal({DType::bool_, std::vector<Extent>{}});
  std::vector<Value> operands(2), next;
  std::map<std::string, std::string> names;
  for (const RecurrenceLayer* each : recurrences_) {
    if (each->inputs.size() < 2)
      refuse(layer_text(*each) + " lacks its input 1, the next turn's value");
    operands.push_back(to.value(*each->inputs[0]));
    body.bind(*each->outputs[0],
              body.formal(with_plain_extents(to.info(operands.back()), names, to)));
  }
  for (const IteratorLayer* each : iterators_)
    body.bind(*each->outputs[0], each->slice(body, body.value(*each->inputs[0]), turn));
  for (const RecurrenceLayer* each : recurrences_) next.push_back(body.value(*each->inputs[1]));

  if (count != nullptr) operands[0] = as_scalar(to, node, to.value(*count), DType::i64);
  Value asked = goes_on;
  if (while_true != nullptr) {
    const std::vector<Value> initial(operands.begin() + 2, operands.end());
    operands[1] = condition(to, inside, initial, {}, *while_true);
    const Value later = body.add(node, "Add", {turn, whole_number(body, 1)});
    asked = condition(body, inside, next, later, *while_true);
  }
  body.network().output("goes_on", asked);
  for (size_t i = 0; i < next.size(); ++i)
    body.network().output("next" + std::to_string(i), next[i]);
  std::map<const LoopOutputLayer*, size_t> at;
  size_t outputs = next.size();
  for (const LoopOutputLayer* each : outputs_) {
    const auto own = std::ranges::find_if(recurrences_, [&](const RecurrenceLayer* recurrence) {
      return recurrence->outputs[0].get() == each->inputs[0];
    });
    if (each->is_last() && own != recurrences_.end()) {
      at[each] = static_cast<size_t>(own - recurrences_.begin());
    } else {
      body.network().output("turn" + std::to_string(outputs), body.value(*each->inputs[0]));
      at[each] = outputs++;
    }
  }
  const std::vector<Value> made = to.add_node(node, "Loop", operands, {{"body", body.network()}},
                                              {.outputs = std::vector<std::string>(outputs, "y")});
  Lowering::RegionOutputs given;
  for (const auto& [layer, i] : at)
    given[layer] = i < next.size() ? made.at(i) : layer->arranged(to, made.at(i));
  return given;
}

// --- conditionals

namespace {

template <class L, class... Args>
L* add_to(Conditional& region, NetworkImpl& network, const char* function, const char* kind,
          const std::vector<ITensor*>& inputs) {
  return guarded(network.reporter, function, static_cast<L*>(nullptr), [&] {
    L& made = network.emplace<L>(kind, inputs, L::kOutputs, &region);
    region.boundary.push_back(&made);
    network.changed();
    return &made;
  });
}

}  // namespace

nvinfer1::IConditionLayer* Conditional::setCondition(ITensor& condition) noexcept {
  if (condition_ != nullptr) {
    condition_->setInput(0, condition);
    return condition_;
  }
  return condition_ = add_to<ConditionLayer>(*this, network_, "IIfConditional::setCondition",
                                             "Condition", {&condition});
}

nvinfer1::IIfConditionalInputLayer* Conditional::addInput(ITensor& input) noexcept {
  auto* made = add_to<ConditionalInputLayer>(*this, network_, "IIfConditional::addInput",
                                             "ConditionalInput", {&input});
  if (made != nullptr) inputs_.push_back(made);
  return made;
}

nvinfer1::IIfConditionalOutputLayer* Conditional::addOutput(ITensor& yes, ITensor& no) noexcept {
  auto* made = add_to<ConditionalOutputLayer>(*this, network_, "IIfConditional::addOutput",
                                              "ConditionalOutput", {&yes, &no});
  if (made != nullptr) outputs_.push_back(made);
  return made;
}

void Conditional::setName(const char* given) noexcept {
  guarded(network_.reporter, "IIfConditional::setName", [&] { name_ = name_of(given); });
}

Value ConditionalOutputLayer::lower(Lowering& to) const { return region_->outputs(to).at(this); }

const Lowering::RegionOutputs& Conditional::outputs(Lowering& to) const {
  const auto found = to.regions().find(this);
  return found != to.regions().end() ? found->second : to.regions()[this] = lower(to);
}

Lowering::RegionOutputs Conditional::lower(Lowering& to) const {
  if (condition_ == nullptr)
    refuse("conditional \"" + name_ + "\" has no condition; setCondition first");
  const Lowering::Inside inside = inside_of(network_, *this);
  const Value condition =
      as_scalar(to, *condition_, to.value(*condition_->inputs[0]), DType::bool_);
  const auto branch = [&](size_t operand) {
    Lowering body(to, inside);
    for (const ConditionalInputLayer* each : inputs_)
      body.bind(*each->outputs[0], body.value(*each->inputs[0]));
    for (size_t i = 0; i < outputs_.size(); ++i)
      body.network().output("y" + std::to_string(i), body.value(*outputs_[i]->inputs[operand]));
    return body.network();
  };
  const Network yes = branch(0), no = branch(1);
  const std::vector<Value> made =
      to.add_node(*condition_, "If", {condition}, {{"then_branch", yes}, {"else_branch", no}},
                  {.outputs = std::vector<std::string>(outputs_.size(), "y")});
  Lowering::RegionOutputs given;
  for (size_t i = 0; i < outputs_.size(); ++i) given[outputs_[i]] = made.at(i);
  return given;
}

}  // namespace tenon::trt
