// What a pass is given besides the graph, and how the list of them is run.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ir/program.h"

namespace tenon::passes {

/// The door to weights' values: the one way in which a pass learns the bytes of a refittable
/// weight. Every look is recorded as a guard. Shut (nothing) for weights without bytes and for
/// those larger than 1 KiB.
class Door {
 public:
  /// The bytes of a weight in its dtype, or nothing. Called at most once per weight.
  using Reader = std::function<std::optional<std::vector<std::byte>>(const std::string& weight)>;

  explicit Door(Reader reader = {}) : reader_(std::move(reader)) {}
  /// The weight's value, without a guard yet: for looking whether a rewrite applies.
  const std::vector<std::byte>* peek(const std::string& weight);
  /// Records that `pass` rewrote by this weight's value.
  void guard(const std::string& weight, std::string_view pass);
  std::vector<ir::Guard> take_guards();
  /// Weights that were asked for and had no bytes: what the shut door cost, for the log.
  const std::set<std::string>& shut() const { return shut_; }

 private:
  Reader reader_;
  std::map<std::string, std::optional<std::vector<std::byte>>> seen_;
  std::map<std::pair<std::string, std::string>, ir::Guard> guards_;  // by weight and pass
  std::set<std::string> shut_;
};

/// A pass: its name (for `without`, guards and dumps), and the function from graph to graph.
struct Pass {
  std::string_view name;
  ir::Graph (*run)(const ir::Graph& graph, Door& door);
};

/// The passes before hoist, in order.
std::span<const Pass> passes();

/// What a run of the pipeline may be told.
struct Options {
  std::set<std::string> without;  ///< names of passes to leave out; an unknown one is a BuildError
  Door::Reader read_weight;       ///< see Door
  /// Dumps and timings.
  std::function<void(std::string_view pass, const ir::Graph& after, double seconds)> observe;
  std::function<void(double fraction)> step;  ///< before each pass; may throw to cancel
};

/// Which leaves may be refitted.
struct RefitPolicy {
  enum class Kind { all, none, names };
  Kind kind = Kind::all;
  /// Leaf names, constants too, and globs of weights; one that names nothing is a BuildError with
  /// the nearest.
  std::set<std::string> names;
};

/// Turns weights into constants and back by the policy and by what infer() reads; fills the leaf
/// table's reasons.
ir::Network freeze(ir::Network network, RefitPolicy policy);

/// Runs the passes, verifying after each, then hoist.
ir::Program compile(ir::Network network, const Options& options);

/// Splits a graph into main and weights graph. The last step of compile(); never switched off.
void hoist(const ir::Graph& graph, ir::Graph& main, ir::Graph& weights);

}  // namespace tenon::passes
