// The text names of the enumerations that ops use as fields, and of relations.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "ir/infer.h"
#include "ir/ops/cast.h"
#include "ir/ops/cumulate.h"
#include "ir/ops/grid_sample.h"
#include "ir/ops/recurrent.h"
#include "ir/ops/reduce.h"
#include "ir/ops/resize.h"
#include "ir/ops/scatter.h"
#include "ir/ops/window.h"

namespace tenon::ir {

/// Names in the order of the enumerators, which count from zero.
template <class E>
inline constexpr std::array<std::string_view, 0> enum_names{};
template <>
inline constexpr std::array<std::string_view, 4> enum_names<AutoPad>{"notset", "same_upper",
                                                                     "same_lower", "valid"};
template <>
inline constexpr std::array<std::string_view, 10> enum_names<ReduceKind>{
    "sum", "mean", "max", "min", "prod", "l1", "l2", "sum_square", "log_sum", "log_sum_exp"};
template <>
inline constexpr std::array<std::string_view, 5> enum_names<ScatterKind>{"replace", "add", "mul",
                                                                         "max", "min"};
template <>
inline constexpr std::array<std::string_view, 3> enum_names<Resampling>{"nearest", "linear",
                                                                        "cubic"};
template <>
inline constexpr std::array<std::string_view, 7> enum_names<Coordinates>{
    "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners",
    "asymmetric", "tf_half_pixel_for_nn", "tf_crop_and_resize"};
template <>
inline constexpr std::array<std::string_view, 5> enum_names<Nearest>{
    "round_prefer_floor", "round_prefer_ceil", "floor", "ceil", "outward"};
template <>
inline constexpr std::array<std::string_view, 3> enum_names<Beside>{"zeros", "border",
                                                                    "reflection"};
template <>
inline constexpr std::array<std::string_view, 3> enum_names<base::PowerRounding>{"up", "down",
                                                                                 "nearest"};
template <>
inline constexpr std::array<std::string_view, 2> enum_names<CumulateKind>{"sum", "prod"};
template <>
inline constexpr std::array<std::string_view, 3> enum_names<RecurrentKind>{"rnn", "gru", "lstm"};
template <>
inline constexpr std::array<std::string_view, 11> enum_names<Activation>{
    "relu",        "tanh",         "sigmoid", "affine",   "leaky_relu", "thresholded_relu",
    "scaled_tanh", "hard_sigmoid", "elu",     "softsign", "softplus"};
/// As the text form writes constraints: `n == 3`.
template <>
inline constexpr std::array<std::string_view, 3> enum_names<Constraint::Kind>{"==", "~", ">="};

template <class E>
std::string_view enum_name(E value) {
  static_assert(!enum_names<E>.empty(), "give the enumeration a line above");
  return enum_names<E>[static_cast<size_t>(value)];
}

template <class E>
std::optional<E> parse_enum(std::string_view name) {
  for (size_t i = 0; i < enum_names<E>.size(); ++i) {
    if (enum_names<E>[i] == name) return static_cast<E>(i);
  }
  return std::nullopt;
}

}  // namespace tenon::ir
