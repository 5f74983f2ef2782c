// Runs of an engine, one after another: inputs and outputs placed, regions run, symbols found.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <vector>

#include "base/regex.h"
#include "runtime/allocated.h"
#include "runtime/engine_impl.h"
#include "runtime/run_inputs.h"
#include "runtime/run_memory.h"
#include "runtime/run_outputs.h"

namespace tenon::runtime {

class TimedBackend;
struct RunValue;
/// What a sequence or an optional holds. Immutable.
using Tensors = std::shared_ptr<const std::vector<RunValue>>;

/// A value that passes from one frame to another.
struct RunValue {
  kernel::Buffer memory;  ///< null where another keeps it
  void* data = nullptr;
  kernel::Operand type;
  Tensors tensors;  ///< of a sequence or an optional, which has nothing else
};

/// A step of the host's, once its call is known.
struct HostStep {
  std::unique_ptr<const kernel::Call> call;
  kernel::Prepared prepared;
};

/// Pointers, signatures and blocks of one executable while it runs; kept for the next run.
struct Frame {
  Frame(const lower::Executable& executable, const std::vector<lower::SlotProgram>& slots);

  const lower::Executable& executable;
  std::vector<std::pair<ir::ValueId, size_t>> slots;  ///< values that are slots, by number
  std::vector<size_t> output_of_root;  ///< by value: which of the graph's outputs has its memory
  std::vector<std::shared_ptr<const lower::Signature>> signatures;  ///< by region, of the last run
  std::vector<void*> buffers;                                       ///< by value
  std::vector<kernel::Buffer> blocks;            ///< by value: of roots that outlive their region
  std::vector<Tensors> tensors;                  ///< by value: of sequences and optionals
  std::map<ir::ValueId, kernel::Operand> types;  ///< of values whose rank only a run knows
  // Beside a device:
  std::vector<bool> on_host;           ///< by value: roots that steps of the host make
  std::map<int, HostStep> host_steps;  ///< by node
  std::map<ir::ValueId, std::vector<std::byte>> fetched;  ///< from the device: in this run
  uint64_t fetched_of = 0;                                ///< slots: with these weights
  /// Symbols that the body alone uses, which each of its runs finds anew.
  std::optional<std::vector<int>> own_symbols;
};

/// Steps of a region as they were queued with certain extents and addresses.
struct CapturedSteps {
  std::shared_ptr<const lower::Signature> signature;
  std::vector<void*> places;  ///< of what lies outside of the arena
  bool met = false;
  kernel::StepListPtr list = nullptr;  ///< captured when they are met again
};

/// Those that a context met last, the latest first.
struct RegionLists {
  std::vector<ir::ValueId> outer;  ///< values whose places tell them apart
  std::vector<CapturedSteps> steps;
};

/// What a run uses until its last step is done.
struct Flight {
  explicit Flight(int threads) : state(threads) {}

  kernel::RunState state;
  std::shared_ptr<WeightSet::Data> set;
  std::shared_lock<RunGate> entered;  ///< of an in-place engine

  /// Writers need not wait for it any longer.
  void release() noexcept;
};

/// What a run left that was submitted.
struct Submitted {
  std::shared_ptr<Flight> flight;
  kernel::EventPtr done;
  uint64_t version = 0;

  /// Throws InputError for a data error.
  void wait() const;
};

/// The working state of a context. One thread at a time. It must outlive its runs.
class Runner {
 public:
  explicit Runner(std::shared_ptr<Engine::Impl> engine);

  /// Returns the version of the weights.
  uint64_t run(const RunRequest& request);
  /// Returns when all is queued; what `fresh` and `out` hold is written until it is done.
  Submitted submit(const RunRequest& request);
  const Engine::Impl& engine() const { return *engine_; }

 private:
  struct HostCopy {
    void* to = nullptr;
    const void* from = nullptr;
    size_t bytes = 0;
  };

  const ir::Graph& graph() const { return engine_->lowered.main.graph; }
  std::shared_ptr<WeightSet::Data> choose(const WeightSet& weights) const;
  /// Returns the version. `through` stands for the engine's backend.
  uint64_t enqueue(const RunRequest& request, kernel::Backend& through);
  uint64_t enqueue(const RunRequest& request);
  void enter(const RunRequest& request);
  void queue_all(const RunRequest& request);
  /// What is queued may use it still.
  void retire(std::shared_ptr<const void> owner);
  /// A block of the heap; `what` says what it is for where there is no memory.
  template <class What>
  kernel::Buffer block(size_t bytes, What&& what) {
    return allocated(what, bytes, smaller_inputs, [&] { return heap_->allocate(bytes); });
  }
  void wait();
  void copy(void* to, const void* from, size_t bytes);

  // runner.cpp: values in their places, regions in their order. `outputs` is null in bodies, whose
  // outputs are blocks.
  void place_inputs(const Sequences& sequences);
  const void* dense_input(size_t i);
  void check_device_input(size_t i) const;
  const void* bools_of_device(size_t i);
  void place_weights(Frame& frame) const;
  void place_output(size_t i, const kernel::Operand& type, RunOutputs& outputs);
  void place_values(Frame& frame, size_t region, RunOutputs* outputs);
  const lower::Signature& signature(Frame& frame, size_t region);
  /// `sequences`: among the inputs of the outermost graph.
  void run_regions(Frame& frame, RunOutputs* outputs, const Sequences* sequences = nullptr);

  // step_lists.cpp: on backends that capture, steps that come again are replayed.
  void queue_steps(Frame& frame, size_t region, void* arena, kernel::Backend& through);
  CapturedSteps& captured(const Frame& frame, size_t region, void* arena);

  // binding.cpp: the executor's own steps, and the symbols that they find.
  void run_executors_step(Frame& frame, const lower::Step& step, RunOutputs* outputs);
  void bind_elements(const ir::Node& node, Frame& frame);
  void bind(const std::string& symbol, int64_t value, const ir::Node& node,
            const lower::Executable& executable);
  /// Waits, and reads integers or bools of backend memory.
  std::vector<int64_t> read_elements(const void* data, const kernel::Operand& type);
  int64_t read_scalar(Frame& frame, const ir::Node& node, size_t operand);
  RunValue value_of(const Frame& frame, ir::ValueId id) const;
  void give(Frame& frame, const ir::Node& node, size_t output, RunValue value, RunOutputs* outputs);
  void check_type(const ir::Node& node, const ir::ValueType& type, const RunValue& value,
                  std::span<const int> binds);
  RunValue fresh(kernel::Operand type, const ir::Node& node);
  RunValue scalar(DType dtype, int64_t value, const ir::Node& node);

  // host_steps.cpp: what runs on the host beside a device.
  void run_on_host(Frame& frame, const lower::Step& step, bool outermost);
  /// Where values lie in host memory: those of the device are brought there, and waited for.
  std::vector<const void*> bring_to_host(Frame& frame, std::span<const ir::ValueId> values);
  const void* known_on_host(Frame& frame, ir::ValueId id);
  void forget_fetched(Frame& frame);
  const HostStep& host_step(Frame& frame, const lower::Step& step);

  // control.cpp: nodes with bodies.
  void run_bodies(Frame& frame, const lower::Step& step, RunOutputs* outputs);
  void run_if(Frame& frame, const lower::Step& step, RunOutputs* outputs);
  void run_loop(Frame& frame, const lower::Step& step, RunOutputs* outputs);
  std::vector<RunValue> run_body(const lower::Executable& body, std::span<const RunValue> inputs,
                                 const ir::Node& node);
  RunValue stacked(const Frame& frame, const ir::Node& node, ir::ValueId id,
                   std::span<const RunValue> turns);

  // sequences.cpp: sequences and optionals.
  void run_sequence(Frame& frame, const ir::Node& node, RunOutputs* outputs);
  size_t position(Frame& frame, const ir::Node& node, size_t operand, size_t count,
                  bool behind = false);
  Tensors held_input(size_t input, const Sequences& sequences);
  Tensors held_copies(size_t input, const std::vector<TensorView>& views);
  void give_sequences(RunOutputs& outputs);
  RunValue concatenated(const Frame& frame, const ir::Node& node);

  // strings.cpp: ops that read or make characters; false for any other.
  class StringStep;
  bool run_strings(Frame& frame, const ir::Node& node, RunOutputs* outputs);
  /// A text of the run's own, to its end.
  const std::string* keep(std::string text);

  std::shared_ptr<Engine::Impl> engine_;
  std::unique_ptr<kernel::Queue> queue_;
  std::shared_ptr<BlockHeap> heap_;
  Arena arena_;
  Frame frame_;
  std::map<const lower::Executable*, std::unique_ptr<Frame>> bodies_;
  InputRules rules_;
  std::map<const lower::Region*, RegionLists> lists_;  // over listed_arena_
  void* listed_arena_ = nullptr;
  std::map<std::string, base::Regex> patterns_;

  // Of the run under way.
  kernel::Backend* through_ = nullptr;
  TimedBackend* timed_ = nullptr;  // where through_ is one
  std::shared_ptr<Flight> flight_;
  lower::SymbolValues symbols_;
  std::vector<const TensorView*> inputs_;  // in the graph's order
  std::deque<int64_t> scalars_;            // on their way to the device
  std::deque<std::string> strings_;        // that its values point to

  std::vector<std::shared_ptr<std::vector<std::byte>>> dense_;  // copies of strided inputs
  std::vector<Arena> device_inputs_;                            // of backends that are not the host
  std::vector<Arena> device_outputs_;  // and of outputs that the caller does not want
  std::vector<HostCopy> host_copies_;
  std::vector<const void*> host_inputs_;  // where they lie in host memory, or null
};

}  // namespace tenon::runtime
