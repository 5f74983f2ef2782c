// Runs the text tests of tests/passes; README.md describes their form.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "base/text.h"
#include "ir/elements.h"
#include "ir/text.h"
#include "ir/verify.h"
#include "passes/pass.h"

namespace tenon::passes {
namespace {

namespace fs = std::filesystem;

// The tests run in the project's root.
const fs::path folder = "tests/passes";

struct Case {
  std::string name;
  std::vector<std::string> passes;
  std::vector<std::pair<std::string, std::string>> values;  // weight, elements
  std::set<std::string> guards;                             // `"w" by power`
  std::vector<std::string> graphs;                          // before, after (hoist: main, weights)

  bool unchanged() const { return graphs.at(1) == "unchanged\n"; }
};

std::string trimmed(std::string text) {
  text.erase(0, text.find_first_not_of(' '));
  text.erase(text.find_last_not_of(" \n") + 1);
  return text;
}

std::vector<std::string> words(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), {}};
}

// `"w" = [2]`
std::pair<std::string, std::string> parse_value(std::string_view line) {
  const auto name = base::parse_quoted(line);
  if (!name) throw std::runtime_error("a value needs a quoted name");
  const size_t open = line.find('[');
  return {*name, std::string(line.substr(open + 1, line.rfind(']') - open - 1))};
}

void read_line(const std::string& line, Case& test) {
  const auto after = [&](std::string_view word) { return trimmed(line.substr(word.size())); };
  if (line == "---") {
    test.graphs.emplace_back();
  } else if (test.graphs.empty() && line.starts_with("pass:")) {
    test.passes = words(after("pass:"));
  } else if (test.graphs.empty() && line.starts_with("value ")) {
    test.values.push_back(parse_value(after("value ")));
  } else if (test.graphs.empty() && line.starts_with("guard ")) {
    test.guards.insert(after("guard "));
  } else if (!trimmed(line).empty()) {
    if (test.graphs.empty()) test.graphs.emplace_back();
    test.graphs.back() += line + "\n";
  }
}

std::vector<Case> read_cases(const fs::path& path) {
  std::ifstream file(path);
  std::vector<Case> cases;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("=== ")) {
      cases.push_back({.name = line.substr(4)});
    } else if (!cases.empty()) {
      read_line(line, cases.back());
    }
  }
  return cases;
}

std::vector<std::byte> bytes_of(DType dtype, const std::string& elements) {
  std::vector<std::byte> bytes;
  std::istringstream stream(elements);
  for (std::string element; std::getline(stream, element, ',');) {
    bytes.resize(bytes.size() + byte_count(dtype, 1));
    std::byte* at = bytes.data() + bytes.size() - byte_count(dtype, 1);
    if (!ir::parse_element(dtype, trimmed(element), at)) throw std::runtime_error(element);
  }
  return bytes;
}

Door::Reader reader_of(const Case& test, const ir::Graph& graph) {
  std::map<std::string, std::vector<std::byte>> known;
  for (const auto& [name, elements] : test.values) {
    for (const ir::ValueId id : graph.leaves()) {
      const ir::GraphValue& leaf = graph.value(id);
      if (leaf.name == name) known[name] = bytes_of(leaf.value.type.dtype, elements);
    }
  }
  return [known](const std::string& name) -> std::optional<std::vector<std::byte>> {
    const auto found = known.find(name);
    return found == known.end() ? std::nullopt : std::optional(found->second);
  };
}

struct Result {
  std::vector<ir::Graph> graphs;
  std::vector<ir::Guard> guards;
};

Result run_compile(const Case& test, ir::Graph graph) {
  ir::Network network;
  for (const ir::ValueId id : graph.leaves()) {
    const ir::GraphValue& leaf = graph.value(id);
    const bool weight = leaf.origin == ir::Origin::weight;
    network.leaves.push_back({leaf.name, leaf.value.type, weight, weight ? "" : "a constant", {}});
  }
  const Options options{.read_weight = reader_of(test, graph)};
  network.graph = std::move(graph);
  ir::Program program = compile(std::move(network), options);
  return {{std::move(program.main), std::move(program.weights)}, std::move(program.guards)};
}

Result run_passes(const Case& test, ir::Graph graph) {
  if (test.passes == std::vector<std::string>{"compile"})
    return run_compile(test, std::move(graph));
  if (test.passes == std::vector<std::string>{"hoist"}) {
    Result result{std::vector<ir::Graph>(2), {}};
    hoist(graph, result.graphs[0], result.graphs[1]);
    return result;
  }
  Door door(reader_of(test, graph));
  for (const std::string& name : test.passes) {
    const auto pass = std::ranges::find(passes(), name, &Pass::name);
    if (pass == passes().end()) throw std::runtime_error("no pass " + name);
    graph = pass->run(graph, door);
    ir::verify(graph);
  }
  return {{std::move(graph)}, door.take_guards()};
}

void check_guards(const Case& test, const Result& result) {
  std::set<std::string> guards;
  for (const ir::Guard& guard : result.guards) {
    guards.insert(base::quoted(guard.weight) + " by " + guard.pass);
    const auto value =
        std::ranges::find(test.values, guard.weight, &std::pair<std::string, std::string>::first);
    ASSERT_NE(value, test.values.end());
    EXPECT_EQ(guard.bytes, bytes_of(DType::f32, value->second));
  }
  EXPECT_EQ(guards, test.guards);
}

bool asks_of_bound_symbol(const ir::Graph& graph, const ir::Constraint& constraint) {
  std::vector<std::string> symbols;
  constraint.left.symbols(symbols);
  constraint.right.symbols(symbols);
  return std::ranges::any_of(graph.nodes(), [&](const ir::Node& node) {
    return std::ranges::find_first_of(symbols, node.op.bound_symbols()) != symbols.end();
  });
}

// What one graph refuses the other must refuse: a rewrite may take a node away, not what it asks.
// Symbols of a binding that goes have become others, in what is asked too.
void check_constraints_kept(const ir::Graph& before, const ir::Graph& after) {
  for (const ir::Constraint& each : before.constraints()) {
    if (asks_of_bound_symbol(before, each)) continue;
    EXPECT_TRUE(std::ranges::any_of(after.constraints(), [&](const ir::Constraint& kept) {
      return std::tie(kept.kind, kept.left, kept.right) ==
             std::tie(each.kind, each.left, each.right);
    })) << each.reason;
  }
}

void run_case(const Case& test) {
  SCOPED_TRACE(test.name);
  const ir::Graph before = ir::parse(test.graphs.at(0));
  const Result result = run_passes(test, before);
  ASSERT_EQ(test.graphs.size(), result.graphs.size() + 1);
  for (size_t i = 0; i < result.graphs.size(); ++i) {
    ir::verify(result.graphs[i]);
    const ir::Graph expected = test.unchanged() ? before : ir::parse(test.graphs[i + 1]);
    EXPECT_EQ(ir::print(result.graphs[i]), ir::print(expected));
  }
  check_guards(test, result);
  check_constraints_kept(before, result.graphs[0]);
  if (result.graphs.size() > 1) return;
  const Result again = run_passes(test, result.graphs[0]);
  EXPECT_EQ(ir::print(again.graphs[0]), ir::print(result.graphs[0])) << "the second time";
}

std::vector<std::string> files() {
  std::vector<std::string> names;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (entry.path().extension() == ".txt") names.push_back(entry.path().stem().string());
  }
  std::ranges::sort(names);
  return names;
}

class PassText : public testing::TestWithParam<std::string> {};

TEST_P(PassText, turns_the_first_graph_into_the_second) {
  const auto cases = read_cases(folder / (GetParam() + ".txt"));
  ASSERT_FALSE(cases.empty());
  for (const Case& test : cases) run_case(test);
}

INSTANTIATE_TEST_SUITE_P(files, PassText, testing::ValuesIn(files()),
                         [](const auto& test) { return test.param; });

TEST(pass_texts, every_pass_has_cases_where_it_acts_and_where_it_must_not) {
  for (const Pass& pass : passes()) {
    const auto cases = read_cases(folder / (std::string(pass.name) + ".txt"));
    EXPECT_TRUE(std::ranges::any_of(cases, &Case::unchanged)) << pass.name;
    EXPECT_FALSE(std::ranges::all_of(cases, &Case::unchanged)) << pass.name;
  }
}

}  // namespace
}  // namespace tenon::passes
