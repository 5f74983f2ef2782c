// How engines are loaded and saved, and what building shares with that.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "tenon/weight_set.h"

namespace tenon {

/// Called with what is being done and the fraction done (0 to 1), from the working thread.
using Progress = std::function<void(std::string_view stage, double fraction)>;

/// Where a refit writes: into memory of its own (runs go on), or over the weights (runs wait, half
/// the memory).
enum class Memory { double_, in_place };
/// Whether the engine remembers each weight's bytes (partial refits, readback, save, reset), keeps
/// those that were arrays in a file without a name in the cache's folder, or forgets.
enum class Sources { keep, drop, file };

/// How to choose between kernels: by timing them here, or the first of each list that accepts
/// (reproducible plans).
enum class Tactics { time, first };

/// In what a device computes where the model says f32: as the model says; with the factors of
/// products rounded to tf32; with tensors of 16 bits between nodes and sums in f32. Inputs, outputs
/// and weights keep their types: the plan is the same, and runs as the model says where another
/// device loads it.
enum class Precision { model, tf32, fp16, bf16 };

struct LoadOptions {
  std::string device;              ///< "": the device that the plan was built for
  int threads = 0;                 ///< 0: all physical cores
  std::optional<Tactics> tactics;  ///< nothing: the kernels that the plan records
  Memory memory = Memory::double_;
  int sets = 2;
  Sources sources = Sources::keep;
  std::stop_token stop;
  Progress progress;
};

/// Which of the weights given to a refit are meant, and by what names. A given name loses `prefix`,
/// then `rename` has its say; what comes out is the engine's name, which `only` and `ignore` match.
struct RefitOptions {
  bool strict = false;    ///< refuse every name that the engine does not need
  bool complete = false;  ///< refuse unless every refittable weight is given
  std::string prefix;     ///< in front of the given names, such as "module."; names without it stay
  std::function<std::string(const std::string& name)> rename;  ///< null: as it is
  /// By the engine's name: axis i of the weight is axis permute[name][i] of what is given.
  std::map<std::string, std::vector<int64_t>> permute;
  std::vector<std::string> only;    ///< globs (`*`, `?`, `[…]`); empty: every name
  std::vector<std::string> ignore;  ///< globs of names that are left out
  /// What the given weights change; empty: the engine's current set. In-place engines have no
  /// other.
  WeightSet base;
  std::stop_token stop;
  Progress progress;
};

struct SaveOptions {
  bool strip = false;      ///< leave the refittable weights out
  bool identical = false;  ///< the saved plan takes only weights with these digests
  bool merge = false;      ///< weights with low-rank terms as the sums, not as their bases
  /// What the plan keeps for its caller, and Engine::notes() gives after a load: UTF-8, Tenon reads
  /// none of it. Nothing: those that the engine itself was loaded with.
  std::optional<std::map<std::string, std::string>> notes;
  std::stop_token stop;
  Progress progress;
};

}  // namespace tenon
