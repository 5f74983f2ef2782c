// The import functions, one per ONNX op, by topic.
#pragma once

#include "onnx/node_context.h"

namespace tenon::onnx {

// import_pointwise.cpp
Outputs import_formula(NodeContext& node);  ///< every op whose definition is one expression
Outputs import_variadic(NodeContext& node);
Outputs import_clip(NodeContext& node);
Outputs import_pow(NodeContext& node);
Outputs import_mod(NodeContext& node);
Outputs import_bit_shift(NodeContext& node);
Outputs import_gelu(NodeContext& node);
Outputs import_is_inf(NodeContext& node);
Outputs import_erf(NodeContext& node);
Outputs import_shrink(NodeContext& node);
Outputs import_cast(NodeContext& node);
Outputs import_cast_like(NodeContext& node);

// import_conv.cpp
Outputs import_conv(NodeContext& node);
Outputs import_max_pool(NodeContext& node);
Outputs import_average_pool(NodeContext& node);

// import_matmul.cpp
Outputs import_matmul(NodeContext& node);
Outputs import_gemm(NodeContext& node);

// import_normalization.cpp
Outputs import_batch_normalization(NodeContext& node);
Outputs import_softmax(NodeContext& node);
Outputs import_layer_normalization(NodeContext& node);

// import_reduce.cpp
Outputs import_reduce(NodeContext& node);
Outputs import_global_pool(NodeContext& node);

// import_shape.cpp
Outputs import_reshape(NodeContext& node);
Outputs import_flatten(NodeContext& node);
Outputs import_squeeze(NodeContext& node);
Outputs import_unsqueeze(NodeContext& node);
Outputs import_transpose(NodeContext& node);
Outputs import_concat(NodeContext& node);
Outputs import_shape(NodeContext& node);
Outputs import_size(NodeContext& node);

// import_slice.cpp
Outputs import_slice(NodeContext& node);
Outputs import_split(NodeContext& node);

// import_repeat.cpp
Outputs import_expand(NodeContext& node);
Outputs import_tile(NodeContext& node);
Outputs import_constant_of_shape(NodeContext& node);
Outputs import_range(NodeContext& node);

// import_select.cpp
Outputs import_gather(NodeContext& node);
Outputs import_top_k(NodeContext& node);
Outputs import_non_zero(NodeContext& node);
Outputs import_compress(NodeContext& node);
Outputs import_non_max_suppression(NodeContext& node);

// import_index.cpp
Outputs import_gather_elements(NodeContext& node);
Outputs import_gather_nd(NodeContext& node);
Outputs import_scatter_elements(NodeContext& node);
Outputs import_scatter_nd(NodeContext& node);

// import_axes.cpp: where only a run knows the axes, or the steps
Outputs reduce_by_axes_of_a_run(NodeContext& node);
Outputs squeeze_by_axes_of_a_run(NodeContext& node);
Outputs unsqueeze_by_axes_of_a_run(NodeContext& node);
Outputs slice_by_steps_of_a_run(NodeContext& node);

// import_function.cpp
Outputs import_negative_log_likelihood_loss(NodeContext& node);
Outputs import_softmax_cross_entropy_loss(NodeContext& node);
Outputs import_trilu(NodeContext& node);
Outputs import_eye_like(NodeContext& node);
Outputs import_one_hot(NodeContext& node);
Outputs import_rms_normalization(NodeContext& node);
Outputs import_group_normalization(NodeContext& node);
Outputs import_instance_normalization(NodeContext& node);
Outputs import_mean_variance_normalization(NodeContext& node);
Outputs import_lp_normalization(NodeContext& node);
Outputs import_lrn(NodeContext& node);
Outputs import_rotary_embedding(NodeContext& node);
Outputs import_reverse_sequence(NodeContext& node);
Outputs import_tensor_scatter(NodeContext& node);
Outputs import_causal_conv_with_state(NodeContext& node);
Outputs import_affine_grid(NodeContext& node);

// import_attention.cpp
Outputs import_attention(NodeContext& node);

// import_pad.cpp
Outputs import_pad(NodeContext& node);

// import_control.cpp
Outputs import_if(NodeContext& node);
Outputs import_loop(NodeContext& node);

// import_sequence.cpp
Outputs import_sequence_construct(NodeContext& node);
Outputs import_sequence_empty(NodeContext& node);
Outputs import_sequence_at(NodeContext& node);
Outputs import_sequence_insert(NodeContext& node);
Outputs import_sequence_length(NodeContext& node);
Outputs import_concat_from_sequence(NodeContext& node);
Outputs import_optional(NodeContext& node);
Outputs import_optional_get_element(NodeContext& node);
Outputs import_optional_has_element(NodeContext& node);

// import_leaf.cpp
Outputs import_constant(NodeContext& node);
Outputs import_identity(NodeContext& node);
Outputs import_dropout(NodeContext& node);

}  // namespace tenon::onnx
