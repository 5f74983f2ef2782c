// Warm-up, interleaved samples, medians.
#include "lower/timing.h"

#include <algorithm>
#include <map>
#include <new>
#include <random>

#include "base/convert.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/thread_pool.h"
#include "kernel/select.h"

namespace tenon::lower {

/// A trial that was not timed before.
struct ReadyTrial {
  size_t index = 0;
  const Trial* trial = nullptr;
  kernel::Prepared prepared;
};

namespace {

constexpr double kNoise = 1.06;  // of medians, on machines that are shared
constexpr double kSecondsPerTrial = 0.05;
constexpr double kSecondsPerSample = 20e-6;   // far above the clock's step
constexpr double kSecondsPerReplay = 400e-6;  // far above what a device takes to begin and to tell
constexpr size_t kMostSamples = 15;
// Weights of so many bytes do not lie in a cache when their turn comes: they are timed cold.
constexpr size_t kColdBytes = size_t{2} << 20;
constexpr double kHopeless = 2;  // times the best so far: one sample is enough
constexpr size_t kMostBytes = size_t{2} << 30;
constexpr int kCompilers = 8;  // threads

/// Elements of ordinary size: floats from 0.5 to 1.5, integers and bools 0 and 1.
std::vector<std::byte> ordinary_elements(DType dtype, int64_t count) {
  std::vector<std::byte> bytes(byte_count(dtype, count));
  std::minstd_rand random(1);
  if (!is_floating(dtype)) {
    for (size_t i = 0; i < bytes.size(); i += byte_count(dtype, 1)) {
      bytes[i] = static_cast<std::byte>(random() & 1);
    }
    return bytes;
  }
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = 0.5F + static_cast<float>(random() % 1024) / 1024.0F;
  base::convert(DType::f32, values.data(), dtype, bytes.data(), count);
  return bytes;
}

/// Ordinary elements over and over: filling large tensors takes no random numbers.
std::vector<std::byte> ordinary_bytes(DType dtype, size_t most) {
  constexpr int64_t kPeriod = 4099;    // a prime, so that rows differ
  constexpr size_t kRepetitions = 64;  // about 1 MiB, copied as often as it takes
  const std::vector<std::byte> period = ordinary_elements(dtype, kPeriod);
  std::vector<std::byte> bytes;
  for (size_t i = 0; i < kRepetitions && bytes.size() < most; ++i) {
    bytes.insert(bytes.end(), period.begin(), period.end());
  }
  return bytes;
}

/// What is too large is not timed.
bool is_small(const ReadyTrial& ready) {
  const Trial& trial = *ready.trial;
  size_t left = kMostBytes;
  const auto take = [&](size_t bytes) {
    if (bytes > left) return false;
    left -= bytes;
    return true;
  };
  const auto take_operand = [&](const kernel::Operand& operand) {
    return !operand.present || take(operand.bytes());
  };
  return take(ready.prepared.scratch) && std::ranges::all_of(trial.call.inputs, take_operand) &&
         std::ranges::all_of(trial.call.outputs, take_operand);
}

/// One block in which all trials run: as large as the greediest needs. Inputs at one place are
/// shared where their dtypes are equal; what is written lies over what others wrote.
class SharedMemory {
 public:
  void reserve(const ReadyTrial& ready) {
    const Trial& trial = *ready.trial;
    for (size_t i = 0; i < trial.call.inputs.size(); ++i) {
      const kernel::Operand& operand = trial.call.inputs[i];
      if (!operand.present) continue;
      Region& region = inputs_[{i, operand.dtype}];
      region.bytes = std::max(region.bytes, aligned(operand.bytes()));
    }
    size_t written = aligned(ready.prepared.scratch);
    for (const kernel::Operand& operand : trial.call.outputs) written += aligned(operand.bytes());
    written_ = std::max(written_, written);
  }

  void allocate(kernel::Backend& backend, kernel::Queue& queue) {
    size_t total = written_;
    for (auto& [key, region] : inputs_) {
      region.offset = total;
      total += region.bytes;
    }
    block_ = backend.allocate(total);
    for (const auto& [key, region] : inputs_) fill(backend, queue, key.second, region);
  }

  void place(const Trial& trial, kernel::Launch& launch) const {
    size_t at = 0, written = 0;
    for (size_t i = 0; i < trial.call.inputs.size(); ++i) {
      const kernel::Operand& operand = trial.call.inputs[i];
      const bool present = operand.present;
      launch.buffers[at++] = present ? byte(inputs_.at({i, operand.dtype}).offset) : nullptr;
    }
    for (const kernel::Operand& operand : trial.call.outputs) {
      launch.buffers[at++] = byte(written);
      written += aligned(operand.bytes());
    }
    launch.scratch = byte(written);
  }

 private:
  struct Region {
    size_t offset = 0, bytes = 0;
  };

  static size_t aligned(size_t bytes) { return (std::max<size_t>(bytes, 1) + 63) / 64 * 64; }
  std::byte* byte(size_t offset) const { return static_cast<std::byte*>(block_.get()) + offset; }

  void fill(kernel::Backend& backend, kernel::Queue& queue, DType dtype, const Region& region) {
    const std::vector<std::byte> bytes = ordinary_bytes(dtype, region.bytes);
    for (size_t at = 0; at < region.bytes; at += bytes.size()) {
      backend.copy(queue, byte(region.offset + at), bytes.data(),
                   std::min(bytes.size(), region.bytes - at), kernel::CopyKind::to_device);
    }
    backend.synchronize(queue);
  }

  std::map<std::pair<size_t, DType>, Region> inputs_;
  size_t written_ = 0;
  kernel::Buffer block_;
};

/// A trial with its memory, ready to be run again and again.
class Bench {
 public:
  Bench(const ReadyTrial& ready, const SharedMemory& memory, kernel::Backend& backend,
        kernel::Queue& queue)
      : trial_(*ready.trial),
        prepared_(ready.prepared),
        backend_(backend),
        queue_(queue),
        state_(backend.target().threads) {
    launch_.call = &trial_.call;
    launch_.state = &state_;
    launch_.queue = &queue;
    launch_.prepared = prepared_.state.get();
    memory.place(trial_, launch_);
    for (size_t i = 0; i < trial_.call.inputs.size(); ++i) {
      const kernel::Operand& operand = trial_.call.inputs[i];
      if (operand.present && operand.weight && operand.bytes() >= kColdBytes)
        cold_.emplace_back(launch_.buffers[i], operand.bytes());
    }
  }

  /// Seconds, after a run that warms up.
  double first_sample() {
    const double once = run(1);
    const double wanted = backend_.captures() ? kSecondsPerReplay : kSecondsPerSample;
    if (cold_.empty()) repeats_ = repeats_in(wanted, once);
    sample();
    if (cold_.empty()) repeats_ = repeats_in(wanted, samples_[0]);
    return samples_[0];
  }

  bool wants_more() const {
    const auto taken = static_cast<double>(samples_.size());
    return samples_.size() < kMostSamples &&
           (taken + 1) * repeats_ * samples_[0] <= kSecondsPerTrial;
  }
  void sample() { samples_.push_back(run(repeats_) / repeats_); }

  double median() {
    const auto middle = samples_.begin() + static_cast<std::ptrdiff_t>(samples_.size() / 2);
    std::nth_element(samples_.begin(), middle, samples_.end());
    return std::max(*middle, 1e-9);
  }

 private:
  static int repeats_in(double seconds, double once) {
    return static_cast<int>(std::clamp(seconds / std::max(once, 1e-9), 1.0, 1000.0));
  }

  double run(int repeats) {
    for (const auto& [memory, bytes] : cold_) backend_.cool(memory, bytes);
    const kernel::StepListPtr list = backend_.captures() ? captured(repeats) : nullptr;
    const double start = backend_.time(queue_);
    if (list)
      backend_.replay(queue_, list, state_);
    else
      submit(repeats);
    return backend_.time(queue_) - start;
  }

  void submit(int repeats) {
    for (int i = 0; i < repeats; ++i) backend_.submit(queue_, *trial_.kernel, {&launch_, 1});
  }

  // As a run does it: launched one by one, small kernels would wait for the host.
  kernel::StepListPtr captured(int repeats) {
    const auto known = lists_.find(repeats);
    if (known != lists_.end()) return known->second;
    backend_.begin_capture(queue_);
    submit(repeats);
    return lists_[repeats] = backend_.end_capture(queue_);
  }

  const Trial& trial_;
  kernel::Prepared prepared_;
  kernel::Backend& backend_;
  kernel::Queue& queue_;
  kernel::RunState state_;
  kernel::Launch launch_;
  std::vector<std::pair<const void*, size_t>> cold_;
  int repeats_ = 1;
  std::map<int, kernel::StepListPtr> lists_;  // captured, by how often
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
  std::vector<double> seconds(trials.size(), untimed);
  std::vector<ReadyTrial> unknown;
  for (size_t i = 0; i < trials.size(); ++i) {
    const auto known = cache_.find(timing_key(trials[i]));
    if (known)
      seconds[i] = *known;
    else
      unknown.push_back({i, &trials[i], {}});
  }
  prepare(unknown);
  std::erase_if(unknown, [](const ReadyTrial& ready) { return !is_small(ready); });
  if (unknown.empty()) return seconds;
  try {
    run(unknown, seconds);
  } catch (const std::bad_alloc&) {  // too large for this machine, and so not timed
    for (const ReadyTrial& ready : unknown) seconds[ready.index] = untimed;
    return seconds;
  }
  for (const ReadyTrial& ready : unknown) {
    cache_.store(timing_key(*ready.trial), seconds[ready.index]);
  }
  return seconds;
}

// A device's kernels may have to be compiled first: each by a thread.
void Timer::prepare(std::span<ReadyTrial> trials) {
  std::vector<std::exception_ptr> errors(trials.size());
  const int threads = backend_.host_memory() ? 1 : kCompilers;
  base::parallel_for(threads, std::ssize(trials), [&](int64_t i) {
    const auto at = static_cast<size_t>(i);
    try {
      trials[at].prepared =
          kernel::prepare(*trials[at].trial->kernel, trials[at].trial->call, backend_);
    } catch (...) {
      errors[at] = std::current_exception();
    }
  });
  for (const std::exception_ptr& error : errors) {
    if (error) std::rethrow_exception(error);
  }
}

void Timer::run(std::span<const ReadyTrial> trials, std::vector<double>& seconds) {
  SharedMemory memory;
  for (const ReadyTrial& ready : trials) memory.reserve(ready);
  memory.allocate(backend_, *queue_);
  std::vector<std::pair<size_t, std::unique_ptr<Bench>>> benches;
  for (const ReadyTrial& ready : trials) {
    base::throw_if_stopped(stop_);
    auto bench = std::make_unique<Bench>(ready, memory, backend_, *queue_);
    const double best = *std::ranges::min_element(seconds);
    seconds[ready.index] = bench->first_sample();
    if (seconds[ready.index] >= kHopeless * best) continue;
    benches.emplace_back(ready.index, std::move(bench));
  }
  for (size_t round = 1; round < kMostSamples; ++round) {
    for (auto& [i, bench] : benches) {
      base::throw_if_stopped(stop_);
      if (bench->wants_more()) bench->sample();
    }
  }
  for (auto& [i, bench] : benches) seconds[i] = bench->median();
}

size_t pick_fastest(std::span<const double> seconds) {
  if (seconds.empty()) return 0;
  const double least = *std::min_element(seconds.begin(), seconds.end());
  const auto first =
      std::find_if(seconds.begin(), seconds.end(), [&](double s) { return s <= kNoise * least; });
  return static_cast<size_t>(first - seconds.begin());
}

uint64_t timing_key(const Trial& trial) {
  const kernel::Call& call = trial.call;
  constexpr uint64_t kMethod = 2;  // of measuring
  uint64_t key = base::combine(base::hash(trial.kernel->name), kMethod);
  key = base::combine(key, static_cast<uint64_t>(trial.kernel->version));
  key = base::combine(key, base::hash(std::string_view(TENON_VERSION)));
  key = base::combine(key, call.op.hash());
  key = base::combine(key, base::hash(call.tactic));
  key = base::combine(key, base::hash(call.target->key()));
  key = base::combine(key, base::hash(call.target->model));
  key = base::combine(key, static_cast<uint64_t>(call.target->threads));
  key = base::combine(key, call.inputs.size());
  for (const kernel::Operand& operand : call.inputs) key = hash_operand(key, operand);
  for (const kernel::Operand& operand : call.outputs) key = hash_operand(key, operand);
  return key;
}

}  // namespace tenon::lower
