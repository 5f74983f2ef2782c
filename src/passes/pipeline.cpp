// The ordered list of passes, and how it is run.
#include <algorithm>
#include <chrono>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "ir/verify.h"
#include "passes/rewrites.h"

namespace tenon::passes {
namespace {

constexpr Pass kPasses[] = {
    {"resolve", resolve_control},  // first: what vanishes needs no other pass
    {"shapes", simplify_shapes},   // early, so that the others see the arithmetic only
    {"common", merge_common},      // equal chains become one before use counts matter
    {"transpose_matmul", transpose_into_matmul},  // before bias: a transposed weight is then a leaf
    {"power", expand_powers},                     // before literal: it looks at scalar operands
    {"gelu", recognise_gelu},                     // before literal: it looks for single operations
    {"literal", constants_to_literals},           // before pointwise: fewer operands
    {"bias", add_into_bias},                      // before batch_norm, which folds through a bias
    {"batch_norm", fold_batch_norm},              // before epilogue, which ends what may be folded
    {"pointwise", fuse_pointwise},  // before epilogue: x * sigmoid(x) reads x once from here on
    {"layer_norm", recognise_layer_norm},  // before epilogue: its scale and shift are a chain
    {"sink_reshape", sink_reshape},  // before epilogue: what is between a product and its chain
    {"epilogue", fuse_epilogue},     // late: it takes what is left of a chain, whole
    {"attention", fuse_attention},   // last: what is done to scores is their product's epilogue
};

void check_names(const std::set<std::string>& without) {
  std::vector<std::string> known;
  for (const Pass& pass : kPasses) known.emplace_back(pass.name);
  for (const std::string& name : without) {
    if (std::ranges::find(known, name) != known.end()) continue;
    base::fail(ErrorCode::build, "without: {} is no pass; the passes are {}", base::quoted(name),
               base::join(known, ", "));
  }
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// The fraction counts hoist, which is one step more than there are passes.
void announce(const Options& options, size_t done) {
  if (options.step) options.step(static_cast<double>(done) / (std::size(kPasses) + 1));
}

ir::Graph run_passes(ir::Graph graph, const Options& options, Door& door) {
  for (size_t i = 0; i < std::size(kPasses); ++i) {
    const Pass& pass = kPasses[i];
    announce(options, i);
    if (options.without.contains(std::string(pass.name))) continue;
    const auto start = std::chrono::steady_clock::now();
    graph = pass.run(graph, door);
    const double seconds = seconds_since(start);
    ir::verify(graph);
    if (options.observe) options.observe(pass.name, graph, seconds);
  }
  return graph;
}

void log_shut_door(const std::set<std::string>& shut) {
  if (shut.empty()) return;
  std::vector<std::string> names;
  for (const std::string& name : shut) names.push_back(base::quoted(name));
  base::log(
      LogLevel::warn,
      "passes: power, gelu and literal could not look at {}, which have no bytes yet; what they "
      "feed stays general and may run slower: build with them for the faster form",
      base::join(names, ", "));
}

}  // namespace

std::span<const Pass> passes() { return kPasses; }

ir::Program compile(ir::Network network, const Options& options) {
  check_names(options.without);
  Door door(options.read_weight);
  const ir::Graph graph = run_passes(std::move(network.graph), options, door);
  announce(options, std::size(kPasses));
  ir::Program program;
  const auto start = std::chrono::steady_clock::now();
  hoist(graph, program.main, program.weights);
  const double seconds = seconds_since(start);
  program.leaves = std::move(network.leaves);
  program.guards = door.take_guards();
  ir::verify(program);
  if (options.observe) options.observe("hoist", program.main, seconds);
  log_shut_door(door.shut());
  return program;
}

}  // namespace tenon::passes
