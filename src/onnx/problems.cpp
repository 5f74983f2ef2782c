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

void Problems::add(const char* kind, std::string what, const weights::wire::Node* node,
                   int64_t index) {
  Problem problem{.kind = kind, .index = index, .message = std::move(what)};
  if (node) {
    problem.node = name_of(*node);
    problem.op = full_op_type(*node);
  }
  problems_.push_back(std::move(problem));
}

void Problems::report() const {
  std::vector<std::pair<std::string, std::vector<std::string>>> nodes_of;  // by op type
  std::vector<std::string> ops, others;
  for (const Problem& problem : problems_) {
    if (problem.kind != "op") {
      others.push_back(problem.message);
      continue;
    }
    auto found = std::ranges::find(nodes_of, problem.op, [](const auto& op) { return op.first; });
    if (found == nodes_of.end()) found = nodes_of.insert(nodes_of.end(), {problem.op, {}});
    found->second.push_back(base::quoted(problem.node));
  }
  for (const auto& [type, nodes] : nodes_of)
    ops.push_back(
        fmt::format("{} ({} {})", type, nodes.size() == 1 ? "node" : "nodes", listing(nodes)));
  std::string message;
  if (!ops.empty()) message = heading(ops.size(), "op") + base::join(ops, ", ");
  if (!ops.empty() && !others.empty()) message += "; ";
  if (!others.empty()) message += heading(others.size(), "feature") + base::join(others, ", ");
  throw BuildError(ErrorCode::unsupported, message, problems_);
}

}  // namespace tenon::onnx
