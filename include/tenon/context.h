// Running an engine.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "tenon/engine.h"

namespace tenon {

/// What a run gives: outputs by name, and the version of the weights that made all of them.
struct Outputs {
  std::map<std::string, Tensor> tensors;
  /// Outputs that are no tensors (PortKind), in host memory. An optional sequence that is none has
  /// no entry.
  std::map<std::string, std::vector<Tensor>> sequences;
  uint64_t version = 0;

  /// Throws InputError with the nearest name where there is none of this.
  TENON_API const Tensor& operator[](const std::string& name) const;
};

/// How to run.
struct RunOptions {
  WeightSet weights;  ///< empty: the current ones
  /// Inputs that are sequences, and optionals: of one tensor, or none. In host memory. An optional
  /// sequence that is none has no entry.
  std::map<std::string, std::vector<TensorView>> sequences = {};
  /// Gets what each of Engine::layers() took. Each step is then waited for.
  std::vector<LayerTime>* step_times = nullptr;
  std::stop_token stop;         ///< looked at between steps; the run then throws Error(cancelled)
  bool device_outputs = false;  ///< fresh outputs lie in the memory of the engine's device
};

/// A run that was submitted. What it was given to read and write stays untouched until it is done;
/// its end waits. It keeps all that it uses, so that its context and engine may go before it.
class TENON_API Run {
 public:
  Run(Run&&) noexcept;
  Run& operator=(Run&&) noexcept;
  ~Run();

  /// What it gave: its fresh tensors, if it made any, and the version. Throws its error, as
  /// Context::run does, as often as it is asked.
  const Outputs& wait();
  /// wait() need not wait.
  bool done() const;
  /// Of the weights it runs with; 0 where an error kept it from starting.
  uint64_t version() const;

 private:
  friend class Context;
  struct Impl;
  explicit Run(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// One place to run an engine: working memory and the shapes seen. One thread at a time; make one
/// for each thread. Keeps the engine alive.
class TENON_API Context {
 public:
  explicit Context(const Engine& engine);
  ~Context();
  Context(Context&&) noexcept;
  Context& operator=(Context&&) noexcept;

  /// Runs with the current weights (or `weights`), which stay the same to its end. Inputs, and what
  /// `out` names, lie in host memory or in that of the engine's device, where they are used as they
  /// lie: dense, and written before. Outputs are fresh tensors. Throws InputError (names, dtypes,
  /// shapes, a data error), NotReadyError.
  Outputs run(const std::map<std::string, TensorView>& inputs, const RunOptions& options = {});
  /// Writes the outputs named in `out` where they point to (dense, right dtype and shape), without
  /// allocating once the shapes have been seen; outputs that are not named are not given. Returns
  /// the version.
  uint64_t run(const std::map<std::string, TensorView>& inputs,
               const std::map<std::string, TensorView>& out, const RunOptions& options = {});

  /// As run(), but returns when all is queued: errors come out of Run::wait(). Runs of one context
  /// follow one another. A device goes on meanwhile; the CPU works here, and the run is done.
  Run submit(const std::map<std::string, TensorView>& inputs, const RunOptions& options = {});
  Run submit(const std::map<std::string, TensorView>& inputs,
             const std::map<std::string, TensorView>& out, const RunOptions& options = {});

  /// What each of Engine::layers() takes, the median of its seconds over `runs` runs (at least 1)
  /// after one that is not counted. Each step is waited for. Throws as run().
  std::vector<LayerTime> profile(const std::map<std::string, TensorView>& inputs, int runs);

 private:
  friend class Run;
  struct Impl;
  std::shared_ptr<Impl> impl_;  // its runs share it
};

/// Contexts of one engine for callers on any thread: each run takes a free one, or makes one. Those
/// that were not needed during the last 64 to 128 runs are dropped. Thread-safe.
class TENON_API ContextPool {
 public:
  explicit ContextPool(const Engine& engine);
  /// As Context::run.
  Outputs run(const std::map<std::string, TensorView>& inputs, const RunOptions& options = {});
  uint64_t run(const std::map<std::string, TensorView>& inputs,
               const std::map<std::string, TensorView>& out, const RunOptions& options = {});

 private:
  using Lease = std::unique_ptr<Context, std::function<void(Context*)>>;
  Lease take();
  void give_back(std::unique_ptr<Context> context);

  Engine engine_;
  struct Lock;  // one that a child of fork() finds free
  std::shared_ptr<Lock> lock_;
  std::vector<std::unique_ptr<Context>> free_;  // the last used at the end
  size_t taken_ = 0, most_taken_ = 0;           // now, and at one time since runs_ was 0
  int runs_ = 0;
};

}  // namespace tenon
