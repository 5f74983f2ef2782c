// Initializers whose bytes the caller of load_onnx() has, and not the model.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "weights/lifted_names.h"

namespace tenon::onnx {

/// Where the bytes of initializers are, beside the model: tenon::OnnxOptions as sources.
struct ReadOptions {
  std::filesystem::path folder;
  std::optional<std::map<std::string, weights::TensorSource>> weights{std::in_place};
};

/// By their names in the whole model.
class GivenInitializers {
 public:
  explicit GivenInitializers(const ReadOptions& options)
      : none_at_all_(!options.weights), weights_(options.weights.value_or(decltype(weights_)())) {}

  /// Those that are refittable wait for a refit.
  bool none_at_all() const { return none_at_all_; }
  /// Throws BuildError, naming all of them, for given names that no initializer has.
  void check_names(const weights::wire::Graph& model,
                   const weights::wire::LiftedNames& lifted) const;
  /// What was given for an initializer of this type; throws BuildError where it is of another.
  std::optional<weights::TensorSource> find(const std::string& name, DType dtype,
                                            const Shape& shape) const;

 private:
  bool none_at_all_;
  std::map<std::string, weights::TensorSource> weights_;
};

}  // namespace tenon::onnx
