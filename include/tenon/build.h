// Compiling a network into an engine.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "tenon/engine.h"
#include "tenon/network.h"

namespace tenon {

/// What is told of one axis of an input: a fixed extent, a range with a typical value, or a name.
struct Axis {
  int64_t least = -1, typical = -1, greatest = -1;  ///< all equal: fixed; all -1: named
  std::string name;

  Axis(int64_t extent)
      : least(extent), typical(extent), greatest(extent) {}  // NOLINT: an extent is an axis
  Axis(std::string name) : name(std::move(name)) {}          // NOLINT: and so is a name
  Axis(const char* name) : name(name) {}                     // NOLINT
  /// Between `least` and `greatest`; kernels are timed at `typical`.
  TENON_API static Axis range(int64_t least, int64_t typical, int64_t greatest);
};

struct BuildOptions {
  std::string device = "cpu";
  /// "all", "none", or names of leaves (exact).
  std::vector<std::string> refit = {"all"};
  /// By input; inputs that are not named keep the model's.
  std::map<std::string, std::vector<Axis>> shapes;
  /// Further names of weights, each to the weight's own: a refit may use any of them.
  std::map<std::string, std::string> aliases;
  int threads = 0;  ///< 0: all physical cores
  Tactics tactics = Tactics::time;
  Precision precision = Precision::model;  ///< others are for GPUs
  std::set<std::string> without;           ///< names of passes to leave out
  Memory memory = Memory::double_;
  int sets = 2;
  Sources sources = Sources::keep;
  std::stop_token stop;
  Progress progress;
};

/// Compiles. Throws BuildError (the network, names, shapes), Error(unavailable) for a device that
/// is not here, Error(cancelled).
TENON_API Engine build(const Network& network, const BuildOptions& options = {});

/// Names of the optimisation passes, in order: what `without` may hold.
TENON_API std::vector<std::string> pass_names();

}  // namespace tenon
