// Programs from text, lowered and run on the fake backend.
#pragma once

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "ir/text.h"
#include "lower/fake_backend_for_test.h"
#include "lower/lower.h"

namespace tenon::lower {

using Tensors = std::map<std::string, std::vector<float>>;

/// A program of two graph texts; the leaf table is made from the weights graph.
inline ir::Program program_of(const std::string& main, const std::string& weights) {
  ir::Program program;
  program.main = ir::parse(main);
  program.weights = ir::parse(weights);
  for (const ir::ValueId id : program.weights.leaves()) {
    const ir::GraphValue& leaf = program.weights.value(id);
    const bool refittable = leaf.origin == ir::Origin::weight;
    program.leaves.push_back(
        {leaf.name, leaf.value.type, refittable, refittable ? "" : "frozen", {}});
  }
  return program;
}

inline Lowered lower_first(const ir::Program& program, FakeBackend& backend) {
  return lower(program, backend, {.tactics = Tactics::first});
}

/// Runs an executable at `bindings`: named values in, outputs by name. Memory that nobody wrote
/// holds NaN.
inline Tensors run(const Executable& executable, FakeBackend& backend, const Tensors& given,
                   const Bindings& bindings = {}) {
  const SymbolValues symbols = executable.symbols->values(bindings);
  const auto signature = make_signature(executable, bindings, backend);
  const ir::Graph& graph = executable.graph;
  std::vector<void*> buffers(graph.values().size());
  std::vector<std::vector<float>> memory(graph.values().size());
  for (size_t i = 0; i < buffers.size(); ++i) {
    const ir::GraphValue& value = graph.values()[i];
    if (value.origin == ir::Origin::node) continue;
    memory[i] = given.at(value.name);
    buffers[i] = memory[i].data();
  }
  for (const ir::Output& output : graph.outputs()) {
    const auto i = static_cast<size_t>(output.value);
    memory[i].assign(static_cast<size_t>(operand_of(executable, output.value, symbols).elements()),
                     NAN);
    buffers[i] = memory[i].data();
  }
  std::vector<float> arena(signature->arena_bytes / sizeof(float) + 64, NAN);
  kernel::RunState state;
  const auto queue = backend.queue();
  run_steps(executable, executable.regions[0], *signature, backend, *queue, arena.data(), buffers,
            state);
  Tensors outputs;
  for (const ir::Output& output : graph.outputs()) {
    outputs[output.name] = memory[static_cast<size_t>(output.value)];
  }
  return outputs;
}

/// Evaluates all slots from leaves, then the main graph.
inline Tensors run(const Lowered& lowered, FakeBackend& backend, Tensors inputs,
                   const Tensors& leaves, const Bindings& bindings = {}) {
  for (const SlotProgram& slot : lowered.slots) {
    if (slot.is_source()) {
      inputs[slot.name] = leaves.at(slot.leaves.at(0));
      continue;
    }
    // A slot's executable has one output, in the slot's type.
    const ir::Graph& graph = slot.code->executable.graph;
    std::vector<void*> buffers(graph.values().size());
    std::vector<std::vector<float>> memory(graph.values().size());
    for (const ir::ValueId id : graph.inputs()) {
      const auto i = static_cast<size_t>(id);
      memory[i] = leaves.at(slot.leaves.at(std::stoul(graph.value(id).name)));
      buffers[i] = memory[i].data();
    }
    std::vector<float> result(slot.type.bytes() / sizeof(float), NAN);
    buffers[static_cast<size_t>(graph.outputs().at(0).value)] = result.data();
    std::vector<float> arena(slot.code->signature->arena_bytes / sizeof(float) + 64, NAN);
    kernel::RunState state;
    const auto queue = backend.queue();
    const Executable& executable = slot.code->executable;
    run_steps(executable, executable.regions[0], *slot.code->signature, backend, *queue,
              arena.data(), buffers, state);
    inputs[slot.name] = std::move(result);
  }
  return run(lowered.main, backend, inputs, bindings);
}

}  // namespace tenon::lower
