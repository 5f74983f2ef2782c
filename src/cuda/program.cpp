// Stages compiled, and their launches.
#include "cuda/program.h"

#include <algorithm>
#include <atomic>

#include "base/error.h"
#include "cuda/queue.h"

namespace tenon::cuda {

namespace {

// What a launch may carry: the driver takes 4 KiB of arguments.
constexpr size_t kMostNumbers = 480;
// More blocks than fill a device many times over only cost their start.
constexpr int64_t kMostBlocks = 16384;

/// As the prelude has it.
struct Buffers {
  std::array<void*, Launch::most_operands> at;
  void* scratch;
  uint32_t* failed;
};

struct LoadedStage {
  const Binary* binary = nullptr;
  std::vector<int64_t> numbers;
  unsigned blocks = 0, threads = 0;
  size_t shared = 0;
  /// A prepared kernel belongs to one engine, and so to one device.
  mutable std::atomic<FunctionHandle> function{nullptr};
};

struct Program {
  std::vector<LoadedStage> stages;
  const char* sentence = nullptr;

  explicit Program(size_t count) : stages(count) {}
};

unsigned blocks_of(const Stage& stage) {
  const int64_t wanted =
      stage.blocks > 0 ? stage.blocks : (stage.items + stage.threads - 1) / stage.threads;
  if (stage.blocks == 0) return static_cast<unsigned>(std::min(wanted, kMostBlocks));
  if (wanted > INT32_MAX)
    base::fail(ErrorCode::build, "{} blocks are more than a GPU takes; give smaller extents",
               wanted);
  return static_cast<unsigned>(wanted);
}

FunctionHandle function_of(const LoadedStage& stage, Queue& queue) {
  FunctionHandle function = stage.function.load(std::memory_order_acquire);
  if (!function) {
    function = queue.device().function(*stage.binary, stage.shared);
    stage.function.store(function, std::memory_order_release);
  }
  return function;
}

}  // namespace

kernel::Prepared prepare_stages(const Call& call, std::vector<Stage> stages, Needs needs) {
  std::erase_if(stages, [](const Stage& s) { return s.items <= 0 && s.blocks <= 0; });
  auto program = std::make_shared<Program>(stages.size());
  program->sentence = needs.sentence;
  for (size_t i = 0; i < stages.size(); ++i) {
    Stage& stage = stages[i];
    if (stage.numbers.size() > kMostNumbers) {
      base::fail(ErrorCode::build, "{}: its operands have too many axes for a GPU kernel",
                 call.op.info().name);
    }
    if (stage.numbers.empty()) stage.numbers.push_back(0);
    const std::string text =
        define("NUMBERS", static_cast<int64_t>(stage.numbers.size())) + stage.text;
    LoadedStage& loaded = program->stages[i];
    loaded.binary = &compile(text, call.target->architecture);
    loaded.blocks = blocks_of(stage);
    loaded.threads = stage.threads;
    loaded.shared = stage.shared;
    loaded.numbers = std::move(stage.numbers);
  }
  return {std::move(program), needs.scratch};
}

void run_stages(const Launch& launch) noexcept {
  auto& queue = static_cast<Queue&>(*launch.queue);
  const auto& program = *static_cast<const Program*>(launch.prepared);
  try {
    Buffers buffers{launch.buffers, launch.scratch, nullptr};
    if (program.sentence && !program.stages.empty())
      buffers.failed = queue.failure_word(launch, program.sentence);
    for (const LoadedStage& stage : program.stages) {
      void* arguments[] = {&buffers, const_cast<int64_t*>(stage.numbers.data())};
      queue.launch(function_of(stage, queue), {stage.blocks, stage.threads, stage.shared},
                   arguments);
    }
  } catch (const std::exception&) {
    queue.fail_launch(std::current_exception());
  }
}

std::string_view type_name(DType dtype) {
  if (is_narrow(dtype)) return "u8";
  return dtype == DType::bool_ ? "bool" : to_string(dtype);
}

std::string_view bits_name(DType dtype) {
  switch (byte_count(dtype, 1)) {
    case 1: return "u8";
    case 2: return "u16";
    case 4: return "u32";
    default: return "u64";
  }
}

std::string define_type(std::string_view name, std::string_view type) {
  return fmt::format("typedef {} {};\n", type, name);
}

std::string define(std::string_view name, int64_t value) {
  return fmt::format("#define {} {}\n", name, value);
}

Stage team_stage(std::string text, std::vector<int64_t> numbers, int64_t items, int64_t length) {
  constexpr int64_t kLong = 64;  // steps that make a block worth its barriers
  constexpr int64_t kTeam = 128;
  const bool by_blocks = length >= kLong;
  Stage stage{.text = define("TEAM", by_blocks ? kTeam : 1) + std::move(text),
              .numbers = std::move(numbers),
              .threads = kTeam};
  if (by_blocks)
    stage.blocks = std::min(items, kMostBlocks);
  else
    stage.items = items;
  return stage;
}

const char* plain_only(const Call& call) {
  const auto plain = [](const kernel::Operand& operand) { return operand.layout.plain(); };
  const bool all =
      std::ranges::all_of(call.inputs, plain) && std::ranges::all_of(call.outputs, plain);
  return all ? nullptr : "it takes plain layout only";
}

AroundAxis::AroundAxis(std::span<const int64_t> dims, int64_t axis) noexcept {
  const auto at = static_cast<size_t>(axis < 0 ? axis + std::ssize(dims) : axis);
  for (const int64_t before : dims.first(at)) outer *= before;
  for (const int64_t after : dims.subspan(at + 1)) inner *= after;
  extent = dims[at];
}

}  // namespace tenon::cuda
