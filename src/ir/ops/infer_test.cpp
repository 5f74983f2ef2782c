// infer() of every op: types, refusals, constraints and known values.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "ir/ops.h"
#include "tenon/error.h"

namespace tenon::ir {
namespace {

Value typed(DType dtype, Dims dims) { return {ValueType(dtype, std::move(dims)), {}}; }
Value f32(Dims dims) { return typed(DType::f32, std::move(dims)); }

Value ints(DType dtype, Dims dims, std::vector<Dim> values) {
  return {ValueType(dtype, std::move(dims)), Known{.integers = std::move(values), .floats = {}}};
}

Value i64s(std::vector<Dim> values) {
  const auto count = static_cast<int64_t>(values.size());
  return ints(DType::i64, {count}, std::move(values));
}

Value floats(DType dtype, Dims dims, std::vector<double> values) {
  return {ValueType(dtype, std::move(dims)), Known{.integers = {}, .floats = std::move(values)}};
}

struct Result {
  std::vector<Value> values;
  std::vector<Constraint> constraints;
  std::string error;

  std::string type() const { return error.empty() ? values.at(0).type.text() : error; }
  std::string known() const {
    if (!values.at(0).known) return "unknown";
    std::string out;
    for (const Dim& value : values[0].known->integers)
      out += (out.empty() ? "" : ", ") + value.text();
    for (const double value : values[0].known->floats)
      out += (out.empty() ? "" : ", ") + std::to_string(value);
    return out;
  }
};

template <class T>
Result infer(const T& op, const std::vector<Value>& inputs, int outputs = 1) {
  std::vector<const Value*> pointers;
  for (const Value& input : inputs) pointers.push_back(&input);
  Infer in(std::string(T::info.name) + " \"node\"", pointers, outputs);
  Result result;
  try {
    result.values = op.infer(in);
    result.constraints = in.take_constraints();
  } catch (const BuildError& error) {
    EXPECT_EQ(error.code(), ErrorCode::build);
    result.error = error.what();
  }
  return result;
}

const Dim n = Dim::symbol("n"), m = Dim::symbol("m"), h = Dim::symbol("h");
constexpr int64_t none = std::numeric_limits<int64_t>::min();

// ---- conv ----

TEST(InferConv, resnet_stem_halves_its_input) {
  const Conv conv{.strides = {2, 2}, .pads = {3, 3, 3, 3}};
  const Result result = infer(conv, {f32({n, 3, 224, 224}), f32({64, 3, 7, 7}), f32({64})});
  EXPECT_EQ(result.type(), "f32[n, 64, 112, 112]");
  EXPECT_TRUE(result.constraints.empty());
}

TEST(InferConv, refusals_name_the_node_and_the_fact) {
  const Value x = f32({1, 3, 8, 8});
  EXPECT_EQ(infer(Conv{}, {x, f32({8, 64, 3, 3})}).error,
            "conv \"node\": weight has 64 input channels, input has 3 (groups=1)");
  EXPECT_EQ(infer(Conv{.groups = 3}, {x, f32({8, 1, 3, 3})}).error,
            "conv \"node\": 8 output channels cannot be cut into 3 groups");
  EXPECT_EQ(infer(Conv{.groups = 0}, {x, f32({8, 3, 3, 3})}).error,
            "conv \"node\": groups=0 is out of range");
  EXPECT_EQ(infer(Conv{}, {x, f32({8, 3, 3})}).error,
            "conv \"node\": weight has rank 3, input has 4");
  EXPECT_EQ(infer(Conv{}, {x, f32({8, 3, n, 3})}).error,
            "conv \"node\": the kernel's extents [n, 3] must be constant");
  EXPECT_EQ(infer(Conv{}, {x, f32({8, 3, 9, 3})}).error,
            "conv \"node\": kernel 9 (dilation 1) does not fit extent 8 of axis 2; the output "
            "would have extent 0");
  EXPECT_EQ(infer(Conv{.strides = {1}}, {x, f32({8, 3, 3, 3})}).error,
            "conv \"node\": strides has 1 numbers, and must have 2");
  EXPECT_EQ(infer(Conv{.strides = {0, 1}}, {x, f32({8, 3, 3, 3})}).error,
            "conv \"node\": strides holds 0, outside 1..2147483647");
  EXPECT_EQ(infer(Conv{.pads = {0, 0, -1, 0}}, {x, f32({8, 3, 3, 3})}).error,
            "conv \"node\": pads holds -1, outside 0..2147483647");
  EXPECT_EQ(infer(Conv{}, {x, f32({8, 3, 3, 3}), f32({7})}).error,
            "conv \"node\": output channels of the weight and extent of the bias must be equal, "
            "not 8 and 7");
  EXPECT_EQ(infer(Conv{}, {x, typed(DType::f16, {8, 3, 3, 3})}).error,
            "conv \"node\": operand 1 is f16, and must be f32");
  EXPECT_EQ(infer(Conv{}, {typed(DType::i8, {1, 3, 8, 8}), typed(DType::i8, {8, 3, 3, 3})}).error,
            "conv \"node\": operand 0 is i8, and must be floating");
  Value unknown = x;
  unknown.type.dims.reset();
  EXPECT_EQ(infer(Conv{}, {unknown, x}).error,
            "conv \"node\": the rank of operand 0 is not known; give the input a shape");
}

TEST(InferConv, symbolic_channels_become_a_constraint) {
  const Result result = infer(Conv{.groups = 2}, {f32({1, n, 8, 8}), f32({8, 3, 3, 3})});
  EXPECT_EQ(result.type(), "f32[1, 8, 6, 6]");
  ASSERT_EQ(result.constraints.size(), 1u);
  EXPECT_EQ(result.constraints[0].kind, Constraint::Kind::equal);
  EXPECT_EQ(result.constraints[0].left, n);
  EXPECT_EQ(result.constraints[0].right, Dim(6));
  EXPECT_EQ(result.constraints[0].reason, "conv \"node\": channels of the input and of the weight");
}

TEST(InferConv, symbolic_extents_must_leave_an_output) {
  const Result result = infer(Conv{.strides = {2}}, {f32({1, 3, h}), f32({8, 3, 3})});
  EXPECT_EQ(result.type(), "f32[1, 8, floor_div(h - 1, 2)]");
  ASSERT_EQ(result.constraints.size(), 1u);
  EXPECT_EQ(result.constraints[0].kind, Constraint::Kind::at_least);
}

// The windows of an extent, counted one by one.
int64_t count_windows(int64_t in, int64_t begin, int64_t end, int64_t reach, int64_t stride,
                      bool ceil_mode) {
  int64_t count = 0;
  for (int64_t start = -begin;; start += stride, ++count) {
    const bool inside = start + reach <= in + end;
    const bool uncovered = count == 0 || start - stride + reach < in + end;
    if (!(inside || (ceil_mode && uncovered && start < in))) return count;
  }
}

TEST(Window, output_extents_count_the_windows) {
  for (int64_t in = 1; in <= 12; ++in) {
    for (int64_t kernel = 1; kernel <= 4; ++kernel) {
      for (int code = 0; code < 4 * 2 * 2 * 16; ++code) {
        const int64_t stride = 1 + code % 4, dilation = 1 + code / 4 % 2;
        const bool ceil_mode = code / 8 % 2;
        const int64_t begin = code / 16 % 4, end = code / 64 % 4;
        const int64_t reach = (kernel - 1) * dilation + 1;
        if (begin >= reach || end >= reach || in + begin + end < reach) continue;
        Window window{
            .kernel = {kernel}, .strides = {stride}, .pads = {begin, end}, .dilations = {dilation}};
        window.ceil_mode = ceil_mode;
        const int64_t expected = count_windows(in, begin, end, reach, stride, ceil_mode);
        ASSERT_EQ(output_extent(window, 0, in), Dim(expected))
            << in << " " << kernel << " " << code;
        ASSERT_EQ(output_extent(window, 0, h).evaluate({{"h", in}}), expected);
        window.auto_pad = AutoPad::valid;
        if (in < reach) continue;
        ASSERT_EQ(output_extent(window, 0, in),
                  Dim(count_windows(in, 0, 0, reach, stride, ceil_mode)));
        ASSERT_EQ(pad_begin(window, 0, in), 0);
      }
    }
  }
}

TEST(Window, same_padding_covers_the_input_and_is_balanced) {
  for (int64_t in = 1; in <= 12; ++in) {
    for (int64_t kernel = 1; kernel <= 5; ++kernel) {
      for (int64_t stride = 1; stride <= 4; ++stride) {
        Window window{.kernel = {kernel}, .strides = {stride}, .pads = {0, 0}, .dilations = {1}};
        window.auto_pad = AutoPad::same_upper;
        int64_t out = 0;
        while (out * stride < in) ++out;
        ASSERT_EQ(output_extent(window, 0, in), Dim(out));
        const int64_t upper = pad_begin(window, 0, in);
        window.auto_pad = AutoPad::same_lower;
        const int64_t lower = pad_begin(window, 0, in);
        // The two differ by the odd element only, and together they are the whole padding.
        ASSERT_TRUE(lower == upper || lower == upper + 1);
        const int64_t reached = (out - 1) * stride + kernel;
        ASSERT_EQ(upper + lower, reached > in ? reached - in : 0);
      }
    }
  }
}

// ---- matmul, pools, batch norm, softmax, reduce ----

TEST(InferMatMul, batch_axes_broadcast) {
  EXPECT_EQ(infer(MatMul{}, {f32({n, 1, 4, 5}), f32({7, 5, 6})}).type(), "f32[n, 7, 4, 6]");
  EXPECT_EQ(
      infer(MatMul{.transpose_a = true, .transpose_b = true}, {f32({5, n}), f32({6, 5}), f32({6})})
          .type(),
      "f32[n, 6]");
  EXPECT_EQ(infer(MatMul{}, {typed(DType::u64, {2, 3}), typed(DType::u64, {3, 2})}).type(),
            "u64[2, 2]");
}

TEST(InferMatMul, refusals) {
  EXPECT_EQ(infer(MatMul{}, {f32({4, 5}), f32({6, 7})}).error,
            "matmul \"node\": a has 5 columns, b has 6 rows");
  EXPECT_EQ(infer(MatMul{}, {f32({5}), f32({5, 7})}).error,
            "matmul \"node\": operands have rank 1 and 2, and must have 2 or more");
  EXPECT_EQ(infer(MatMul{}, {f32({2, 4, 5}), f32({3, 5, 7})}).error,
            "matmul \"node\": extents 2 and 3 do not broadcast");
  EXPECT_EQ(infer(MatMul{}, {typed(DType::i8, {4, 5}), typed(DType::i8, {5, 4})}).error,
            "matmul \"node\": it is not defined for i8; cast the operand");
  EXPECT_EQ(infer(MatMul{}, {f32({4, 5}), f32({5, 7}), f32({8})}).error,
            "matmul \"node\": columns of b and extent of the bias must be equal, not 7 and 8");
}

// ---- epilogues ----

Result infer_epilogue(std::string_view text, std::vector<Value> operands) {
  operands.insert(operands.begin(), {f32({n, 2, 3}), f32({3, 8}), f32({8})});
  return infer(MatMul{.epilogue = Expression::parse(text)}, operands);
}

TEST(InferEpilogue, operands_are_broadcast_to_the_result) {
  const Result result = infer_epilogue("add(mul(a, b), where(d, c, 0))",
                                       {f32({8}), f32({n, 2, 8}), typed(DType::bool_, {n, 1, 1})});
  EXPECT_EQ(result.type(), "f32[n, 2, 8]");
  EXPECT_TRUE(result.constraints.empty());
  const Result symbolic = infer_epilogue("mul(a, b)", {f32({m, 2, 1})});
  EXPECT_EQ(symbolic.type(), "f32[n, 2, 8]");
  ASSERT_EQ(symbolic.constraints.size(), 1u);
  EXPECT_EQ(symbolic.constraints[0].kind, Constraint::Kind::equal);
}

TEST(InferEpilogue, refusals) {
  EXPECT_EQ(infer_epilogue("add(a, b)", {}).error,
            "matmul \"node\": the epilogue has 1 operands beside the result, the node 0");
  EXPECT_EQ(infer(MatMul{}, {f32({2, 3}), f32({3, 8}), f32({8}), f32({8})}).error,
            "matmul \"node\": the epilogue has 0 operands beside the result, the node 1");
  EXPECT_EQ(infer_epilogue("less(a, b)", {f32({8})}).error,
            "matmul \"node\": the epilogue makes bool of f32");
  EXPECT_EQ(infer_epilogue("add(a, b)", {typed(DType::f16, {8})}).error,
            "matmul \"node\": expression: add of f32 and f16");
  EXPECT_EQ(infer_epilogue("add(a, b)", {f32({1, n, 2, 8})}).error,
            "matmul \"node\": operand 3 has rank 4, the result 3");
  EXPECT_EQ(infer_epilogue("add(a, b)", {f32({5, 8})}).error,
            "matmul \"node\": extents of operand 3 and of the result must be equal, not 5 and 2");
}

TEST(InferPool, outputs_and_indices) {
  const MaxPool pool{.kernel = {2, 2}, .strides = {2, 2}};
  const Result result = infer(pool, {typed(DType::u8, {n, 6, 24, 25})}, 2);
  EXPECT_EQ(result.type(), "u8[n, 6, 12, 12]");
  ASSERT_EQ(result.values.size(), 2u);
  EXPECT_EQ(result.values[1].type.text(), "i64[n, 6, 12, 12]");
  EXPECT_EQ(infer(pool, {f32({n, 6, 24, 24})}).values.size(), 1u);
  const AveragePool average{.kernel = {3}, .strides = {2}, .ceil_mode = true};
  EXPECT_EQ(infer(average, {f32({1, 2, 8})}).type(), "f32[1, 2, 4]");
}

TEST(InferPool, refusals) {
  EXPECT_EQ(infer(MaxPool{.kernel = {2}}, {f32({1, 1, 4, 4})}).error,
            "max_pool \"node\": kernel has 1 numbers, and must have 2");
  EXPECT_EQ(infer(MaxPool{.kernel = {2}, .pads = {2, 0}}, {f32({1, 1, 4})}).error,
            "max_pool \"node\": pad 2 must be smaller than the kernel's extent 2");
  EXPECT_EQ(infer(MaxPool{.kernel = {2}}, {typed(DType::i32, {1, 1, 4})}).error,
            "max_pool \"node\": it is not defined for i32; cast the operand");
  EXPECT_EQ(infer(MaxPool{.kernel = {2}, .storage_order = 2}, {f32({1, 1, 4})}).error,
            "max_pool \"node\": storage_order=2 is not 0 or 1");
  EXPECT_EQ(infer(AveragePool{.kernel = {2}}, {f32({1, 4})}).error,
            "average_pool \"node\": input has rank 2, and must have 3 or more");
}

TEST(InferBatchNorm, statistics_have_one_extent_a_channel) {
  const Value c = f32({16});
  EXPECT_EQ(infer(BatchNorm{}, {f32({n, 16, h}), c, c, c, c}).type(), "f32[n, 16, h]");
  EXPECT_EQ(infer(BatchNorm{}, {f32({n, 16}), c, c, f32({8}), c}).error,
            "batch_norm \"node\": channels of x and extent of mean must be equal, not 16 and 8");
  EXPECT_EQ(infer(BatchNorm{}, {f32({n, 16}), c, f32({1, 16}), c, c}).error,
            "batch_norm \"node\": bias has rank 2, and must have 1");
}

TEST(InferBind, numbers_of_a_run_are_symbols) {
  EXPECT_EQ(infer(Bind{{"k", "m"}}, {typed(DType::i64, {2})}).known(), "k, m");
  EXPECT_EQ(infer(Bind{{"k"}}, {typed(DType::i32, {})}).type(), "i32[]");
  EXPECT_EQ(infer(Bind{{"k", "m"}}, {i64s({3, Dim::symbol("n")})}).known(), "3, n");
  EXPECT_EQ(infer(Bind{}, {typed(DType::i64, {0})}).known(), "");
}

TEST(InferBind, refusals) {
  const auto refused = [](std::vector<std::string> symbols, const Value& x) {
    return infer(Bind{std::move(symbols)}, {x}).type();
  };
  EXPECT_EQ(refused({"k"}, f32({1})), "bind \"node\": operand 0 is f32, and must be i64 or i32");
  EXPECT_EQ(refused({"k"}, typed(DType::i64, {Dim::symbol("n")})),
            "bind \"node\": i64[n] cannot become extents; at most 64 numbers can");
  EXPECT_EQ(refused({"k"}, typed(DType::i64, {65})),
            "bind \"node\": i64[65] cannot become extents; at most 64 numbers can");
  EXPECT_EQ(refused({"k"}, typed(DType::i64, {2})), "bind \"node\": 2 numbers are given 1 symbols");
  EXPECT_EQ(refused({"2k"}, typed(DType::i64, {1})),
            "bind \"node\": \"2k\" is no name of a symbol");
}

TEST(InferSlice, every_element_is_inside) {
  EXPECT_EQ(infer(Slice{{1, 0}, {2, n}, {}}, {f32({3, n})}).type(), "f32[2, n]");
  EXPECT_EQ(infer(Slice{{2}, {3}, {-1}}, {f32({3})}).type(), "f32[3]");
  EXPECT_EQ(infer(Slice{{9}, {0}, {}}, {f32({3})}).type(), "f32[0]");
  const auto refused = [](Slice slice) { return infer(slice, {f32({3})}).error; };
  EXPECT_EQ(refused({{2}, {2}, {}}),
            "slice \"node\": the extent of axis 0 is 3, and must be at least 4");
  EXPECT_EQ(refused({{1}, {3}, {-1}}),
            "slice \"node\": the least index of axis 0 is -1, and must be at least 0");
  EXPECT_EQ(refused({{0}, {-1}, {}}),
            "slice \"node\": the new extent of axis 0 is -1, and must be at least 0");
  EXPECT_EQ(refused({{0}, {1}, {0}}), "slice \"node\": the step of axis 0 is 0");
  EXPECT_EQ(refused({{0, 0}, {1}, {}}),
            "slice \"node\": 2 starts, 1 extents and 0 steps are given for rank 1");
}

TEST(InferSlice, what_cannot_be_proved_is_asked_of_each_run) {
  EXPECT_TRUE(infer(Slice{{0}, {max(n - 1, 0)}, {}}, {f32({n})}).constraints.empty());
  const Result result = infer(Slice{{1}, {max(n - 1, 0)}, {}}, {f32({n})});
  ASSERT_EQ(result.constraints.size(), 1u);
  for (const int64_t extent : {0, 1, 2, 9}) {
    const Constraint& constraint = result.constraints[0];
    EXPECT_GE(constraint.left.evaluate({{"n", extent}}),
              constraint.right.evaluate({{"n", extent}}));
  }
}

TEST(InferSlice, known_elements_follow) {
  EXPECT_EQ(infer(Slice{{1}, {2}, {2}}, {i64s({5, 6, 7, n})}).known(), "6, n");
  EXPECT_EQ(infer(Slice{{3}, {4}, {-1}}, {i64s({5, 6, 7, n})}).known(), "n, 7, 6, 5");
  EXPECT_EQ(infer(Slice{{n}, {1}, {}}, {i64s({5, 6})}).known(), "unknown");
}

TEST(InferExpand, extents_of_one_grow) {
  EXPECT_EQ(infer(Expand{{2, n, 3}}, {f32({1, 3})}).type(), "f32[2, n, 3]");
  EXPECT_EQ(infer(Expand{{0}}, {f32({1})}).type(), "f32[0]");
  EXPECT_EQ(infer(Expand{{2, 2}}, {ints(DType::i64, {2, 1}, {4, n})}).known(), "4, 4, n, n");
  EXPECT_TRUE(
      infer(Expand{{4}}, {f32({3})}).error.starts_with("expand \"node\": extents of axis 0"));
  EXPECT_TRUE(
      infer(Expand{{1}}, {f32({3})}).error.starts_with("expand \"node\": extents of axis 0"));
  EXPECT_EQ(infer(Expand{{3}}, {f32({1, 3})}).error,
            "expand \"node\": [1, 3] cannot become [3], of lower rank");
}

TEST(InferExpand, symbolic_extents_are_one_or_stay) {
  const Result result = infer(Expand{{m}}, {f32({n})});
  ASSERT_EQ(result.constraints.size(), 1u);
  const auto holds = [&](int64_t from, int64_t to) {
    const std::map<std::string, int64_t> bindings{{"n", from}, {"m", to}};
    const Constraint& asked = result.constraints[0];
    return asked.left.evaluate(bindings) == asked.right.evaluate(bindings);
  };
  for (const int64_t extent : {0, 1, 7}) EXPECT_TRUE(holds(1, extent) && holds(extent, extent));
  EXPECT_FALSE(holds(3, 1) || holds(0, 1) || holds(2, 3));
}

TEST(InferTile, extents_multiply) {
  EXPECT_EQ(infer(Tile{{2, n}}, {f32({3, 4})}).type(), "f32[6, 4*n]");
  EXPECT_EQ(infer(Tile{{2}}, {i64s({5, n})}).known(), "5, n, 5, n");
  EXPECT_EQ(infer(Tile{{0}}, {i64s({5, n})}).known(), "");
  EXPECT_EQ(infer(Tile{{2}}, {f32({3, 4})}).error, "tile \"node\": 1 repeats are given for rank 2");
}

TEST(InferGather, indices_take_the_place_of_the_axis) {
  EXPECT_EQ(infer(Gather{1}, {f32({2, 3, 4}), typed(DType::i32, {5, n})}).type(),
            "f32[2, 5, n, 4]");
  EXPECT_EQ(infer(Gather{-1}, {f32({2, 3}), typed(DType::i64, {})}).type(), "f32[2]");
  EXPECT_EQ(infer(Gather{}, {i64s({7, n, 9}), i64s({-1, 1})}).known(), "9, n");
  EXPECT_EQ(
      infer(Gather{1}, {ints(DType::i64, {2, 2}, {1, 2, 3, 4}), ints(DType::i64, {}, {1})}).known(),
      "2, 4");
  EXPECT_EQ(infer(Gather{}, {i64s({7, 8}), i64s({2})}).known(), "unknown");
  EXPECT_EQ(infer(Gather{}, {f32({2}), f32({2})}).error,
            "gather \"node\": the indices are f32, and must be i32 or i64");
  EXPECT_EQ(infer(Gather{}, {f32({}), i64s({0})}).error,
            "gather \"node\": a scalar has no axis to gather along");
}

TEST(InferRange, counts_and_knows) {
  const auto scalar = [](Dim value) { return ints(DType::i64, {}, {std::move(value)}); };
  EXPECT_EQ(infer(Range{{n}}, {scalar(0), scalar(1)}).type(), "i64[n]");
  EXPECT_EQ(infer(Range{{3}}, {scalar(n), scalar(-2)}).known(), "n, n - 2, n - 4");
  EXPECT_EQ(infer(Range{{3}}, {f32({}), f32({})}).known(), "unknown");
  EXPECT_EQ(infer(Range{{3}}, {f32({1}), f32({})}).error,
            "range \"node\": operand 0 is f32[1], and must be a scalar");
  EXPECT_EQ(infer(Range{{-1}}, {f32({}), f32({})}).error,
            "range \"node\": the number of results is -1, and must be at least 0");
  EXPECT_EQ(infer(Range{{}}, {f32({}), f32({})}).error, "range \"node\": [] is no single extent");
}

TEST(InferTopK, takes_no_more_than_there_are) {
  const Result two = infer(TopK{.k = {n}, .axis = 0}, {f32({8, 3})}, 2);
  EXPECT_EQ(two.type(), "f32[n, 3]");
  EXPECT_EQ(two.values.at(1).type.text(), "i64[n, 3]");
  EXPECT_EQ(two.constraints.size(), 1u);
  EXPECT_EQ(infer(TopK{.k = {4}}, {f32({3})}).error,
            "top_k \"node\": the extent of axis 0, of which k are asked for, is 3, and must be at "
            "least 4");
}

TEST(InferNonZero, lists_an_index_for_each_axis) {
  EXPECT_EQ(infer(NonZero{{n}}, {f32({2, 3, 4})}).type(), "i64[3, n]");
}

TEST(InferNonMaxSuppression, wants_boxes_and_their_scores) {
  const Result two = infer(NonMaxSuppression{{n}}, {f32({2, 9, 4}), f32({2, 3, 9})}, 2);
  EXPECT_EQ(two.type(), "i64[n, 3]");
  EXPECT_EQ(two.values.at(1).type.text(), "i64[1]");
  const auto refused = [](const Value& boxes, const Value& scores) {
    return infer(NonMaxSuppression{{1}}, {boxes, scores}).error;
  };
  EXPECT_EQ(refused(f32({2, 9, 4}), f32({2, 3, 8})),
            "non_max_suppression \"node\": numbers of boxes and of scores must be equal, not 9 and "
            "8");
  EXPECT_EQ(refused(f32({9, 4}), f32({2, 3, 8})),
            "non_max_suppression \"node\": boxes are [9, 4] and scores [2, 3, 8], and must have "
            "rank 3");
}

TEST(InferSoftmax, keeps_the_type) {
  EXPECT_EQ(infer(Softmax{}, {f32({n, 10})}).type(), "f32[n, 10]");
  EXPECT_EQ(infer(Softmax{.axis = 3}, {f32({2, 2})}).error,
            "softmax \"node\": axis 3 is outside rank 2");
  EXPECT_EQ(infer(Softmax{.axis = -3}, {f32({2, 2})}).error,
            "softmax \"node\": axis -3 is outside rank 2");
  EXPECT_EQ(infer(Softmax{}, {typed(DType::i32, {2})}).error,
            "softmax \"node\": operand 0 is i32, and must be floating");
}

TEST(InferReduce, axes_vanish_or_stay_as_one) {
  EXPECT_EQ(infer(Reduce{.axes = {-1, 0}}, {f32({n, 3, 4})}).type(), "f32[1, 3, 1]");
  EXPECT_EQ(infer(Reduce{.axes = {1}, .keep_dims = false}, {f32({n, 3, 4})}).type(), "f32[n, 4]");
  EXPECT_EQ(infer(Reduce{}, {f32({n, 3})}).type(), "f32[n, 3]");
  EXPECT_EQ(infer(Reduce{.axes = {0, -2}}, {f32({2, 3})}).error,
            "reduce \"node\": axis 0 is named twice");
  EXPECT_EQ(infer(Reduce{.kind = ReduceKind::max, .axes = {0}}, {typed(DType::bool_, {3})}).type(),
            "bool[1]");
  EXPECT_EQ(infer(Reduce{.kind = ReduceKind::sum, .axes = {0}}, {typed(DType::u8, {3})}).error,
            "reduce \"node\": it is not defined for u8; cast the operand");
}

TEST(InferReduce, extremes_of_known_floats_fold) {
  const Value x = floats(DType::f32, {3}, {1.5, -2, 0.25});
  const auto fold = [&](ReduceKind kind) {
    return infer(Reduce{.kind = kind, .axes = {0}, .keep_dims = false}, {x}).known();
  };
  EXPECT_EQ(fold(ReduceKind::min), std::to_string(-2.0));
  EXPECT_EQ(fold(ReduceKind::max), std::to_string(1.5));
  EXPECT_EQ(fold(ReduceKind::sum), "unknown");
}

TEST(InferReduce, known_vectors_fold) {
  const auto fold = [](ReduceKind kind, const Value& x) {
    return infer(Reduce{.kind = kind, .axes = {0}, .keep_dims = false}, {x}).known();
  };
  EXPECT_EQ(fold(ReduceKind::prod, i64s({n, 3, 4})), "12*n");
  EXPECT_EQ(fold(ReduceKind::sum, i64s({n, 3, n})), "2*n + 3");
  EXPECT_EQ(fold(ReduceKind::max, i64s({2, 9, 4})), "9");
  EXPECT_EQ(fold(ReduceKind::min, i64s({n, 0})), "0");
  EXPECT_EQ(fold(ReduceKind::prod, i64s({})), "1");
  EXPECT_EQ(fold(ReduceKind::max, i64s({})), "unknown");
  EXPECT_EQ(fold(ReduceKind::mean, i64s({2, 4})), "unknown");
  EXPECT_EQ(fold(ReduceKind::sum, i64s({INT64_MAX, 1})), "unknown");
  EXPECT_EQ(fold(ReduceKind::sum, ints(DType::i32, {2}, {INT32_MAX, 1})), "unknown");
}

// ---- shapes ----

TEST(InferReshape, elements_are_conserved) {
  EXPECT_EQ(infer(Reshape{.dims = {n, 12}}, {f32({n, 3, 4})}).type(), "f32[n, 12]");
  EXPECT_TRUE(infer(Reshape{.dims = {n, 12}}, {f32({n, 3, 4})}).constraints.empty());
  EXPECT_EQ(infer(Reshape{.dims = {5, 5}}, {f32({2, 3, 4})}).error,
            "reshape \"node\": 24 elements of [2, 3, 4] cannot be viewed as [5, 5]");
  EXPECT_EQ(infer(Reshape{.dims = {-2, -12}}, {f32({24})}).error,
            "reshape \"node\": extent 0 of the new shape is -2, and must be at least 0");
  const Result unsure = infer(Reshape{.dims = {m, 4}}, {f32({n, 4})});
  ASSERT_EQ(unsure.constraints.size(), 1u);
  EXPECT_EQ(unsure.constraints[0].left, Dim(4) * n);
  EXPECT_EQ(infer(Reshape{.dims = {2, 1}}, {i64s({n, 5})}).known(), "n, 5");
}

TEST(InferTranspose, extents_move) {
  EXPECT_EQ(infer(Transpose{{2, 0, 1}}, {f32({n, 3, 4})}).type(), "f32[4, n, 3]");
  EXPECT_EQ(infer(Transpose{{0}}, {i64s({n, 5})}).known(), "n, 5");
  EXPECT_EQ(infer(Transpose{{0, 0}}, {f32({2, 3})}).error,
            "transpose \"node\": axis 0 occurs twice in the permutation");
  EXPECT_EQ(infer(Transpose{{0, 2}}, {f32({2, 3})}).error,
            "transpose \"node\": axis 2 is outside rank 2");
  EXPECT_EQ(infer(Transpose{{0}}, {f32({2, 3})}).error,
            "transpose \"node\": the permutation has 1 axes, the input has 2");
  EXPECT_EQ(infer(Transpose{{1, 0}}, {ints(DType::i64, {2, 3}, {1, 2, 3, 4, 5, n})}).known(),
            "1, 4, 2, 5, 3, n");
}

TEST(InferShape, extents_are_known) {
  const Value x = f32({n, 3, h});
  EXPECT_EQ(infer(ShapeOf{}, {x}).type(), "i64[3]");
  EXPECT_EQ(infer(ShapeOf{}, {x}).known(), "n, 3, h");
  EXPECT_EQ(infer(ShapeOf{.start = -2, .end = -1}, {x}).known(), "3");
  EXPECT_EQ(infer(ShapeOf{.start = 2, .end = 1}, {x}).type(), "i64[0]");
  EXPECT_EQ(infer(ShapeOf{.start = none, .end = none}, {x}).type(), "i64[0]");
}

TEST(InferConcat, extents_add_up) {
  EXPECT_EQ(infer(Concat{.axis = 1}, {f32({n, 3}), f32({n, m})}).type(), "f32[n, m + 3]");
  EXPECT_EQ(infer(Concat{}, {i64s({n}), i64s({3, 4})}).known(), "n, 3, 4");
  EXPECT_EQ(infer(Concat{}, {i64s({n}), typed(DType::i64, {2})}).known(), "unknown");
  EXPECT_EQ(infer(Concat{}, {f32({1, 3}), f32({1, 4})}).error,
            "concat \"node\": extents of axis 1 of operands 0 and 1 must be equal, not 3 and 4");
  EXPECT_EQ(infer(Concat{}, {f32({1, 3}), f32({3})}).error,
            "concat \"node\": operand 1 has rank 1, operand 0 has 2");
  EXPECT_EQ(infer(Concat{}, {f32({1}), i64s({3})}).error,
            "concat \"node\": operand 1 is i64, and must be f32");
  EXPECT_EQ(infer(Concat{}, {f32({})}).error,
            "concat \"node\": scalars cannot be joined; give them an axis");
}

TEST(InferReorder, sets_the_layout) {
  EXPECT_EQ(infer(Reorder{Layout::parse("NCHW16c", 4)}, {f32({n, 3, 4, 4})}).type(),
            "f32[n, 3, 4, 4]{NCHW16c}");
  EXPECT_EQ(infer(Reorder{Layout::parse("NHWC", 4)}, {f32({3, 4})}).error,
            "reorder \"node\": the layout does not fit rank 2");
}

// ---- cast and pointwise ----

TEST(InferCast, known_values_follow_where_they_can_be_held) {
  EXPECT_EQ(infer(Cast{DType::f16}, {f32({n, 3})}).type(), "f16[n, 3]");
  EXPECT_EQ(infer(Cast{DType::i32}, {i64s({n, 7})}).known(), "n, 7");
  EXPECT_EQ(infer(Cast{DType::i32}, {i64s({int64_t{1} << 40})}).known(), "unknown");
  EXPECT_EQ(infer(Cast{DType::u8}, {i64s({n})}).known(), "unknown");
  EXPECT_EQ(infer(Cast{DType::bool_}, {i64s({0, 5, n + 1})}).known(), "0, 1, 1");
  EXPECT_EQ(infer(Cast{DType::bool_}, {i64s({n})}).known(), "unknown");
  EXPECT_EQ(infer(Cast{DType::i64}, {floats(DType::f32, {3}, {2.9, -2.9, NAN})}).known(),
            "2, -2, 0");
  EXPECT_EQ(infer(Cast{DType::f32}, {i64s({16777217})}).values[0].known->floats[0], 16777216.0);
  EXPECT_EQ(infer(Cast{DType::f32}, {i64s({n})}).known(), "unknown");
  EXPECT_EQ(
      infer(Cast{DType::bf16}, {floats(DType::f32, {1}, {1.00390625})}).values[0].known->floats[0],
      1.0);
}

Result compute(std::string_view expression, const std::vector<Value>& inputs) {
  return infer(Pointwise{Expression::parse(expression)}, inputs);
}

TEST(InferPointwise, operands_broadcast) {
  EXPECT_EQ(compute("add(a, b)", {f32({n, 1, 4}), f32({3, 1})}).type(), "f32[n, 3, 4]");
  EXPECT_EQ(compute("less(a, b)", {f32({}), f32({3, 1})}).type(), "bool[3, 1]");
  EXPECT_EQ(compute("add(a, b)", {f32({2}), f32({3})}).error,
            "pointwise \"node\": extents 2 and 3 do not broadcast");
  EXPECT_EQ(compute("add(a, b)", {f32({2})}).error,
            "pointwise \"node\": the expression has 2 inputs, the node 1");
  EXPECT_EQ(compute("add(a, b)", {f32({2}), i64s({1, 2})}).error,
            "pointwise \"node\": expression: add of f32 and i64");
}

TEST(InferPointwise, unsure_broadcasts_are_constraints) {
  const Result fixed = compute("add(a, b)", {f32({n}), f32({3})});
  EXPECT_EQ(fixed.type(), "f32[3]");
  ASSERT_EQ(fixed.constraints.size(), 1u);
  EXPECT_EQ(fixed.constraints[0].kind, Constraint::Kind::broadcast);
  const Result open = compute("add(a, b)", {f32({n}), f32({m})});
  EXPECT_EQ(open.type(), "f32[broadcast(m, n)]");
  ASSERT_EQ(open.constraints.size(), 1u);
  const auto extent = [&](int64_t left, int64_t right) {
    return broadcast(n, m).evaluate({{"n", left}, {"m", right}});
  };
  EXPECT_EQ(extent(0, 0), 0);
  EXPECT_EQ(extent(1, 5), 5);
  EXPECT_EQ(extent(4, 4), 4);
  EXPECT_EQ(extent(0, 1), 0);
  EXPECT_EQ(extent(1, 0), 0);
}

TEST(InferPointwise, integer_arithmetic_stays_known) {
  const Value x = i64s({n, 7, -7});
  EXPECT_EQ(compute("add(a, 1)", {x}).known(), "n + 1, 8, -6");
  EXPECT_EQ(compute("mul(sub(a, b), 2)", {x, i64s({1})}).known(), "2*n - 2, 12, -16");
  EXPECT_EQ(compute("div(a, 2)", {x}).known(), "floor_div(n, 2), 3, -3");
  EXPECT_EQ(compute("mod(a, 4)", {x}).known(), "mod(n, 4), 3, 1");
  EXPECT_EQ(compute("neg(a)", {x}).known(), "-n, -7, 7");
  EXPECT_EQ(compute("max(a, 0)", {x}).known(), "n, 7, 0");
  EXPECT_EQ(compute("abs(a)", {x}).known(), "n, 7, 7");
  EXPECT_EQ(compute("equal(a, -1)", {x}).known(), "0, 0, 0");
  EXPECT_EQ(compute("where(equal(a, -7), 5, a)", {x}).known(), "n, 7, 5");
  EXPECT_EQ(compute("less(a, 0)", {x}).known(), "0, 0, 1");
  EXPECT_EQ(compute("less_equal(a, 7)", {i64s({7, 8})}).known(), "1, 0");
  EXPECT_EQ(compute("add(a, b)", {ints(DType::i64, {2, 1}, {1, 2}), i64s({10, 20})}).known(),
            "11, 21, 12, 22");
}

TEST(InferPointwise, what_cannot_be_told_is_unknown) {
  EXPECT_EQ(compute("less(a, 5)", {i64s({n})}).known(), "unknown");
  EXPECT_EQ(compute("div(sub(a, 3), 2)", {i64s({n})}).known(), "unknown");
  EXPECT_EQ(compute("div(a, 0)", {i64s({4})}).known(), "unknown");
  EXPECT_EQ(compute("mod(a, b)", {i64s({4}), i64s({0})}).known(), "unknown");
  EXPECT_EQ(compute("add(a, 1)", {i64s({INT64_MAX})}).known(), "unknown");
  EXPECT_EQ(compute("add(a, 1)", {ints(DType::i8, {1}, {127})}).known(), "unknown");
  EXPECT_EQ(compute("add(a, b)", {i64s({4}), typed(DType::i64, {1})}).known(), "unknown");
  EXPECT_EQ(compute("add(a, b)", {i64s({4}), typed(DType::i64, {65})}).known(), "unknown");
  EXPECT_EQ(compute("exp(a)", {floats(DType::f32, {1}, {0})}).known(), "unknown");
}

TEST(InferPointwise, float_arithmetic_rounds_as_the_dtype) {
  const auto value = [](std::string_view expression, DType dtype, double x) {
    return compute(expression, {floats(dtype, {1}, {x})}).values[0].known->floats.at(0);
  };
  EXPECT_EQ(value("add(a, 0.1)", DType::f32, 1), static_cast<double>(1.0f + 0.1f));
  EXPECT_EQ(value("add(a, 0.1)", DType::f64, 1), 1.0 + 0.1);
  EXPECT_EQ(value("mul(a, 1.5)", DType::bf16, 1.0078125),
            1.515625);  // 1.51171875 is a tie, to even
  EXPECT_EQ(value("round(a)", DType::f32, 2.5), 2);
  EXPECT_EQ(value("div(a, 3)", DType::f32, 1), static_cast<double>(1.0f / 3.0f));
  EXPECT_EQ(compute("less(a, 2)", {floats(DType::f32, {2}, {1, 3})}).known(), "1, 0");
}

// ---- resize, recurrent layers, windows laid back, regions, transforms ----

TEST(InferResize, axes_get_their_extents) {
  const Dim h = Dim::symbol("h");
  EXPECT_EQ(infer(Resize{.axes = {2, 3}, .dims = {h * 2, 7}}, {f32({n, 3, h, 5})}).type(),
            "f32[n, 3, 2*h, 7]");
  EXPECT_EQ(infer(Resize{.axes = {3, 2}, .dims = {1, 1}}, {f32({1, 1, 2, 2})}).error,
            "resize \"node\": axes [3, 2] do not rise within rank 4");
  EXPECT_EQ(infer(Resize{.axes = {0}, .dims = {2}}, {f32({0})}).error,
            "resize \"node\": the extent of axis 0 is 0, and must be at least 1");
  EXPECT_EQ(infer(Resize{.axes = {0}, .dims = {2}, .mode = Resampling::linear},
                  {typed(DType::bool_, {3})})
                .error,
            "resize \"node\": bool can be resized by nearest elements only");
}

TEST(InferRecurrent, states_follow_weight_and_input) {
  const Recurrent lstm{
      .activations = {"sigmoid", "tanh", "tanh"}, .alphas = {0, 0, 0}, .betas = {0, 0, 0}};
  const Dim s = Dim::symbol("s");
  const Result result = infer(lstm, {f32({s, n, 1, 20}), f32({1, 5, 20})}, 3);
  EXPECT_EQ(result.type(), "f32[s, 1, n, 5]");
  EXPECT_EQ(result.values.at(2).type.text(), "f32[1, n, 5]");
  EXPECT_EQ(infer(lstm, {f32({s, n, 1, 15}), f32({1, 5, 20})}).error,
            "recurrent \"node\": extents of axis 3 of operand 0 must be equal, not 15 and 20");
  EXPECT_EQ(infer(lstm, {f32({s, n, 2, 20}), f32({2, 5, 20})}).error,
            "recurrent \"node\": 3 activations, 3 alphas and 3 betas are given; there must be 6 "
            "each");
}

TEST(InferCol2Im, taps_belong_to_the_kernel) {
  EXPECT_EQ(infer(Col2Im{.dims = {9, 9}, .kernel = {3, 3}}, {f32({n, 2, 9, 7, 7})}).type(),
            "f32[n, 2, 9, 9]");
  EXPECT_EQ(infer(Col2Im{.dims = {9, 9}, .kernel = {3, 3}}, {f32({n, 2, 8, 7, 7})}).error,
            "col2im \"node\": taps of the kernel and of the operand must be equal, not 8 and 9");
}

TEST(InferRoiAlign, one_result_for_each_region) {
  const Dim r = Dim::symbol("r");
  EXPECT_EQ(infer(RoiAlign{.height = 7, .width = 5},
                  {f32({1, 3, 9, 9}), f32({r, 4}), typed(DType::i64, {r})})
                .type(),
            "f32[r, 3, 7, 5]");
  EXPECT_EQ(infer(RoiAlign{}, {f32({1, 3, 9, 9}), f32({2, 5}), typed(DType::i64, {2})}).error,
            "roi_align \"node\": numbers of a region must be equal, not 5 and 4");
}

TEST(InferDft, one_side_has_half_of_the_numbers) {
  EXPECT_EQ(infer(Dft{.length = {n}, .onesided = true}, {f32({2, n, 1})}).type(),
            "f32[2, floor_div(n, 2) + 1, 2]");
  EXPECT_EQ(infer(Dft{.length = {10}, .inverse = true, .onesided = true}, {f32({2, 6, 2})}).type(),
            "f32[2, 10, 1]");
  EXPECT_EQ(infer(Dft{.length = {10}, .onesided = true}, {f32({2, 10, 2})}).error,
            "dft \"node\": one side is given of real numbers only");
}

}  // namespace
}  // namespace tenon::ir
