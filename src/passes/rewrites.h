// The passes, one file each; pipeline.cpp puts them in order and says why.
#pragma once

#include "passes/pass.h"

namespace tenon::passes {

ir::Graph resolve_control(const ir::Graph& graph, Door& door);
ir::Graph simplify_shapes(const ir::Graph& graph, Door& door);
ir::Graph merge_common(const ir::Graph& graph, Door& door);
ir::Graph transpose_into_matmul(const ir::Graph& graph, Door& door);
ir::Graph expand_powers(const ir::Graph& graph, Door& door);
ir::Graph recognise_gelu(const ir::Graph& graph, Door& door);
ir::Graph constants_to_literals(const ir::Graph& graph, Door& door);
ir::Graph add_into_bias(const ir::Graph& graph, Door& door);
ir::Graph fold_batch_norm(const ir::Graph& graph, Door& door);
ir::Graph fuse_pointwise(const ir::Graph& graph, Door& door);
ir::Graph recognise_layer_norm(const ir::Graph& graph, Door& door);
ir::Graph sink_reshape(const ir::Graph& graph, Door& door);
ir::Graph fuse_epilogue(const ir::Graph& graph, Door& door);
ir::Graph fuse_attention(const ir::Graph& graph, Door& door);

}  // namespace tenon::passes
