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
Outputs import_bit_cast(NodeContext& node);

// import_conv.cpp
Outputs import_conv(NodeContext& node);
Outputs import_max_pool(NodeContext& node);
Outputs import_average_pool(NodeContext& node);
Outputs import_lp_pool(NodeContext& node);
Outputs import_global_lp_pool(NodeContext& node);
Outputs import_max_unpool(NodeContext& node);
Outputs import_conv_transpose(NodeContext& node);
Outputs import_col2im(NodeContext& node);

// import_resize.cpp
Outputs import_upsample(NodeContext& node);
Outputs import_resize(NodeContext& node);

// import_recurrent.cpp
Outputs import_recurrent(NodeContext& node);  ///< RNN, GRU and LSTM

// import_region.cpp
Outputs import_roi_align(NodeContext& node);
Outputs import_max_roi_pool(NodeContext& node);
Outputs import_grid_sample(NodeContext& node);

// import_einsum.cpp
Outputs import_einsum(NodeContext& node);

// import_quantize.cpp
Outputs import_quantize_linear(NodeContext& node);
Outputs import_dequantize_linear(NodeContext& node);
Outputs import_dynamic_quantize_linear(NodeContext& node);
Outputs import_matmul_integer(NodeContext& node);
Outputs import_qlinear_matmul(NodeContext& node);
Outputs import_conv_integer(NodeContext& node);
Outputs import_qlinear_conv(NodeContext& node);

// import_signal.cpp
Outputs import_dft(NodeContext& node);
Outputs import_stft(NodeContext& node);
Outputs import_window(NodeContext& node);
Outputs import_mel_weight_matrix(NodeContext& node);

// import_matmul.cpp
Outputs import_matmul(NodeContext& node);
Outputs import_gemm(NodeContext& node);
Outputs import_det(NodeContext& node);

// import_normalization.cpp
Outputs import_batch_normalization(NodeContext& node);
Outputs import_softmax(NodeContext& node);
Outputs import_layer_normalization(NodeContext& node);

// import_reduce.cpp
Outputs import_reduce(NodeContext& node);
Outputs import_global_pool(NodeContext& node);
/// The axes from `first` on of a rank.
std::vector<int64_t> axes_from(size_t first, size_t rank);
Outputs import_cumulate(NodeContext& node);

// import_shape.cpp
Outputs import_reshape(NodeContext& node);
Outputs import_flatten(NodeContext& node);
Outputs import_squeeze(NodeContext& node);
Outputs import_unsqueeze(NodeContext& node);
Outputs import_transpose(NodeContext& node);
Outputs import_concat(NodeContext& node);
Outputs import_shape(NodeContext& node);
Outputs import_size(NodeContext& node);
Outputs import_depth_space(NodeContext& node);

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
Outputs import_arg_extreme(NodeContext& node);  ///< ArgMax and ArgMin
Outputs import_hardmax(NodeContext& node);
Outputs import_unique(NodeContext& node);
Outputs import_reverse_sequence(NodeContext& node);
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
Outputs import_tensor_scatter(NodeContext& node);
Outputs import_causal_conv_with_state(NodeContext& node);
Outputs import_affine_grid(NodeContext& node);

// import_attention.cpp
Outputs import_attention(NodeContext& node);

// import_pad.cpp
Outputs import_pad(NodeContext& node);
/// A value with zeros before and after it along `axis`.
ir::ValueId beside_zeros(NodeContext& node, ir::ValueId x, size_t axis, const ir::Dim& before,
                         const ir::Dim& after);

// import_control.cpp
Outputs import_if(NodeContext& node);
Outputs import_loop(NodeContext& node);
Outputs import_scan(NodeContext& node);
Outputs import_sequence_map(NodeContext& node);

// import_sequence.cpp
/// Symbols that begin so are extents of tensors in a sequence or optional, in which they may
/// differ.
inline constexpr std::string_view element_symbol = "element";
/// New names of those extents, for a tensor that is taken out; empty where there are none.
std::vector<std::string> taken_symbols(ir::GraphBuilder& builder, ir::ValueId from);
Outputs import_sequence_construct(NodeContext& node);
Outputs import_sequence_empty(NodeContext& node);
Outputs import_sequence_at(NodeContext& node);
Outputs import_sequence_insert(NodeContext& node);
Outputs import_sequence_length(NodeContext& node);
Outputs import_sequence_erase(NodeContext& node);
Outputs import_split_to_sequence(NodeContext& node);
Outputs import_concat_from_sequence(NodeContext& node);
Outputs import_optional(NodeContext& node);
Outputs import_optional_get_element(NodeContext& node);
Outputs import_optional_has_element(NodeContext& node);

Outputs import_center_crop_pad(NodeContext& node);

// import_random.cpp
Outputs import_random_uniform(NodeContext& node);  ///< and the op of that name with Like
Outputs import_random_normal(NodeContext& node);   ///< the same
Outputs import_bernoulli(NodeContext& node);
Outputs import_multinomial(NodeContext& node);
Outputs import_dropout_of_training(NodeContext& node);

// import_linear_attention.cpp
Outputs import_linear_attention(NodeContext& node);
Outputs import_flex_attention(NodeContext& node);

// import_deform_conv.cpp
Outputs import_deform_conv(NodeContext& node);

// import_ml.cpp, import_trees.cpp, import_tf_idf.cpp
Outputs import_binarizer(NodeContext& node);
Outputs import_array_feature_extractor(NodeContext& node);
Outputs import_scaler(NodeContext& node);
Outputs import_normalizer(NodeContext& node);
Outputs import_imputer(NodeContext& node);
Outputs import_feature_vectorizer(NodeContext& node);
Outputs import_linear_regressor(NodeContext& node);
Outputs import_tree_ensemble(NodeContext& node);
Outputs import_tree_ensemble_regressor(NodeContext& node);
Outputs import_tree_ensemble_classifier(NodeContext& node);
Outputs import_linear_classifier(NodeContext& node);
Outputs import_svm_regressor(NodeContext& node);
Outputs import_label_encoder(NodeContext& node);
Outputs import_one_hot_encoder(NodeContext& node);
Outputs import_tf_idf_vectorizer(NodeContext& node);

// import_training.cpp
Outputs import_adagrad(NodeContext& node);
Outputs import_adam(NodeContext& node);
Outputs import_momentum(NodeContext& node);

// import_leaf.cpp
Outputs import_constant(NodeContext& node);
Outputs import_identity(NodeContext& node);
Outputs import_dropout(NodeContext& node);

Outputs import_equal(NodeContext& node);
Outputs import_string_concat(NodeContext& node);
Outputs import_string_split(NodeContext& node);
Outputs import_regex_full_match(NodeContext& node);
Outputs import_string_normalizer(NodeContext& node);
Outputs import_category_mapper(NodeContext& node);
Outputs import_zip_map(NodeContext& node);
Outputs import_svm_classifier(NodeContext& node);
}  // namespace tenon::onnx
