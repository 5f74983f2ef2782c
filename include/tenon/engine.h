// A compiled network with its weights.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tenon/error.h"
#include "tenon/layers.h"
#include "tenon/options.h"
#include "tenon/tensor.h"
#include "tenon/weight_set.h"

namespace tenon {

/// What an input or output is: a tensor, any number of tensors, one or none; a sequence or none; or
/// maps, which are two tensors: the keys [k], and a row [n, k] of values for each map.
enum class PortKind : uint8_t { tensor, sequence, optional, optional_sequence, maps };

/// An input or output. Dtype and shape are a tensor's, or those of the tensors in it.
struct Port {
  std::string name;
  DType dtype = DType::f32;
  /// Numbers, or expressions over named extents: {"n", "1", "28", "28"}; {"..."} where not even the
  /// rank is known before a run.
  std::vector<std::string> shape;
  PortKind kind = PortKind::tensor;
};

/// A refittable weight.
struct WeightInfo {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;
  bool guarded = false;              ///< the build used its value: a refit must bring the same bits
  std::vector<std::string> slots;    ///< the engine's tables that are made from it
  std::vector<std::string> kernels;  ///< the kernels that read those
  std::vector<std::string> aliases;  ///< its further names; see BuildOptions::aliases
};

/// A frozen tensor, and why.
struct ConstantInfo {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;
  std::string reason;
};

/// What a refit did.
struct RefitReport {
  std::vector<std::string> changed;            ///< weights that were given
  std::map<std::string, std::string> ignored;  ///< given, and not used: why
  std::vector<std::string> kept;               ///< refittable weights that were not given
  /// By weight: finite values that became infinite in its dtype.
  std::map<std::string, int64_t> overflowed;
  double seconds = 0;
  uint64_t bytes = 0;    ///< bytes of slots written
  uint64_t version = 0;  ///< of the weights now current
};

/// A compiled network. Copies are handles of one engine. All methods may be called from any thread.
class TENON_API Engine {
 public:
  /// Throws PlanError, io, unavailable. A stripped plan loads and is not ready().
  static Engine load(const std::filesystem::path& path, const LoadOptions& options = {});
  /// The same of a plan in memory, which the engine keeps.
  static Engine load(std::vector<std::byte> plan, const LoadOptions& options = {});
  /// Writes beside the target and renames: an error leaves the old file.
  void save(const std::filesystem::path& path, const SaveOptions& options = {}) const;
  /// The plan that save() would write.
  std::vector<std::byte> to_bytes(const SaveOptions& options = {}) const;

  /// What the plan that it was loaded from keeps for its caller; see SaveOptions::notes.
  const std::map<std::string, std::string>& notes() const;

  std::vector<Port> inputs() const;
  std::vector<Port> outputs() const;
  /// What outputs() are for inputs of these extents, without a run: -1 where only a run tells, and
  /// nothing where not even the rank is known. Throws InputError as a run would.
  std::map<std::string, std::optional<Shape>> output_shapes(
      const std::map<std::string, Shape>& inputs) const;
  const std::string& device() const;

  /// Refittable weights, sorted by name, guarded ones included.
  std::vector<WeightInfo> weights() const;
  std::vector<ConstantInfo> constants() const;
  /// The current value of a weight in the user's layout. Throws Error(not_ready) where there is
  /// none.
  Tensor read_weight(const std::string& name) const;
  /// "xxh3:…" of read_weight()'s bytes.
  std::string digest(const std::string& name) const;

  /// All weights are there.
  bool ready() const;
  /// Version of the current weights; 0 when not ready.
  uint64_t version() const;
  WeightSet current() const;
  /// Makes a set of this engine the current one: atomic; runs under way finish with theirs.
  void publish(const WeightSet& set);

  /// refitter().load(file) and commit().
  RefitReport refit(const std::filesystem::path& file, const RefitOptions& options = {});
  /// Reads the views while it packs; they are not kept.
  RefitReport refit(const std::map<std::string, TensorView>& weights,
                    const RefitOptions& options = {});
  /// Back to the weights that the engine was built or loaded with.
  RefitReport reset();

  /// The steps of a run, in order.
  std::vector<LayerInfo> layers() const;
  /// Nodes that are no steps, since their results lie in the memory of other values: views, and
  /// joins whose parts are made in place. They have no kernel.
  std::vector<LayerInfo> views() const;
  /// Kernels, timings and refusals for each node, as text.
  std::string explain() const;

  struct Impl;
  explicit Engine(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  const std::shared_ptr<Impl>& impl() const noexcept { return impl_; }

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace tenon
