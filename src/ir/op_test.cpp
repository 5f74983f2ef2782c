// Ops through their tables: fields, equality, hashes.
#include <gtest/gtest.h>

#include <bit>
#include <limits>

#include "ir/enum_names.h"
#include "ir/ops.h"
#include "tenon/error.h"

namespace tenon::ir {
namespace {

using NamedFields = std::vector<std::pair<std::string, FieldValue>>;

NamedFields fields_of(const Op& op) {
  NamedFields fields;
  for (const auto& [name, value] : op.table().fields(op.data())) fields.emplace_back(name, value);
  return fields;
}

std::string refusal(std::string_view op, const NamedFields& fields) {
  try {
    make_op(op, fields);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::bad_file);
    return error.what();
  }
  return "made";
}

Conv unusual_conv() {
  Conv conv;
  conv.strides = {2, 3};
  conv.pads = {0, 1, 2, 3};
  conv.auto_pad = AutoPad::same_lower;
  conv.groups = 4;
  conv.epilogue = Expression::parse("min(max(add(a, b), 0), 6)");
  return conv;
}

std::vector<Op> one_of_each() {
  const Layout blocked{.order = {0, 2, 3, 1}, .splits = {{1, 16}}};
  return {unusual_conv(),
          MatMul{.transpose_b = true, .epilogue = Expression::of(Scalar::relu)},
          MaxPool{.kernel = {2, 2}, .ceil_mode = true, .storage_order = 1},
          AveragePool{.kernel = {3}, .count_include_pad = true},
          BatchNorm{.epsilon = 0.25},
          Cast{.to = DType::bool_},
          Concat{.axis = -2},
          Pointwise{Expression::parse("t0 = exp(a); div(t0, add(t0, 1))")},
          Reduce{.kind = ReduceKind::log_sum_exp, .axes = {1, -1}, .keep_dims = false},
          Reorder{blocked},
          Reorder{Layout{.order = {}, .splits = {{2, 8}}}},
          Reshape{{Dim::symbol("n"), 800}},
          ShapeOf{.start = 1, .end = -1},
          Softmax{.axis = 2, .log = true},
          Transpose{{1, 0}}};
}

TEST(op, as_answers_for_its_own_type_only) {
  const Op op = Softmax{.axis = 3};
  ASSERT_NE(op.as<Softmax>(), nullptr);
  EXPECT_EQ(op.as<Softmax>()->axis, 3);
  EXPECT_EQ(op.as<Concat>(), nullptr);
  EXPECT_EQ(op.info().name, "softmax");
}

TEST(op, is_made_again_from_its_name_and_fields) {
  for (const Op& op : one_of_each()) {
    const Op again = make_op(op.info().name, fields_of(op));
    EXPECT_EQ(again, op) << op.info().name;
    EXPECT_EQ(again.hash(), op.hash()) << op.info().name;
  }
}

TEST(op, differs_in_value_and_hash_when_one_field_differs) {
  for (const Op& op : one_of_each()) {
    const Op plain = make_op(op.info().name, {});
    EXPECT_FALSE(op == plain) << op.info().name;
    EXPECT_NE(op.hash(), plain.hash()) << op.info().name;
  }
}

TEST(op, names_the_fields_that_differ_from_the_default) {
  std::vector<std::string_view> names;
  const Op op = unusual_conv();
  for (const auto& [name, value] : op.table().changed_fields(op.data())) names.push_back(name);
  EXPECT_EQ(names,
            (std::vector<std::string_view>{"strides", "pads", "auto_pad", "groups", "epilogue"}));
  const Op plain = Conv{};
  EXPECT_TRUE(plain.table().changed_fields(plain.data()).empty());
}

TEST(op, compares_doubles_by_their_bits) {
  const auto with = [](double epsilon) { return Op(BatchNorm{.epsilon = epsilon}); };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto other_nan = std::bit_cast<double>(std::bit_cast<uint64_t>(nan) | 1);
  EXPECT_FALSE(with(0.0) == with(-0.0));
  EXPECT_NE(with(0.0).hash(), with(-0.0).hash());
  EXPECT_EQ(with(nan), with(nan));
  EXPECT_EQ(with(nan).hash(), with(nan).hash());
  EXPECT_FALSE(with(nan) == with(other_nan));
}

TEST(op, is_refused_with_a_sentence_when_name_or_field_is_wrong) {
  EXPECT_EQ(refusal("softmx", {}), "there is no op \"softmx\"; the nearest is \"softmax\"");
  EXPECT_EQ(refusal("softmax", {{"axes", int64_t{1}}}),
            "softmax: field \"axes\" is not one of this op's");
  EXPECT_EQ(refusal("softmax", {{"axis", true}}),
            "softmax: field \"axis\" has a value of another type");
  EXPECT_EQ(refusal("softmax", {{"axis", int64_t{1}}, {"axis", int64_t{1}}}),
            "softmax: field \"axis\" is given twice");
  EXPECT_EQ(refusal("cast", {{"to", std::string("f33")}}), "cast: field \"to\" cannot be \"f33\"");
  EXPECT_EQ(refusal("conv", {{"auto_pad", std::string("both")}}),
            "conv: field \"auto_pad\" cannot be \"both\"");
}

TEST(op, substitutes_symbols_in_its_dims) {
  const Op op = Reshape{{Dim::symbol("n") * 2, Dim::symbol("m")}};
  const Op replaced = op.substitute({{"n", 3}});
  EXPECT_EQ(replaced.as<Reshape>()->dims, (Dims{6, Dim::symbol("m")}));
  EXPECT_EQ(Op(Softmax{}).substitute({{"n", 3}}), Op(Softmax{}));
}

TEST(op, enumerators_have_names_of_their_own) {
  EXPECT_EQ(enum_name(AutoPad::valid), "valid");
  EXPECT_EQ(enum_name(ReduceKind::prod), "prod");
  EXPECT_EQ(enum_name(ReduceKind::log_sum_exp), "log_sum_exp");
  EXPECT_EQ(parse_enum<ReduceKind>("sum_square"), ReduceKind::sum_square);
  EXPECT_EQ(parse_enum<AutoPad>("same"), std::nullopt);
}

}  // namespace
}  // namespace tenon::ir
