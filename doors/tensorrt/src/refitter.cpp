// Refits by name and by (layer, role): one slot, two ways to it.
#include "tenon/refitter.h"

#include <algorithm>

#include "engine.h"
#include "max_threads.h"

namespace tenon::trt {
namespace {

using nvinfer1::DataType;
using nvinfer1::TensorLocation;
using nvinfer1::Weights;
using nvinfer1::WeightsRole;

/// A refittable weight, and what was set for it.
struct Slot {
  WeightInfo info;
  const std::string* name = nullptr;  // the engine's, as what is listed
  const std::vector<LayerRole>* places = nullptr;
  Weights prototype{};
  bool is_set = false;
  Weights weights{};
  TensorLocation location = TensorLocation::kHOST;
  Tensor owned;  // what a parser set
};

class RefitterImpl final : public nvinfer1::IRefitter {
 public:
  RefitterImpl(const EngineImpl& engine, nvinfer1::ILogger* logger)
      : state_(engine.state), reporter_(logger), refitter_(state_->engine) {
    reporter_.set_recorder(engine.reporter.recorder());
    for (WeightInfo& info : state_->engine.weights()) {
      const Weights prototype{type_of(info.dtype), nullptr, element_count(info.shape)};
      const auto& [name, places] = *state_->roles.find(info.name);
      slots_.push_back({std::move(info), &name, &places, prototype});
    }
  }

  bool setWeights(const char* layer, WeightsRole role, Weights weights) noexcept override {
    return guarded(reporter_, "IRefitter::setWeights", [&] {
      set(place(name_of(layer, "the layer's name"), role), weights, TensorLocation::kHOST);
    });
  }
  bool setNamedWeights(const char* name, Weights weights) noexcept override {
    return setNamedWeights(name, weights, TensorLocation::kHOST);
  }
  bool setNamedWeights(const char* name, Weights weights,
                       TensorLocation location) noexcept override {
    return guarded(reporter_, "IRefitter::setNamedWeights", [&] {
      if (location != TensorLocation::kHOST && location != TensorLocation::kDEVICE)
        refuse(std::to_string(static_cast<int>(location)) + " is no TensorLocation");
      set(named(name), weights, location);
    });
  }
  bool unsetNamedWeights(const char* name) noexcept override {
    return guarded(reporter_, "IRefitter::unsetNamedWeights", [&] {
      Slot& slot = was_set(name);
      refitter_.unset(slot.info.name);
      slot.is_set = false, slot.weights = {}, slot.owned = {};
    });
  }
  Weights getNamedWeights(const char* name) const noexcept override {
    const Slot* found = name != nullptr ? find(name) : nullptr;
    const Weights none =
        found != nullptr ? found->prototype : Weights{DataType::kFLOAT, nullptr, 0};
    return guarded(reporter_, "IRefitter::getNamedWeights", Weights{none.type, nullptr, 0},
                   [&] { return was_set(name).weights; });
  }
  TensorLocation getWeightsLocation(const char* name) const noexcept override {
    return guarded(reporter_, "IRefitter::getWeightsLocation", TensorLocation::kHOST,
                   [&] { return was_set(name).location; });
  }
  Weights getWeightsPrototype(const char* name) const noexcept override {
    return guarded(reporter_, "IRefitter::getWeightsPrototype",
                   Weights{DataType::kFLOAT, nullptr, -1}, [&] { return named(name).prototype; });
  }

  const void* tenonLibrary() const noexcept override { return this_library(); }
  bool refitCudaEngine() noexcept override { return commit("IRefitter::refitCudaEngine"); }
  bool refitCudaEngineAsync(cudaStream_t) noexcept override {
    return commit("IRefitter::refitCudaEngineAsync");
  }

  int32_t getMissing(int32_t size, const char** layers, WeightsRole* roles) noexcept override {
    return guarded(reporter_, "IRefitter::getMissing", 0,
                   [&] { return list(missing(), size, layers, roles); });
  }
  int32_t getAll(int32_t size, const char** layers, WeightsRole* roles) noexcept override {
    return guarded(reporter_, "IRefitter::getAll", 0,
                   [&] { return list(all(), size, layers, roles); });
  }
  int32_t getMissingWeights(int32_t size, const char** names) noexcept override {
    return guarded(reporter_, "IRefitter::getMissingWeights", 0,
                   [&] { return list(missing(), size, names); });
  }
  int32_t getAllWeights(int32_t size, const char** names) noexcept override {
    return guarded(reporter_, "IRefitter::getAllWeights", 0,
                   [&] { return list(all(), size, names); });
  }

  void setErrorRecorder(nvinfer1::IErrorRecorder* recorder) noexcept override {
    reporter_.set_recorder(recorder);
  }
  nvinfer1::IErrorRecorder* getErrorRecorder() const noexcept override {
    return reporter_.recorder();
  }
  nvinfer1::ILogger* getLogger() const noexcept override { return reporter_.logger(); }
  bool setMaxThreads(int32_t threads) noexcept override {
    return threads_.set(reporter_, "IRefitter::setMaxThreads", threads);
  }
  int32_t getMaxThreads() const noexcept override { return threads_.get(); }
  void setWeightsValidation(bool on) noexcept override { validation_ = on; }
  bool getWeightsValidation() const noexcept override { return validation_; }
  bool setDynamicRange(const char* tensor, float, float) noexcept override {
    return guarded(reporter_, "IRefitter::setDynamicRange", [&] { no_range(tensor); });
  }
  float getDynamicRangeMin(const char* tensor) const noexcept override {
    return guarded(reporter_, "IRefitter::getDynamicRangeMin", 0.0F,
                   [&]() -> float { no_range(tensor); });
  }
  float getDynamicRangeMax(const char* tensor) const noexcept override {
    return guarded(reporter_, "IRefitter::getDynamicRangeMax", 0.0F,
                   [&]() -> float { no_range(tensor); });
  }
  int32_t getTensorsWithDynamicRange(int32_t, const char**) const noexcept override { return 0; }

  /// All, or after a refusal that names every problem none.
  void set_owned(const std::map<std::string, Tensor>& values);

 private:
  using Chosen = std::vector<const Slot*>;

  [[noreturn]] static void no_range(const char* tensor) {
    refuse("\"" + name_of(tensor) + "\" has no dynamic range: there is no calibration");
  }
  const Slot* find(const std::string& name) const {
    for (const Slot& slot : slots_)
      if (slot.info.name == name) return &slot;
    for (const Slot& slot : slots_)
      for (const LayerRole& place : *slot.places)
        if (place.layer + " " + to_string(place.role) == name) return &slot;
    return nullptr;
  }
  Slot& named(const char* name) const {
    const std::string wanted = name_of(name, "the weights' name");
    const Slot* found = find(wanted);
    if (found == nullptr)
      refuse("\"" + wanted + "\" is not refittable in this engine" + nearest(wanted));
    return const_cast<Slot&>(*found);
  }
  Slot& was_set(const char* name) const {
    Slot& slot = named(name);
    if (!slot.is_set) refuse("\"" + slot.info.name + "\" was never set");
    return slot;
  }
  Slot& place(const std::string& layer, WeightsRole role) const {
    for (const Slot& slot : slots_)
      if (std::ranges::find(*slot.places, LayerRole{layer, role}) != slot.places->end())
        return const_cast<Slot&>(slot);
    refuse("layer \"" + layer + "\" has no refittable " + to_string(role) +
           "; getAll lists what there is");
  }
  std::string nearest(const std::string& name) const;
  static void check(const Slot& slot, const Weights& weights);
  void set(Slot& slot, const Weights& weights, TensorLocation location);
  bool commit(const char* function) noexcept;
  Chosen all() const;
  Chosen missing() const;
  static int32_t list(const Chosen& chosen, int32_t size, const char** names);
  static int32_t list(const Chosen& chosen, int32_t size, const char** layers, WeightsRole* roles);

  std::shared_ptr<EngineState> state_;
  Reporter reporter_;
  tenon::Refitter refitter_;
  std::vector<Slot> slots_;  // sorted by name
  MaxThreads threads_;
  bool validation_ = true;
};

// By the number of edits that make one of the other; nothing where even that is far.
std::string RefitterImpl::nearest(const std::string& name) const {
  const auto distance = [](const std::string& a, const std::string& b) {
    std::vector<size_t> row(b.size() + 1);
    for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (size_t i = 1; i <= a.size(); ++i) {
      size_t diagonal = row[0];
      row[0] = i;
      for (size_t j = 1; j <= b.size(); ++j) {
        const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
        diagonal = row[j];
        row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
      }
    }
    return row.back();
  };
  size_t least = name.size() / 3 + 2;
  std::string best;
  for (const Slot& slot : slots_) {
    const size_t each = distance(name, slot.info.name);
    if (each < least) least = each, best = slot.info.name;
  }
  return best.empty() ? "; getAllWeights lists what is" : "; the nearest is \"" + best + "\"";
}

void RefitterImpl::check(const Slot& slot, const Weights& weights) {
  const std::string what = "\"" + slot.info.name + "\"";
  if (weights.type != slot.prototype.type)
    refuse(what + " is " + to_string(slot.prototype.type) + ", the given weights are " +
           to_string(weights.type) + "; convert them");
  if (weights.count != slot.prototype.count)
    refuse(what + " has " + std::to_string(slot.prototype.count) + " values " +
           tenon::to_string(slot.info.shape) + ", the given weights " +
           std::to_string(weights.count));
  if (weights.values == nullptr && weights.count > 0)
    refuse(what + ": values is null; give the address of " + std::to_string(weights.count) +
           " values");
}

void RefitterImpl::set(Slot& slot, const Weights& weights, TensorLocation location) {
  check(slot, weights);
  refitter_.borrow(slot.info.name, {weights.values, slot.info.dtype, slot.info.shape});
  slot.is_set = true, slot.weights = weights, slot.location = location;
  slot.owned = {};
}

void RefitterImpl::set_owned(const std::map<std::string, Tensor>& values) {
  std::string problems;
  const auto weights_of = [](const Tensor& tensor) {
    return Weights{type_of(tensor.dtype()), tensor.data(), element_count(tensor.shape())};
  };
  for (const auto& [name, tensor] : values) {
    try {
      check(named(name.c_str()), weights_of(tensor));
    } catch (const Refusal& refusal) {
      problems += (problems.empty() ? "" : "; ") + std::string(refusal.what());
    }
  }
  if (!problems.empty()) refuse(problems);
  for (const auto& [name, tensor] : values) {
    Slot& slot = named(name.c_str());
    set(slot, weights_of(tensor), TensorLocation::kHOST);
    slot.owned = tensor;
  }
}

bool RefitterImpl::commit(const char* function) noexcept {
  return guarded(reporter_, function, [&] {
    const Chosen lacking = missing();
    if (!lacking.empty()) {
      std::string names;
      for (size_t i = 0; i < std::min<size_t>(lacking.size(), 3); ++i)
        names += (i > 0 ? ", \"" : "\"") + lacking[i]->info.name + "\"";
      refuse(ErrorCode::kINVALID_STATE,
             std::to_string(lacking.size()) + " weights have never been supplied: " + names +
                 (lacking.size() > 3 ? ", …" : "") + "; getMissingWeights lists them");
    }
    if (std::ranges::none_of(slots_, &Slot::is_set)) return;
    const auto bound = threads_.bound();
    const RefitReport report = refitter_.commit();
    for (const auto& [name, count] : report.overflowed)
      if (validation_)
        reporter_.say(Reporter::Severity::kWARNING,
                      "\"" + name + "\": " + std::to_string(count) + " values became infinite");
  });
}

RefitterImpl::Chosen RefitterImpl::all() const {
  Chosen chosen;
  for (const Slot& slot : slots_) chosen.push_back(&slot);
  return chosen;
}

RefitterImpl::Chosen RefitterImpl::missing() const {
  Chosen chosen;
  const std::vector<std::string> names = refitter_.missing();
  for (const Slot& slot : slots_) {
    const bool never = !state_->engine.ready() && !slot.is_set;
    if (never || std::ranges::find(names, slot.info.name) != names.end()) chosen.push_back(&slot);
  }
  return chosen;
}

int32_t RefitterImpl::list(const Chosen& chosen, int32_t size, const char** names) {
  const auto count = static_cast<int32_t>(chosen.size());
  for (int32_t i = 0; names != nullptr && i < std::min(size, count); ++i)
    names[i] = chosen[index(i)]->name->c_str();
  return count;
}

int32_t RefitterImpl::list(const Chosen& chosen, int32_t size, const char** layers,
                           WeightsRole* roles) {
  std::vector<const LayerRole*> places;
  for (const Slot* slot : chosen)
    for (const LayerRole& place : *slot->places) places.push_back(&place);
  std::ranges::sort(places, [](const LayerRole* a, const LayerRole* b) { return *a < *b; });
  const auto count = static_cast<int32_t>(places.size());
  for (int32_t i = 0; i < std::min(size, count); ++i) {
    if (layers != nullptr) layers[i] = places[index(i)]->layer.c_str();
    if (roles != nullptr) roles[i] = places[index(i)]->role;
  }
  return count;
}

}  // namespace

void set_owned(nvinfer1::IRefitter& refitter, const std::map<std::string, Tensor>& values) {
  static_cast<RefitterImpl&>(refitter).set_owned(values);
}

nvinfer1::IRefitter* new_refitter(const EngineImpl& engine, nvinfer1::ILogger* logger) {
  return new RefitterImpl(engine, logger);
}

}  // namespace tenon::trt
