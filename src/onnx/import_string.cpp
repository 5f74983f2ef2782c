// Imports of ops over texts.
#include "onnx/import_string.h"

#include <array>
#include <map>

#include "base/regex.h"
#include "base/text.h"
#include "ir/ops/gather.h"
#include "ir/ops/sequence.h"
#include "ir/ops/string.h"
#include "onnx/function.h"
#include "onnx/import_ml.h"
#include "onnx/imports.h"

namespace tenon::onnx {

using ir::ValueId;

ValueId texts(NodeContext& node, std::vector<std::string> values) {
  const auto count = static_cast<int64_t>(values.size());
  return node.add(ir::Strings{std::move(values), {count}}, {});
}

ValueId tensor_or_texts(NodeContext& node, std::string_view attribute, const std::string& name) {
  const TensorValue* value = node.tensor_value(attribute);
  if (!value) return ir::absent;
  if (value->is_text()) return node.add(ir::Strings{value->strings, value->shape}, {});
  return node.leaves().add_constant(node.builder(), name, *node.tensor(attribute));
}

const ir::Strings* constant_texts(NodeContext& node, ValueId value) {
  const ir::Node* producer = node.builder().producer(value);
  return producer ? producer->as<ir::Strings>() : nullptr;
}

ValueId find_texts(NodeContext& node, ValueId x, const std::vector<std::string>& list) {
  std::map<std::string, int64_t> places;
  for (size_t i = 0; i < list.size(); ++i) places[list[i]] = static_cast<int64_t>(i);
  ir::StringIndex op;
  std::vector<int64_t> order;
  for (const auto& [key, place] : places) {
    op.keys.push_back(key);
    order.push_back(place);
  }
  order.push_back(-1);  // where -1, for none, leads to
  return node.add(ir::Gather{0}, {integers(node, order), node.add(std::move(op), {x})});
}

ValueId cast_texts(NodeContext& node, ValueId x, DType to) {
  const DType from = node.builder().type(x).dtype;
  if (from == to) return x;
  if (to == DType::string)
    return node.add(ir::NumberText{}, {is_narrow(from) ? node.cast(x, DType::f32) : x});
  const ValueId number = node.add(ir::TextNumber{is_narrow(to) ? DType::f32 : to}, {x});
  return node.cast(number, to);
}

Outputs import_equal(NodeContext& node) {
  if (node.dtype(0) != DType::string) return import_formula(node);
  return {node.add(ir::StringEqual{}, {node.input(0), node.input(1)})};
}

Outputs import_string_concat(NodeContext& node) {
  return {node.add(ir::StringConcat{}, {node.input(0), node.input(1)})};
}

Outputs import_string_split(NodeContext& node) {
  ir::StringSplit op{.delimiter = node.text("delimiter", ""),
                     .most = node.integer("maxsplit", -1),
                     .symbols = {node.builder().fresh_symbol("parts")}};
  return node.add_node(std::move(op), {node.input(0)}, 2);
}

Outputs import_regex_full_match(NodeContext& node) {
  const std::string pattern = node.text("pattern", "");
  const base::Regex compiled(pattern);
  if (!compiled.problem().empty())
    node.fail("pattern {} is no regular expression of RE2: {}", base::quoted(pattern),
              compiled.problem());
  return {node.add(ir::RegexFullMatch{pattern}, {node.input(0)})};
}

namespace {

// Those of `x`, a vector, that are none of the words; at least one, which is empty then.
ValueId without_words(NodeContext& node, ValueId x, const std::vector<std::string>& words,
                      bool by_case) {
  Function f(node, {});
  ValueId list = texts(node, words), compared = x;
  if (!by_case) {
    list = node.add(ir::StringCase{}, {list});
    compared = node.add(ir::StringCase{}, {x});
  }
  f.set("x", x);
  f.set("list", list);
  f.set("compared", compared);
  f.set("nothing", texts(node, {""}));
  f.run(R"(found = Cast <to = 6> (Equal(Unsqueeze(compared, [1]), list))
           kept = Compress <axis = 0> (x, Not(Cast <to = 9> (ReduceMax <keepdims = 0> (found, [1]))))
           count = Max(Shape(kept), [1])
           y = Slice(Concat <axis = 0> (kept, nothing), [0], count, [0]))");
  return f["y"];
}

}  // namespace

// Letters are Unicode's, whatever the locale.
Outputs import_string_normalizer(NodeContext& node) {
  node.ignore_attribute("locale");
  const std::string action = node.text("case_change_action", "NONE");
  if (action != "NONE" && action != "LOWER" && action != "UPPER")
    node.fail("case_change_action {} is unknown", base::quoted(action));
  const bool by_case = node.flag("is_case_sensitive", false);
  const std::vector<std::string> words = node.texts("stopwords");
  const size_t rank = node.rank(0);
  if (rank < 1 || rank > 2 || (rank == 2 && node.dims(0)[0] != ir::Dim(1)))
    node.fail("operand 0 is {}, not [C] or [1, C]", ir::text(node.dims(0)));
  ValueId y = node.reshape(node.input(0), {node.dims(0).back()});
  if (!words.empty()) y = without_words(node, y, words, by_case);
  if (action != "NONE") y = node.add(ir::StringCase{.upper = action == "UPPER"}, {y});
  const ir::Dim count = node.builder().dims(y)[0];
  return {rank == 2 ? node.reshape(y, {1, count}) : y};
}

// A map for each row of scores.
Outputs import_zip_map(NodeContext& node) {
  const std::vector<std::string> names = node.texts("classlabels_strings");
  const ValueId keys =
      names.empty() ? integer_list(node, "classlabels_int64s") : texts(node, names);
  ValueId values = node.input(0);
  if (node.rank(0) == 1) values = node.reshape(values, {1, node.dims(0)[0]});
  return {node.add(ir::RowMaps{}, {keys, values})};
}

}  // namespace tenon::onnx
