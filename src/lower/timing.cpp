// Warm-up, interleaved rounds, medians.
#include "lower/timing.h"

#include <algorithm>
#include <new>
#include <random>

#include "base/convert.h"
#include "base/error.h"
#include "base/hash.h"

namespace tenon::lower {
namespace {

constexpr double kNoise = 1.03;
constexpr double kSecondsPerTrial = 0.05;
constexpr double kSecondsPerSample = 20e-6;  // far above the clock's step
constexpr int kMostRounds = 15;
constexpr size_t kMostBytes = size_t{2} << 30;

/// Elements of ordinary size: floats from 0.5 to 1.5, integers and bools 0 and 1.
std::vector<std::byte> ordinary_elements(DType dtype, int64_t count) {
  std::vector<std::byte> bytes(static_cast<size_t>(count) * size_of(dtype));
  std::minstd_rand random(1);
  if (!is_floating(dtype)) {
    for (size_t i = 0; i < bytes.size(); i += size_of(dtype)) {
      bytes[i] = static_cast<std::byte>(random() & 1);
    }
    return bytes;
  }
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = 0.5F + static_cast<float>(random() % 1024) / 1024.0F;
  base::convert(DType::f32, values.data(), dtype, bytes.data(), count);
  return bytes;
}

/// One period of elements, repeated: filling large tensors takes no random numbers.
std::vector<std::byte> ordinary_bytes(const kernel::Operand& operand) {
  constexpr int64_t kPeriod = 4099;  // a prime, so that rows differ
  const std::vector<std::byte> period = ordinary_elements(operand.dtype, kPeriod);
  std::vector<std::byte> bytes(operand.bytes());
  for (size_t at = 0; at < bytes.size(); at += period.size()) {
    const size_t count = std::min(period.size(), bytes.size() - at);
    std::copy_n(period.begin(), count, bytes.begin() + static_cast<std::ptrdiff_t>(at));
  }
  return bytes;
}

/// What is too large is not timed.
bool is_small(const Trial& trial) {
  size_t left = kMostBytes;
  const auto take = [&](size_t bytes) {
    if (bytes > left) return false;
    left -= bytes;
    return true;
  };
  const auto take_operand = [&](const kernel::Operand& operand) {
    return !operand.present || take(operand.bytes());
  };
  return take(trial.kernel->scratch ? trial.kernel->scratch(trial.call) : 0) &&
         std::ranges::all_of(trial.call.inputs, take_operand) &&
         std::ranges::all_of(trial.call.outputs, take_operand);
}

/// A trial with its memory, ready to be run again and again.
class Bench {
 public:
  Bench(const Trial& trial, kernel::Backend& backend, kernel::Queue& queue)
      : trial_(trial), backend_(backend), queue_(queue) {
    state_.threads = backend.target().threads;
    launch_.call = &trial.call;
    launch_.state = &state_;
    size_t at = 0;
    for (const kernel::Operand& operand : trial.call.inputs) {
      launch_.buffers[at++] = operand.present ? filled(operand) : nullptr;
    }
    for (const kernel::Operand& operand : trial.call.outputs) {
      launch_.buffers[at++] = allocate(operand.bytes());
    }
    if (trial.kernel->scratch) launch_.scratch = allocate(trial.kernel->scratch(trial.call));
    if (trial.kernel->prepare) prepared_ = trial.kernel->prepare(trial.call, backend);
    launch_.prepared = prepared_.get();
  }

  void warm_up() {
    run(1);
    const double once = run(1);
    repeats_ = static_cast<int>(std::clamp(kSecondsPerSample / std::max(once, 1e-9), 1.0, 1000.0));
    const double sample = std::max(once * repeats_, 1e-9);
    rounds_ = static_cast<int>(std::clamp(kSecondsPerTrial / sample, 1.0, double{kMostRounds}));
  }

  bool wants_round(int round) const { return round < rounds_; }
  void sample() { samples_.push_back(run(repeats_) / repeats_); }

  double median() {
    const auto middle = samples_.begin() + static_cast<std::ptrdiff_t>(samples_.size() / 2);
    std::nth_element(samples_.begin(), middle, samples_.end());
    return std::max(*middle, 1e-9);
  }

 private:
  double run(int repeats) {
    const double start = backend_.time(queue_);
    for (int i = 0; i < repeats; ++i) backend_.submit(queue_, *trial_.kernel, launch_);
    return backend_.time(queue_) - start;
  }

  void* allocate(size_t bytes) {
    memory_.push_back(backend_.allocate(std::max<size_t>(bytes, 64)));
    return memory_.back().get();
  }

  void* filled(const kernel::Operand& operand) {
    const std::vector<std::byte> bytes = ordinary_bytes(operand);
    void* const memory = allocate(bytes.size());
    if (bytes.empty()) return memory;
    backend_.copy(queue_, memory, bytes.data(), bytes.size(), kernel::CopyKind::to_device);
    backend_.synchronize(queue_);
    return memory;
  }

  const Trial& trial_;
  kernel::Backend& backend_;
  kernel::Queue& queue_;
  std::vector<kernel::Memory> memory_;
  std::shared_ptr<const void> prepared_;
  kernel::RunState state_;
  kernel::Launch launch_;
  int repeats_ = 1;
  int rounds_ = 1;
  std::vector<double> samples_;
};

uint64_t hash_operand(uint64_t key, const kernel::Operand& operand) {
  key = base::combine(key, static_cast<uint64_t>(operand.dtype));
  key = base::combine(key, operand.present * 2u + operand.weight);
  key = base::combine(key, operand.dims.size());
  for (const int64_t dim : operand.dims) key = base::combine(key, static_cast<uint64_t>(dim));
  return base::combine(key, base::hash(operand.layout.text(operand.dims.size())));
}

}  // namespace

Timer::Timer(kernel::Backend& backend, TacticCache& cache, std::stop_token stop)
    : backend_(backend), cache_(cache), stop_(std::move(stop)), queue_(backend.queue()) {}

std::vector<double> Timer::measure(std::span<const Trial> trials) {
  std::vector<double> seconds(trials.size());
  std::vector<std::pair<size_t, std::unique_ptr<Bench>>> benches;
  for (size_t i = 0; i < trials.size(); ++i) {
    if (const auto known = cache_.find(timing_key(trials[i]))) {
      seconds[i] = *known;
    } else if (is_small(trials[i])) {
      base::throw_if_stopped(stop_);
      try {
        benches.emplace_back(i, std::make_unique<Bench>(trials[i], backend_, *queue_));
      } catch (const std::bad_alloc&) {
        continue;  // too large for this machine, and so not timed
      }
      benches.back().second->warm_up();
    }
  }
  for (int round = 0; round < kMostRounds; ++round) {
    for (auto& [i, bench] : benches) {
      base::throw_if_stopped(stop_);
      if (bench->wants_round(round)) bench->sample();
    }
  }
  for (auto& [i, bench] : benches) {
    seconds[i] = bench->median();
    cache_.store(timing_key(trials[i]), seconds[i]);
  }
  return seconds;
}

size_t pick_fastest(std::span<const double> seconds) {
  if (seconds.empty()) return 0;
  const double least = *std::min_element(seconds.begin(), seconds.end());
  if (least <= 0) return 0;
  const auto first =
      std::find_if(seconds.begin(), seconds.end(), [&](double s) { return s <= kNoise * least; });
  return static_cast<size_t>(first - seconds.begin());
}

uint64_t timing_key(const Trial& trial) {
  const kernel::Call& call = trial.call;
  uint64_t key = base::hash(trial.kernel->name);
  key = base::combine(key, static_cast<uint64_t>(trial.kernel->version));
  key = base::combine(key, base::hash(std::string_view(TENON_VERSION)));
  key = base::combine(key, call.op.hash());
  key = base::combine(key, static_cast<uint64_t>(call.tactic));
  key = base::combine(key, base::hash(call.target->key()));
  key = base::combine(key, static_cast<uint64_t>(call.target->threads));
  key = base::combine(key, call.inputs.size());
  for (const kernel::Operand& operand : call.inputs) key = hash_operand(key, operand);
  for (const kernel::Operand& operand : call.outputs) key = hash_operand(key, operand);
  return key;
}

}  // namespace tenon::lower
