// Import of TfIdfVectorizer: every n-gram of the pool is compared with every window of the rows.
#include <algorithm>
#include <array>
#include <map>

#include "base/text.h"
#include "onnx/import_ml.h"
#include "onnx/import_string.h"
#include "onnx/imports.h"

namespace tenon::onnx {
namespace {

/// All n-grams of one length: their elements, one after another, and the columns that count them.
struct Grams {
  int64_t length = 1;
  std::vector<int64_t> elements, columns;

  int64_t count() const { return std::ssize(columns); }
};

/// What the attributes say.
struct Pool {
  std::vector<Grams> grams;  // those that count
  int64_t skips = 0, width = 0;
};

// `from` the place in the pool at which the n-grams of a length begin, and up to the next length's.
Grams grams_of(NodeContext& node, const std::vector<int64_t>& pool, int64_t length, int64_t from,
               int64_t to) {
  if (from < 0 || to < from || to > std::ssize(pool) || (to - from) % length != 0)
    node.fail("ngram_counts does not fit a pool of {}", pool.size());
  return {length, {pool.begin() + from, pool.begin() + to}, {}};
}

// Texts stand for where find_texts() finds them.
std::vector<int64_t> pool_of(NodeContext& node) {
  if (node.dtype(0) != DType::string) return node.integers("pool_int64s");
  const std::vector<std::string> words = node.texts("pool_strings");
  std::map<std::string_view, int64_t> places;
  for (size_t i = 0; i < words.size(); ++i) places[words[i]] = static_cast<int64_t>(i);
  std::vector<int64_t> pool;
  for (const std::string& word : words) pool.push_back(places.at(word));
  return pool;
}

Pool read(NodeContext& node) {
  const std::vector<int64_t> starts = node.integers("ngram_counts"),
                             columns = node.integers("ngram_indexes"), pool = pool_of(node);
  const int64_t least = node.integer("min_gram_length"), most = node.integer("max_gram_length");
  Pool result{.skips = node.integer("max_skip_count")};
  if (least < 1 || most < least || result.skips < 0 || columns.empty())
    node.fail("n-grams of {} to {} elements, {} skipped", least, most, result.skips);
  for (const int64_t column : columns)
    if (column < 0 || column > INT32_MAX) node.fail("ngram_indexes holds {}", column);
  result.width = *std::ranges::max_element(columns) + 1;
  auto column = columns.begin();
  for (size_t i = 0; i < starts.size(); ++i) {
    const int64_t end = i + 1 < starts.size() ? starts[i + 1] : std::ssize(pool);
    const auto length = static_cast<int64_t>(i) + 1;
    Grams grams = grams_of(node, pool, length, starts[i], end);
    const int64_t count = std::ssize(grams.elements) / length;
    if (count > columns.end() - column) node.fail("there are more n-grams than ngram_indexes");
    grams.columns.assign(column, column + count);
    column += count;
    if (length >= least && length <= most && count > 0) result.grams.push_back(std::move(grams));
  }
  return result;
}

// `found`: how often each n-gram is in each row, `skip` elements left out between its own.
void count_grams(NodeContext& node, const Grams& grams, int64_t skip, Function& f) {
  for (int64_t j = 0; j < grams.length; ++j) {
    std::vector<int64_t> elements;
    for (int64_t i = 0; i < grams.count(); ++i)
      elements.push_back(grams.elements[static_cast<size_t>(i * grams.length + j)]);
    const int64_t behind = (grams.length - 1 - j) * (skip + 1);
    f.set("first", std::array{j * (skip + 1)});
    f.set("end", std::array{behind > 0 ? -behind : INT64_MAX});
    f.set("elements", integers(node, elements));
    f.run("same = Equal(Unsqueeze(Slice(x, first, end, [1]), [2]), elements)");
    f.run(j == 0 ? "all = same" : "all = And(all, same)");
  }
  f.run("found = ReduceSum <keepdims = 0> (Cast <to = 1> (all), [1])");
}

// Weights are of columns, as ONNX's reference and ONNX Runtime have it.
void weigh(NodeContext& node, const Pool& pool, Function& f) {
  const std::string mode = node.text("mode", "");
  const std::vector<float> weights = node.numbers("weights");
  if (mode != "TF" && mode != "IDF" && mode != "TFIDF")
    node.fail("mode {} is unknown", base::quoted(mode));
  if (mode == "IDF") f.run("y = Min(y, 1.0)");
  if (mode == "TF" || weights.empty()) return;
  if (std::ssize(weights) < pool.width)
    node.fail("{} weights, for {} columns", weights.size(), pool.width);
  f.set("scale", constant_of(node, "weights", TensorView(weights.data(), DType::f32, {pool.width}),
                             DType::f32));
  f.run("y = Mul(y, scale)");
}

}  // namespace

// Single elements are not told apart by what is skipped between them.
Outputs import_tf_idf_vectorizer(NodeContext& node) {
  const Pool pool = read(node);
  if (node.rank(0) < 1 || node.rank(0) > 2)
    node.fail("operand 0 has rank {}, not 1 or 2", node.rank(0));
  Function f(node, std::array<std::string_view, 1>{"given"});
  if (node.dtype(0) == DType::string)
    f.set("x", find_texts(node, node.input(0), node.texts("pool_strings")));
  else
    f.run("x = Cast <to = 7> (given)");
  if (node.rank(0) == 1) f.run("x = Unsqueeze(x, [0])");
  f.set("width", std::array{pool.width});
  f.run("y = Expand(0.0, Concat <axis = 0> (Slice(Shape(x), [0], [1]), width))");
  for (const Grams& grams : pool.grams) {
    for (int64_t skip = 0; skip <= (grams.length == 1 ? 0 : pool.skips); ++skip) {
      count_grams(node, grams, skip, f);
      f.run(skip == 0 ? "sum = found" : "sum = Add(sum, found)");
    }
    f.set("to", integers(node, grams.columns));
    f.run(R"(y = ScatterElements <axis = 1, reduction = "add"> (y, Expand(to, Shape(sum)), sum))");
  }
  weigh(node, pool, f);
  if (node.rank(0) == 1) f.run("y = Squeeze(y, [0])");
  return {f["y"]};
}

}  // namespace tenon::onnx
