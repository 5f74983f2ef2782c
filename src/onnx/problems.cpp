// All that a model needs and Tenon lacks, collected for one message.
#include "onnx/problems.h"

#include <algorithm>
#include <span>

#include "base/error.h"
#include "base/text.h"

namespace tenon::onnx {
namespace {

// Nodes of one op beyond these are counted, not listed.
constexpr size_t most_nodes = 5;

std::string listing(std::span<const std::string> nodes) {
  if (nodes.size() <= most_nodes) return base::join(nodes, ", ");
  return fmt::format("{} and {} more", base::join(nodes.first(most_nodes), ", "),
                     nodes.size() - most_nodes);
}

std::string heading(size_t count, std::string_view what) {
  return fmt::format("{} unsupported {}{}: ", count, what, count == 1 ? "" : "s");
}

}  // namespace

void Problems::add_op(const std::string& type, std::string name) {
  auto found =
      std::find_if(ops_.begin(), ops_.end(), [&](const auto& op) { return op.first == type; });
  if (found == ops_.end()) found = ops_.insert(ops_.end(), {type, {}});
  found->second.push_back(std::move(name));
}

void Problems::report() const {
  std::vector<std::string> ops;
  for (const auto& [type, nodes] : ops_)
    ops.push_back(
        fmt::format("{} ({} {})", type, nodes.size() == 1 ? "node" : "nodes", listing(nodes)));
  std::string message;
  if (!ops.empty()) message = heading(ops.size(), "op") + base::join(ops, ", ");
  if (!ops.empty() && !others_.empty()) message += "; ";
  if (!others_.empty()) message += heading(others_.size(), "feature") + base::join(others_, ", ");
  throw BuildError(ErrorCode::unsupported, message);
}

}  // namespace tenon::onnx
