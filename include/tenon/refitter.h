// Replacing the weights of an engine.
#pragma once

#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "tenon/engine.h"

namespace tenon {

/// A change of a weight W of n rows with k elements each: s·B·A, a being [rank, k] and b [n, rank].
struct LowRank {
  std::string adapter;  ///< whose it is; a weight has one of each
  TensorView a, b;
  double scale = 1;
};

/// Replaces named weights of an engine. Not thread-safe itself; contexts may keep running. Problems
/// are collected and reported together by prepare() and commit().
class TENON_API Refitter {
 public:
  explicit Refitter(const Engine& engine, const RefitOptions& options = {});
  ~Refitter();
  Refitter(Refitter&&) noexcept;
  Refitter& operator=(Refitter&&) noexcept;

  /// Copies; forgotten by a successful commit(). It may lie in the memory of the engine's device,
  /// dense.
  void set(std::string_view name, const TensorView& weight);
  /// Read at every commit, stays set until unset(); the caller keeps the bytes alive that long.
  void borrow(std::string_view name, const TensorView& weight);
  /// Tells of a weight that no view can hold ("an array of dtype complex64"): a problem where the
  /// engine needs it, else ignored.
  void set_unreadable(std::string_view name, const std::string& type);
  void unset(std::string_view name);
  /// safetensors (also a plan), ONNX, npz, or a folder of shards. Opens the file now, reads it at
  /// commit. A later set, borrow or load of a name wins. Throws RefitError for a file that cannot
  /// be read.
  void load(const std::filesystem::path& file);
  /// From the next commit() on the engine answers with W + Σ s·B·A, summed in the order of the
  /// adapters' names, in f32 (f64 for an f64 weight), and rounded once. W is kept: it is what
  /// refits go on to change, and what is read and saved. Terms of other adapters stay; a scale of 0
  /// takes one away. Copies.
  void add_low_rank(std::string_view name, const LowRank& term);
  /// Takes all terms away; those added afterwards stay.
  void clear_low_rank();
  /// What must still come before commit(): relative to what is set. Names are the engine's.
  std::vector<std::string> missing() const;
  /// Makes a complete set without publishing it. All or nothing: throws RefitError with every
  /// problem. In-place engines cannot: Error(unsupported).
  WeightSet prepare();
  /// publish(prepare()), in one hold of the writer's lock.
  RefitReport commit();
  /// Lets prepare() and commit() be stopped from another thread: Error(cancelled), nothing has
  /// changed.
  void set_stop_token(std::stop_token stop);
  /// Called by prepare() and commit() between weights, while the writer's lock is held: it must not
  /// call the engine's writers.
  void set_progress(Progress progress);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tenon
