// Running an engine.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "tenon/engine.h"

namespace tenon {

/// What a run gives: outputs by name, and the version of the weights that made all of them.
struct Outputs {
  std::map<std::string, Tensor> tensors;
  uint64_t version = 0;

  const Tensor& operator[](const std::string& name) const { return tensors.at(name); }
};

/// One place to run an engine: working memory and the shapes seen. One thread at a time; make one
/// for each thread. Keeps the engine alive.
class TENON_API Context {
 public:
  explicit Context(const Engine& engine);
  ~Context();
  Context(Context&&) noexcept;
  Context& operator=(Context&&) noexcept;

  /// Runs with the current weights (or `weights`), which stay the same to its end. Outputs are
  /// fresh tensors. Throws InputError (names, dtypes, shapes, a data error), NotReadyError.
  Outputs run(const std::map<std::string, TensorView>& inputs, const WeightSet& weights = {});
  /// Writes the outputs named in `out` where they point to (dense, right dtype and shape), without
  /// allocating once the shapes have been seen; outputs that are not named are not given. Returns
  /// the version.
  uint64_t run(const std::map<std::string, TensorView>& inputs,
               const std::map<std::string, TensorView>& out, const WeightSet& weights = {});

  /// Median seconds of each of Engine::layers() over `runs` runs (at least 1) after one that is not
  /// counted. Each step is waited for. Throws as run().
  std::vector<double> profile(const std::map<std::string, TensorView>& inputs, int runs);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Contexts of one engine for callers on any thread: each run takes a free one, or makes one. Those
/// that were not needed during the last 64 to 128 runs are dropped. Thread-safe.
class TENON_API ContextPool {
 public:
  explicit ContextPool(const Engine& engine);
  /// As Context::run.
  Outputs run(const std::map<std::string, TensorView>& inputs, const WeightSet& weights = {});
  uint64_t run(const std::map<std::string, TensorView>& inputs,
               const std::map<std::string, TensorView>& out, const WeightSet& weights = {});

 private:
  using Lease = std::unique_ptr<Context, std::function<void(Context*)>>;
  Lease take();
  void give_back(std::unique_ptr<Context> context);

  Engine engine_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Context>> free_;  // the last used at the end
  size_t taken_ = 0, most_taken_ = 0;           // now, and at one time since runs_ was 0
  int runs_ = 0;
};

}  // namespace tenon
