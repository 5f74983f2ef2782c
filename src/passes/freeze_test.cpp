// Tests of which leaves may be refitted.
#include <gtest/gtest.h>

#include <algorithm>

#include "ir/text.h"
#include "ir/verify.h"
#include "passes/pass.h"
#include "tenon/error.h"

namespace tenon::passes {
namespace {

using Kind = RefitPolicy::Kind;

constexpr std::string_view text = R"(
graph (x: f32[n, 4]) {
  %1 = matmul(%x, "w": f32[4, 4], "b": f32[4]) : f32[n, 4]
  %2 = pointwise(%1, const "c": f32[] = [2]) {mul(a, b)} : f32[n, 4]
  %3 = cast(const "i": i64[1] = [7]) {to = f32} : f32[1]
  %4 = pointwise(%2, %3) {add(a, b)} : f32[n, 4]
} -> (y = %4)
)";

// As an importer leaves it: a shape it has read itself is in the table only.
ir::Network network() {
  ir::Network result{ir::parse(text), {}};
  for (const ir::ValueId id : result.graph.leaves()) {
    const ir::GraphValue& leaf = result.graph.value(id);
    result.leaves.push_back({leaf.name, leaf.value.type, true, "", {}});
  }
  result.leaves.push_back({"shape",
                           ir::parse_type("i64[2]"),
                           false,
                           "its elements are read while building (reshape \"r\")",
                           {}});
  result.leaves.push_back({"unused", ir::parse_type("f32[3]"), true, "", {}});
  std::ranges::sort(result.leaves, {}, &ir::Leaf::name);
  return result;
}

std::map<std::string, std::string> reasons(const ir::Network& network) {
  std::map<std::string, std::string> result;
  for (const ir::Leaf& leaf : network.leaves) {
    EXPECT_EQ(leaf.refittable, leaf.reason.empty()) << leaf.name;
    result[leaf.name] = leaf.reason;
  }
  return result;
}

std::map<std::string, ir::Origin> origins(const ir::Network& network) {
  std::map<std::string, ir::Origin> result;
  for (const ir::ValueId id : network.graph.leaves()) {
    result[network.graph.value(id).name] = network.graph.value(id).origin;
  }
  return result;
}

std::string refusal(const RefitPolicy& policy) {
  try {
    freeze(network(), policy);
  } catch (const BuildError& error) {
    return error.what();
  }
  return "";
}

const std::string kRead = "its elements are read while building (reshape \"r\")";

TEST(freeze, all_keeps_weights_and_says_why_the_others_are_frozen) {
  const ir::Network frozen = freeze(network(), {.kind = Kind::all, .names = {}});
  EXPECT_EQ(ir::print(frozen.graph), ir::print(ir::parse(text)));
  EXPECT_EQ(reasons(frozen), (std::map<std::string, std::string>{
                                 {"b", ""},
                                 {"c", "a constant of the model: frozen unless named"},
                                 {"i", "an integer (i64): frozen unless named"},
                                 {"shape", kRead},
                                 {"unused", ""},
                                 {"w", ""}}));
}

TEST(freeze, none_makes_every_weight_a_constant) {
  const ir::Network frozen = freeze(network(), {.kind = Kind::none, .names = {}});
  ir::verify(frozen.graph);
  for (const auto& [name, origin] : origins(frozen))
    EXPECT_EQ(origin, ir::Origin::constant) << name;
  EXPECT_EQ(reasons(frozen).at("w"), "refit=\"none\"");
  EXPECT_EQ(reasons(frozen).at("unused"), "refit=\"none\"");
  EXPECT_EQ(reasons(frozen).at("shape"), kRead);
  EXPECT_EQ(reasons(frozen).at("i"), "an integer (i64): frozen unless named");
}

TEST(freeze, names_thaw_constants_and_freeze_what_is_not_named) {
  const ir::Network frozen = freeze(network(), {.kind = Kind::names, .names = {"w", "c", "i"}});
  ir::verify(frozen.graph);
  EXPECT_EQ(origins(frozen), (std::map<std::string, ir::Origin>{{"b", ir::Origin::constant},
                                                                {"c", ir::Origin::weight},
                                                                {"i", ir::Origin::weight},
                                                                {"w", ir::Origin::weight}}));
  EXPECT_EQ(reasons(frozen).at("b"), "not named in refit");
  EXPECT_EQ(reasons(frozen).at("c"), "");
  EXPECT_EQ(reasons(frozen).at("i"), "");
}

TEST(freeze, an_unknown_name_is_refused_with_the_nearest) {
  EXPECT_EQ(refusal({.kind = Kind::names, .names = {"unusd"}}),
            "refit: \"unusd\" is no weight or constant of this model; the nearest is \"unused\"");
  EXPECT_EQ(refusal({.kind = Kind::names, .names = {"something.else"}}),
            "refit: \"something.else\" is no weight or constant of this model");
}

TEST(freeze, a_name_whose_elements_are_read_is_refused) {
  EXPECT_EQ(refusal({.kind = Kind::names, .names = {"shape", "w"}}),
            "refit: these cannot be refitted, leave them out of the names: \"shape\", " + kRead);
}

}  // namespace
}  // namespace tenon::passes
