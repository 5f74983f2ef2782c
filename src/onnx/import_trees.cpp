// Imports of ensembles of trees: all rows walk all trees at once, one level a step, by gathers.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <set>

#include "base/dtype.h"
#include "base/text.h"
#include "onnx/function.h"
#include "onnx/import_ml.h"
#include "onnx/imports.h"

namespace tenon::onnx {
namespace {

using ir::ValueId;

/// As ONNX numbers them.
enum class Mode : int64_t { leq, lt, gte, gt, eq, neq, member };
enum class Aggregate : int64_t { average, sum, min, max };

/// Inner nodes, and leaves with a number for each target. A child is a node, or the leaf -1 -
/// child.
struct Forest {
  std::vector<int64_t> features, yes, no, modes, missing;
  std::vector<double> splits;
  std::vector<std::vector<double>> members;  // by node; empty but for Mode::member
  std::vector<int64_t> roots;
  std::vector<std::map<int64_t, double>> leaves;  // weights by target
  int64_t targets = 1;
  Aggregate aggregate = Aggregate::sum;

  size_t nodes() const { return features.size(); }
};

void require_lengths(NodeContext& node, const Forest& forest) {
  const size_t count = forest.nodes();
  for (const size_t length : {forest.yes.size(), forest.no.size(), forest.modes.size(),
                              forest.missing.size(), forest.splits.size()})
    if (length != count) node.fail("lists of nodes have {} and {} numbers", count, length);
  if (count == 0 || forest.roots.empty()) node.fail("there are no trees");
}

// How many steps lead to the last leaf. Fails for children that are not there, and for circles.
int64_t depth_of(NodeContext& node, const Forest& forest) {
  const auto count = static_cast<int64_t>(forest.nodes());
  std::vector<int64_t> level = forest.roots;
  for (int64_t depth = 0;; ++depth) {
    std::vector<int64_t> next;
    for (const int64_t at : level) {
      if (at < -std::ssize(forest.leaves) || at >= count)
        node.fail("a tree leads to {} of {} nodes and {} leaves", at, count, forest.leaves.size());
      if (at >= 0)
        next.insert(next.end(),
                    {forest.yes[static_cast<size_t>(at)], forest.no[static_cast<size_t>(at)]});
    }
    if (next.empty()) return depth;
    std::ranges::sort(next);
    next.erase(std::ranges::unique(next).begin(), next.end());
    if (depth >= count) node.fail("a tree leads back to itself");
    level = std::move(next);
  }
}

ValueId numbers(NodeContext& node, const std::vector<double>& values, DType dtype, Shape shape) {
  return constant_of(node, "", TensorView(values.data(), DType::f64, std::move(shape)), dtype);
}

// `hit`: which rows take the first branch of the nodes that they are `safe`ly at.
void compare(NodeContext& node, const Forest& forest, Function& f) {
  constexpr std::string_view formulas[] = {"LessOrEqual(v, split)",
                                           "Less(v, split)",
                                           "GreaterOrEqual(v, split)",
                                           "Greater(v, split)",
                                           "Equal(v, split)",
                                           "Not(Equal(v, split))",
                                           "Greater(ReduceSum <keepdims = 0> (same, [2]), 0)"};
  f.run(R"(v = GatherElements <axis = 1> (x, Gather(features, safe))
           split = Gather(splits, safe))");
  const auto has = [&](Mode mode) {
    return std::ranges::count(forest.modes, static_cast<int64_t>(mode)) > 0;
  };
  if (has(Mode::member))
    f.run("same = Cast <to = 7> (Equal(Unsqueeze(v, [2]), Gather(members, safe)))");
  bool first = true;
  for (int64_t mode = 0; mode < std::ssize(formulas); ++mode) {
    if (!has(static_cast<Mode>(mode))) continue;
    f.run(fmt::format("one = {}", formulas[mode]));
    f.set("mode", node.scalar(mode));
    f.run(first ? "hit = one" : "hit = Where(Equal(Gather(modes, safe), mode), one, hit)");
    first = false;
  }
  if (std::ranges::count(forest.missing, 0) != std::ssize(forest.missing))
    f.run("hit = Or(hit, And(IsNaN(v), Equal(Gather(missing, safe), 1)))");
}

// By node, the members of each set, filled up with what is equal to nothing.
void set_members(NodeContext& node, const Forest& forest, Function& f, DType dtype) {
  size_t most = 1;
  for (const auto& set : forest.members) most = std::max(most, set.size());
  std::vector<double> table(forest.nodes() * most, std::nan(""));
  for (size_t i = 0; i < forest.members.size(); ++i)
    std::ranges::copy(forest.members[i], table.begin() + static_cast<std::ptrdiff_t>(i * most));
  f.set("members", numbers(node, table, dtype,
                           {static_cast<int64_t>(forest.nodes()), static_cast<int64_t>(most)}));
}

// By leaf, a number for each target; those that a leaf says nothing of change no sum, or extreme.
void set_leaves(NodeContext& node, const Forest& forest, Function& f, DType dtype) {
  const double greatest = dtype == DType::f64
                              ? std::numeric_limits<double>::max()
                              : static_cast<double>(std::numeric_limits<float>::max());
  const double nothing = forest.aggregate == Aggregate::min   ? greatest
                         : forest.aggregate == Aggregate::max ? -greatest
                                                              : 0;
  std::vector<double> table(forest.leaves.size() * static_cast<size_t>(forest.targets), nothing);
  for (size_t leaf = 0; leaf < forest.leaves.size(); ++leaf)
    for (const auto& [target, weight] : forest.leaves[leaf]) {
      if (target < 0 || target >= forest.targets)
        node.fail("a leaf is of target {} of {}", target, forest.targets);
      table[leaf * static_cast<size_t>(forest.targets) + static_cast<size_t>(target)] = weight;
    }
  f.set("leaves", numbers(node, table, dtype, {std::ssize(forest.leaves), forest.targets}));
}

// [rows, targets], without what comes after the trees.
void walk(NodeContext& node, const Forest& forest, Function& f) {
  require_lengths(node, forest);
  if (node.rank(0) != 2) node.fail("operand 0 has rank {}, not 2", node.rank(0));
  const int64_t depth = depth_of(node, forest);
  const DType dtype = node.dtype(0) == DType::f64 ? DType::f64 : DType::f32;
  f.set("x", node.cast(node.input(0), dtype));
  f.set("splits", numbers(node, forest.splits, dtype, {std::ssize(forest.splits)}));
  const std::pair<std::string_view, const std::vector<int64_t>&> lists[] = {
      {"features", forest.features}, {"yes", forest.yes},         {"no", forest.no},
      {"modes", forest.modes},       {"missing", forest.missing}, {"roots", forest.roots}};
  for (const auto& [name, list] : lists)
    f.set(name, constant_of(node, "", TensorView(list.data(), DType::i64, {std::ssize(list)}),
                            DType::i64));
  set_members(node, forest, f, dtype);
  set_leaves(node, forest, f, dtype);
  f.run("at = Expand(roots, Concat <axis = 0> (Slice(Shape(x), [0], [1]), [1]))");
  for (int64_t level = 0; level < depth; ++level) {
    f.run("safe = Max(at, 0)");
    compare(node, forest, f);
    f.run(R"(child = Where(hit, Gather(yes, safe), Gather(no, safe))
             at = Where(Less(at, 0), at, child))");
  }
  constexpr std::string_view reductions[] = {"ReduceMean", "ReduceSum", "ReduceMin", "ReduceMax"};
  f.run(fmt::format("y = {} <keepdims = 0> (Gather(leaves, Sub(-1, at)), [1])",
                    reductions[static_cast<size_t>(forest.aggregate)]));
}

// --- version 5

std::vector<double> tensor_numbers(NodeContext& node, std::string_view name) {
  const weights::TensorSource* source = node.tensor(name);
  if (!source) return {};
  const auto count = element_count(source->shape);
  std::vector<std::byte> bytes(byte_count(source->dtype, count));
  weights::read_elements(*source, 0, count, source->dtype, bytes.data());
  std::vector<double> values;
  base::dispatch(source->dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (int64_t i = 0; i < count; ++i)
      values.push_back(
          static_cast<double>(base::load<T>(bytes.data() + static_cast<size_t>(i) * sizeof(T))));
  });
  return values;
}

// Sets follow one another in the order of their nodes on a walk from the roots, and each ends with
// a NaN.
void read_members(NodeContext& node, Forest& forest) {
  const std::vector<double> values = tensor_numbers(node, "membership_values");
  forest.members.resize(forest.nodes());
  size_t at = 0;
  std::vector<int64_t> open(forest.roots.rbegin(), forest.roots.rend());
  for (size_t steps = 0; !open.empty(); ++steps) {
    const int64_t id = open.back();
    open.pop_back();
    if (id < 0) continue;
    if (id >= std::ssize(forest.features) || steps > 2 * forest.nodes() + forest.roots.size())
      node.fail("a tree leads to node {}, which is none, or back to itself", id);
    const auto i = static_cast<size_t>(id);
    if (forest.modes[i] == static_cast<int64_t>(Mode::member)) {
      while (at < values.size() && !std::isnan(values[at]))
        forest.members[i].push_back(values[at++]);
      if (at++ >= values.size()) node.fail("membership_values lacks the members of node {}", id);
    }
    open.insert(open.end(), {forest.no[i], forest.yes[i]});
  }
}

Forest read_trees(NodeContext& node) {
  Forest forest{.features = node.integers("nodes_featureids"),
                .yes = node.integers("nodes_truenodeids"),
                .no = node.integers("nodes_falsenodeids"),
                .missing = node.integers("nodes_missing_value_tracks_true"),
                .splits = tensor_numbers(node, "nodes_splits"),
                .roots = node.integers("tree_roots"),
                .targets = node.integer("n_targets", 1),
                .aggregate = static_cast<Aggregate>(node.integer("aggregate_function", 1))};
  node.ignore_attribute("nodes_hitrates");  // for speed
  if (forest.missing.empty()) forest.missing.assign(forest.nodes(), 0);
  for (const double mode : tensor_numbers(node, "nodes_modes"))
    forest.modes.push_back(static_cast<int64_t>(mode));
  if (forest.aggregate < Aggregate::average || forest.aggregate > Aggregate::max)
    node.fail("aggregate_function is {}", static_cast<int64_t>(forest.aggregate));
  require_lengths(node, forest);
  const std::vector<int64_t> leaf_yes = node.integers("nodes_trueleafs"),
                             leaf_no = node.integers("nodes_falseleafs");
  if (leaf_yes.size() != forest.nodes() || leaf_no.size() != forest.nodes())
    node.fail("lists of leaves have other lengths than those of nodes");
  for (size_t i = 0; i < forest.nodes(); ++i) {
    if (forest.modes[i] < 0 || forest.modes[i] > static_cast<int64_t>(Mode::member))
      node.fail("nodes_modes holds {}", forest.modes[i]);
    if (leaf_yes[i]) forest.yes[i] = -1 - forest.yes[i];
    if (leaf_no[i]) forest.no[i] = -1 - forest.no[i];
  }
  const std::vector<int64_t> targets = node.integers("leaf_targetids");
  const std::vector<double> weights = tensor_numbers(node, "leaf_weights");
  if (targets.size() != weights.size())
    node.fail("{} leaves have targets, and {} weights", targets.size(), weights.size());
  for (size_t i = 0; i < targets.size(); ++i) forest.leaves.push_back({{targets[i], weights[i]}});
  read_members(node, forest);
  return forest;
}

// --- versions 1 and 3, which regressors have still

std::vector<double> listed(NodeContext& node, const std::string& name) {
  std::vector<double> values = tensor_numbers(node, name + "_as_tensor");
  for (const float value : node.numbers(name)) values.push_back(static_cast<double>(value));
  return values;
}

int64_t mode_of(NodeContext& node, const std::string& name) {
  constexpr std::string_view names[] = {"BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE",
                                        "BRANCH_GT",  "BRANCH_EQ", "BRANCH_NEQ"};
  const auto found = std::ranges::find(names, name);
  if (found == std::end(names)) node.fail("nodes_modes holds {}", base::quoted(name));
  return found - std::begin(names);
}

// Nodes and leaves are one list; a tree begins at its first node. Weights are of "target" or
// "class".
Forest read_nodes(NodeContext& node, const std::string& of, int64_t targets) {
  const std::vector<int64_t> trees = node.integers("nodes_treeids"),
                             ids = node.integers("nodes_nodeids"),
                             features = node.integers("nodes_featureids"),
                             yes = node.integers("nodes_truenodeids"),
                             no = node.integers("nodes_falsenodeids"),
                             missing = node.integers("nodes_missing_value_tracks_true");
  const std::vector<std::string> modes = node.texts("nodes_modes");
  const std::vector<double> values = listed(node, "nodes_values");
  node.ignore_attribute("nodes_hitrates");
  node.ignore_attribute("nodes_hitrates_as_tensor");
  const size_t count = trees.size();
  for (const size_t length : {ids.size(), features.size(), yes.size(), no.size(), modes.size(),
                              values.size(), missing.empty() ? count : missing.size()})
    if (length != count) node.fail("lists of nodes have {} and {} numbers", count, length);
  Forest forest{.targets = targets};
  std::map<std::pair<int64_t, int64_t>, int64_t> places;  // by tree and node
  std::vector<size_t> inner;
  for (size_t i = 0; i < count; ++i) {
    const bool leaf = modes[i] == "LEAF";
    const int64_t place = leaf ? -1 - std::ssize(forest.leaves) : std::ssize(inner);
    if (i == 0 || trees[i] != trees[i - 1]) forest.roots.push_back(place);
    if (!places.emplace(std::pair(trees[i], ids[i]), place).second)
      node.fail("node {} of tree {} is there twice", ids[i], trees[i]);
    if (leaf)
      forest.leaves.emplace_back();
    else
      inner.push_back(i);
  }
  const auto place_of = [&](int64_t tree, int64_t id) {
    const auto found = places.find({tree, id});
    if (found == places.end()) node.fail("tree {} leads to node {}, which is none", tree, id);
    return found->second;
  };
  for (const size_t i : inner) {
    forest.features.push_back(features[i]);
    forest.splits.push_back(values[i]);
    forest.modes.push_back(mode_of(node, modes[i]));
    forest.missing.push_back(missing.empty() ? 0 : missing[i]);
    forest.yes.push_back(place_of(trees[i], yes[i]));
    forest.no.push_back(place_of(trees[i], no[i]));
  }
  const std::vector<int64_t> of_tree = node.integers(of + "_treeids"),
                             of_node = node.integers(of + "_nodeids"),
                             of_target = node.integers(of + "_ids");
  const std::vector<double> weights = listed(node, of + "_weights");
  if (of_tree.size() != weights.size() || of_node.size() != weights.size() ||
      of_target.size() != weights.size())
    node.fail("lists of targets have other lengths than their weights");
  for (size_t i = 0; i < weights.size(); ++i) {
    const int64_t place = place_of(of_tree[i], of_node[i]);
    if (place >= 0)
      node.fail("node {} of tree {} has a weight, and is no leaf", of_node[i], of_tree[i]);
    forest.leaves[static_cast<size_t>(-1 - place)][of_target[i]] += weights[i];
  }
  return forest;
}

Forest read_regressor(NodeContext& node) {
  Forest forest = read_nodes(node, "target", node.integer("n_targets", 1));
  const std::string aggregate = node.text("aggregate_function", "SUM");
  constexpr std::string_view names[] = {"AVERAGE", "SUM", "MIN", "MAX"};
  const auto found = std::ranges::find(names, aggregate);
  if (found == std::end(names))
    node.fail("aggregate_function {} is unknown", base::quoted(aggregate));
  forest.aggregate = static_cast<Aggregate>(found - std::begin(names));
  return forest;
}

// Of two classes of which the leaves tell one: that one, and whether no weight is negative.
std::optional<std::pair<int64_t, bool>> only_class(const Forest& forest) {
  std::set<int64_t> told;
  bool positive = true;
  for (const auto& leaf : forest.leaves)
    for (const auto& [target, weight] : leaf) {
      told.insert(target);
      positive = positive && weight >= 0;
    }
  if (forest.targets != 2 || told.size() != 1) return std::nullopt;
  return std::pair(*told.begin(), positive);
}

// As ONNX Runtime has it: the one weight decides, a probability where none is negative, else a
// distance from 0. Scores are of both classes where the first is told.
void score_two_classes(NodeContext& node, Function& f, std::pair<int64_t, bool> only,
                       const std::string& transform) {
  const auto [told, positive] = only;
  f.run("s = ReduceSum <keepdims = 1> (y, [1])");
  f.run(positive ? "second = Greater(s, CastLike(0.5, s))" : "second = Greater(s, CastLike(0, s))");
  f.run("best = Squeeze(Cast <to = 7> (second), [1])");
  if (told == 1) return transform_scores(node, f, transform);
  if (positive && transform == "NONE")
    f.run("y = Concat <axis = 1> (Sub(CastLike(1, s), s), s)");
  else if (!positive && transform == "NONE")
    f.run("y = Concat <axis = 1> (Neg(s), s)");
  else if (!positive && transform == "LOGISTIC")
    f.run("y = Concat <axis = 1> (Sigmoid(Neg(s)), Sigmoid(s))");
  else
    node.unsupported("post_transform {} of two classes told by one", transform);
}

}  // namespace

Outputs import_tree_ensemble_classifier(NodeContext& node) {
  const ir::ValueId labels = class_labels(node, "classlabels_int64s");
  const auto classes = node.builder().dims(labels)[0].constant();
  const Forest forest = read_nodes(node, "class", classes);
  const std::string transform = node.text("post_transform", "NONE");
  Function f(node, {});
  walk(node, forest, f);
  const std::vector<double> base = listed(node, "base_values");
  if (const auto only = only_class(forest)) {
    if (!base.empty()) node.unsupported("base_values of two classes told by one");
    score_two_classes(node, f, *only, transform);
  } else {
    if (!base.empty()) {
      f.set("base", numbers(node, base, node.builder().type(f["y"]).dtype, {std::ssize(base)}));
      f.run("y = Add(y, base)");
    }
    f.run("best = ArgMax <axis = 1, keepdims = 0> (y)");
    transform_scores(node, f, transform);
  }
  f.set("labels", labels);
  f.run("label = Gather(labels, best)");
  return {f["label"], node.cast(f["y"], DType::f32)};
}

Outputs import_tree_ensemble(NodeContext& node) {
  constexpr std::string_view transforms[] = {"NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO",
                                             "PROBIT"};
  const int64_t transform = node.integer("post_transform", 0);
  if (transform < 0 || transform >= std::ssize(transforms))
    node.fail("post_transform is {}", transform);
  Function f(node, {});
  walk(node, read_trees(node), f);
  transform_scores(node, f, transforms[transform]);
  return {f["y"]};
}

Outputs import_tree_ensemble_regressor(NodeContext& node) {
  Function f(node, {});
  walk(node, read_regressor(node), f);
  const std::vector<double> base = listed(node, "base_values");
  if (!base.empty()) {
    f.set("base", numbers(node, base, node.builder().type(f["y"]).dtype, {std::ssize(base)}));
    f.run("y = Add(y, base)");
  }
  transform_scores(node, f, node.text("post_transform", "NONE"));
  return {node.cast(f["y"], DType::f32)};
}

}  // namespace tenon::onnx
