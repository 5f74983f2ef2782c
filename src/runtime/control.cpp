// If and Loop: bodies run in frames of their own, and what they make becomes the node's outputs.
#include <algorithm>

#include "base/error.h"
#include "ir/ops.h"
#include "lower/call.h"
#include "runtime/runner.h"

namespace tenon::runtime {
using ir::index;

std::vector<RunValue> Runner::run_body(const lower::Executable& body,
                                       std::span<const RunValue> inputs, const ir::Node& node) {
  std::unique_ptr<Frame>& kept = bodies_[&body];
  if (!kept) kept = std::make_unique<Frame>(body, engine_->lowered.slots);
  Frame& frame = *kept;
  if (!frame.own_symbols) {
    frame.own_symbols.emplace();
    for (const std::string& name : body.graph.symbols()) {
      const int number = body.symbols->number(name);
      if (symbols_[static_cast<size_t>(number)] == lower::unknown) {
        frame.own_symbols->push_back(number);
      }
    }
  }
  for (const int number : *frame.own_symbols) {
    symbols_[static_cast<size_t>(number)] = lower::unknown;
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    const ir::ValueId id = body.graph.inputs()[i];
    check_type(node, body.graph.type(id), inputs[i], *frame.own_symbols);
    if (!body.graph.type(id).dims) frame.types.insert_or_assign(id, inputs[i].type);
    frame.buffers[index(id)] = inputs[i].data;
    frame.tensors[index(id)] = inputs[i].tensors;
  }
  place_weights(frame);
  run_regions(frame, nullptr);
  std::vector<RunValue> results;
  for (const ir::Output& output : body.graph.outputs()) {
    results.push_back(value_of(frame, output.value));
  }
  for (kernel::Buffer& memory : frame.blocks) memory.reset();
  for (Tensors& tensors : frame.tensors) tensors.reset();
  return results;
}

void Runner::run_if(Frame& frame, const lower::Step& step, RunOutputs* outputs) {
  const ir::Node& node = frame.executable.node_of(step);
  const bool condition = read_scalar(frame, node, 0) != 0;
  std::vector<RunValue> captures;
  for (size_t i = 1; i < node.inputs.size(); ++i) {
    captures.push_back(value_of(frame, node.inputs[i]));
  }
  std::vector<RunValue> results = run_body(*step.bodies[condition ? 0 : 1], captures, node);
  for (size_t i = 0; i < results.size(); ++i) {
    give(frame, node, i, std::move(results[i]), outputs);
  }
}

void Runner::run_loop(Frame& frame, const lower::Step& step, RunOutputs* outputs) {
  const ir::Node& node = frame.executable.node_of(step);
  const auto carried = static_cast<size_t>(node.as<ir::Loop>()->carried);
  const int64_t turns = node.inputs[0] == ir::absent ? INT64_MAX : read_scalar(frame, node, 0);
  bool goes_on = node.inputs[1] == ir::absent || read_scalar(frame, node, 1) != 0;
  std::vector<RunValue> inputs(2);
  for (size_t i = 2; i < node.inputs.size(); ++i) {
    inputs.push_back(value_of(frame, node.inputs[i]));
  }
  std::vector<std::vector<RunValue>> scanned(node.outputs.size() - carried);
  for (int64_t turn = 0; turn < turns && goes_on; ++turn) {
    inputs[0] = scalar(DType::i64, turn, node);
    inputs[1] = scalar(DType::bool_, 1, node);
    std::vector<RunValue> results = run_body(*step.bodies[0], inputs, node);
    goes_on = read_elements(results[0].data, results[0].type)[0] != 0;
    for (size_t i = 0; i < carried; ++i) inputs[2 + i] = std::move(results[1 + i]);
    for (size_t i = 0; i < scanned.size(); ++i) {
      scanned[i].push_back(std::move(results[1 + carried + i]));
    }
  }
  for (size_t i = 0; i < carried; ++i) give(frame, node, i, std::move(inputs[2 + i]), outputs);
  for (size_t i = 0; i < scanned.size(); ++i) {
    const ir::ValueId id = node.outputs[carried + i];
    give(frame, node, carried + i, stacked(frame, node, id, scanned[i]), outputs);
  }
}

/// What the turns made, one after another along a new axis. Of no turns, extents that only a turn
/// finds are 0.
RunValue Runner::stacked(const Frame& frame, const ir::Node& node, ir::ValueId id,
                         std::span<const RunValue> turns) {
  const ir::ValueType& type = frame.executable.graph.type(id);
  kernel::Operand whole{.dtype = type.dtype};
  if (turns.empty()) {
    const lower::Bindings known = frame.executable.symbols->bindings(symbols_);
    for (const ir::Dim& dim : type.dims.value_or(ir::Dims{0})) {
      std::vector<std::string> names;
      dim.symbols(names);
      const bool told =
          std::ranges::all_of(names, [&](auto& name) { return known.contains(name); });
      whole.dims.push_back(told ? lower::extent_at(dim, known) : 0);
    }
    if (!whole.dims.empty()) whole.dims[0] = 0;
    return fresh(std::move(whole), node);
  }
  whole.dims = turns[0].type.dims;
  whole.dims.insert(whole.dims.begin(), static_cast<int64_t>(turns.size()));
  const size_t bytes = turns[0].type.bytes();
  RunValue result = fresh(std::move(whole), node);
  auto* to = static_cast<std::byte*>(result.data);
  for (const RunValue& turn : turns) {
    if (turn.type.dims != turns[0].type.dims) {
      throw InputError(
          fmt::format("{}: one turn makes {}, the first made {}; what is stacked has "
                      "one shape",
                      ir::describe(node), turn.type.text(), turns[0].type.text()));
    }
    copy(to, turn.data, bytes);
    to += bytes;
  }
  return result;
}

}  // namespace tenon::runtime
