// ONNX models as their files have them: for programs that look before they build.
#pragma once

#include "tenon/error.h"
#include "tenon/onnx.h"

namespace tenon {

/// An initializer, or a tensor in an attribute. Its bytes stay where they are until read().
struct TENON_API OnnxTensor {
  std::string name;
  std::string whole_name;      ///< of an initializer of a body: its name among the model's weights
  std::string type;            ///< ONNX's name of it: "FLOAT"
  std::optional<DType> dtype;  ///< nothing: a type that Tenon lacks
  Shape shape;

  /// A copy of the bytes. Throws BuildError where they cannot be had: damage, a type that Tenon
  /// lacks, external data that is not there.
  Tensor read() const;

  struct Impl;
  std::shared_ptr<const Impl> impl;
};

/// An input or output of a graph.
struct OnnxPort {
  std::string name;
  std::string type;            ///< ONNX's name of it; "UNDEFINED" where it is no tensor
  std::optional<DType> dtype;  ///< nothing: a type that Tenon lacks
  std::optional<std::vector<Extent>> extents;  ///< nothing: of unknown rank
};

struct OnnxGraph;

/// An attribute; std::monostate is a kind that Tenon does not read.
using OnnxAttribute =
    std::variant<std::monostate, int64_t, float, std::string, std::vector<int64_t>,
                 std::vector<float>, std::vector<std::string>, OnnxTensor,
                 std::shared_ptr<const OnnxGraph>>;

struct OnnxNode {
  std::string op, domain, name;
  std::vector<std::string> inputs, outputs;  ///< "" for one that is not there
  std::map<std::string, OnnxAttribute> attributes;
};

/// A model's graph, or one in an attribute: nodes in the order of the file.
struct OnnxGraph {
  std::vector<OnnxNode> nodes;
  std::vector<OnnxTensor> initializers;
  std::vector<OnnxPort> inputs, outputs;
};

/// A model that was opened, and not imported. Copies share it.
class TENON_API OnnxModel {
 public:
  const OnnxGraph& graph() const;
  /// The version of a domain's operators ("" is ONNX's own); 0 where the model imports none.
  int64_t opset(const std::string& domain = "") const;
  /// All that keeps load_onnx() from importing it; empty where it can.
  std::vector<Problem> problems() const;

  struct Impl;
  explicit OnnxModel(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  const std::shared_ptr<const Impl>& impl() const { return impl_; }

 private:
  std::shared_ptr<const Impl> impl_;
};

/// Reads what a model says, and no bytes of its weights. Throws BuildError for damage.
TENON_API OnnxModel open_onnx(const std::filesystem::path& path, const OnnxOptions& options = {});
/// The bytes are copied.
TENON_API OnnxModel open_onnx(std::span<const std::byte> bytes, const OnnxOptions& options = {});
/// The same network as load_onnx() makes of the file.
TENON_API Network load_onnx(const OnnxModel& model);

}  // namespace tenon
