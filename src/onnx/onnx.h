// ONNX models as networks.
#pragma once

#include <filesystem>
#include <memory>

#include "base/byte_source.h"
#include "onnx/given.h"
#include "onnx/leaf_table.h"

namespace tenon::onnx {

/// A network under construction.
struct Draft {
  ir::GraphBuilder builder;
  LeafTable leaves;
};

/// Imports a model. Ops, attributes and types that are not supported are collected and thrown as
/// one BuildError (unsupported) that lists them with the nodes' names; damage is bad_file.
Draft read(const std::filesystem::path& path, ReadOptions options);
Draft read(std::shared_ptr<const base::ByteSource> bytes, const ReadOptions& options);

/// An imported model: the network, and for every leaf that has bytes where they are.
struct Model {
  ir::Network network;
  std::map<std::string, weights::TensorSource> sources;
};

/// The network as it stands.
Model finish(Draft draft);
/// finish() of read().
Model load(const std::filesystem::path& path);
Model load(std::shared_ptr<const base::ByteSource> bytes, const std::filesystem::path& folder);

}  // namespace tenon::onnx
