// build(): the passes, then what loading a plan does too.
#include "build/compile.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "passes/pass.h"
#include "runtime/backends.h"

namespace tenon::compiler {
namespace {

passes::RefitPolicy policy_of(const std::vector<std::string>& refit) {
  if (refit == std::vector<std::string>{"all"}) return {.kind = passes::RefitPolicy::Kind::all};
  if (refit == std::vector<std::string>{"none"} || refit.empty())
    return {.kind = passes::RefitPolicy::Kind::none};
  return {.kind = passes::RefitPolicy::Kind::names, .names = {refit.begin(), refit.end()}};
}

kernel::Precision precision_of(Precision precision) {
  switch (precision) {
    case Precision::tf32: return kernel::Precision::tf32;
    case Precision::fp16: return kernel::Precision::f16;
    case Precision::bf16: return kernel::Precision::bf16;
    case Precision::model: break;
  }
  return kernel::Precision::model;
}

void add_aliases(std::vector<ir::Leaf>& leaves, const std::map<std::string, std::string>& aliases) {
  std::vector<std::string> names;
  for (const ir::Leaf& leaf : leaves) names.push_back(leaf.name);
  for (const auto& [alias, name] : aliases) {
    if (std::ranges::find(names, alias) != names.end())
      base::fail(ErrorCode::build, "aliases: {} is a weight's own name; leave it out",
                 base::quoted(alias));
    const auto leaf = std::ranges::find(leaves, name, &ir::Leaf::name);
    if (leaf == leaves.end()) {
      const std::string near = base::nearest(name, names);
      base::fail(ErrorCode::build, "aliases: {} is to name {}, which is no weight of the network{}",
                 base::quoted(alias), base::quoted(name),
                 near.empty() ? "" : "; the nearest is " + base::quoted(near));
    }
    leaf->aliases.push_back(alias);  // sorted, as the map is
  }
}

std::optional<std::vector<std::byte>> value_of(
    const std::map<std::string, weights::TensorSource>& sources, const std::string& name) {
  const auto found = sources.find(name);
  if (found == sources.end()) return std::nullopt;
  const weights::TensorSource& source = found->second;
  std::vector<std::byte> bytes(source.size());
  weights::read_elements(source, 0, element_count(source.shape), source.dtype, bytes.data());
  return bytes;
}

}  // namespace

std::shared_ptr<Engine::Impl> compile(ir::Network network,
                                      std::map<std::string, weights::TensorSource> sources,
                                      const BuildOptions& options,
                                      std::shared_ptr<kernel::Backend> backend) {
  if (!backend) backend = runtime::make_backend(options.device, options.threads);
  plan::PlanFile file;
  network = apply_shapes(std::move(network), options.shapes, file.plan.ranges);
  add_aliases(network.leaves, options.aliases);
  network = passes::freeze(std::move(network), policy_of(options.refit));

  passes::Options pass_options;
  pass_options.without = options.without;
  pass_options.read_weight = [&](const std::string& name) { return value_of(sources, name); };
  pass_options.observe = [](std::string_view pass, const ir::Graph& after, double seconds) {
    base::log(LogLevel::debug, "pass {}: {} nodes, {:.3f} ms", pass, after.nodes().size(),
              seconds * 1e3);
  };
  pass_options.step = [&](double fraction) {
    base::throw_if_stopped(options.stop);
    if (options.progress) options.progress("passes", fraction);
  };
  file.plan.program = passes::compile(std::move(network), pass_options);
  file.sources = std::move(sources);

  lower::Options lowering;
  lowering.tactics =
      options.tactics == Tactics::first ? lower::Tactics::first : lower::Tactics::time;
  lowering.ranges = file.plan.ranges;
  lowering.precision = precision_of(options.precision);
  lowering.stop = options.stop;
  lowering.progress = options.progress;
  const runtime::EngineOptions engine_options{.device = options.device,
                                              .threads = options.threads,
                                              .memory = options.memory,
                                              .sets = options.sets,
                                              .sources = options.sources};
  return runtime::make_engine(std::move(file), std::move(backend), lowering, engine_options);
}

}  // namespace tenon::compiler
