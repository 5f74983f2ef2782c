// What a model's graph says about its names, before any node is imported.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/consumer.h"
#include "weights/onnx_wire.h"

namespace tenon::onnx {

namespace wire = weights::wire;

/// Facts by the name of a tensor.
struct GraphNames {
  std::map<std::string, std::vector<base::Consumer>> consumers;  ///< but for Identity
  std::map<std::string, int> uses;                               ///< by nodes and as graph outputs
  /// Leaves that reach, through nodes which need no graph input's elements, an operand whose
  /// elements become fields of an op; with the sentence that says so.
  std::map<std::string, std::string> read_while_building;
};

/// Throws bad_file, naming `file`, for a name that is defined twice, never, or after its use.
GraphNames study_names(const wire::Graph& graph, const std::string& file);

/// The node's name, quoted, or that of its first output where it has none.
std::string quoted_name(const wire::Node& node);
/// `Reshape "r1"`; other domains than the default one are told.
std::string label(const wire::Node& node);
/// The op with its domain, if that is not the default one: `com.microsoft.Gelu`.
std::string full_op_type(const wire::Node& node);
bool is_default_domain(const std::string& domain);

}  // namespace tenon::onnx
