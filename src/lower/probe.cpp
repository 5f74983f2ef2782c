// Typical, least and greatest extents.
#include "lower/probe.h"

#include <algorithm>
#include <optional>
#include <set>
#include <tuple>

#include "base/error.h"
#include "lower/call.h"

namespace tenon::lower {
namespace {

using Ranges = std::map<std::string, plan::SymbolRange>;

constexpr int64_t kGreatestAsked = 4096;
constexpr int64_t kUntold = 128;  // plan::default_ranges()

Ranges complete_ranges(const ir::Graph& graph, const Ranges& given) {
  const Ranges defaults = plan::default_ranges(graph);
  Ranges ranges;
  for (const std::string& symbol : graph.symbols()) {
    const auto known = given.find(symbol);
    plan::SymbolRange range = known == given.end() ? defaults.at(symbol) : known->second;
    range.greatest = std::min(range.greatest, std::max(kGreatestAsked, range.typical));
    ranges[symbol] = range;
  }
  return ranges;
}

/// Why these extents are impossible, or "": a broken constraint, an extent that cannot be told, a
/// tensor of more bytes than there can be.
std::string misfit(const ir::Graph& graph, const Bindings& bindings) {
  try {
    check_constraints(graph, bindings);
    check_sizes(graph, bindings);
    for (const ir::Node& node : graph.nodes()) {
      for (const ir::Body& body : node.op.bodies()) {
        if (std::string reason = misfit(*body, bindings); !reason.empty()) return reason;
      }
    }
    return {};
  } catch (const Error& error) {
    return error.what();
  }
}

/// Those of a graph and of its bodies, which share their symbols.
void add_constraints(const ir::Graph& graph, std::vector<ir::Constraint>& all) {
  all.insert(all.end(), graph.constraints().begin(), graph.constraints().end());
  for (const ir::Node& node : graph.nodes())
    for (const ir::Body& body : node.op.bodies()) add_constraints(*body, all);
}

/// Moves a point until constraints hold, one after the other: first those that leave the least
/// choice, so that what is tied to a number passes it on.
class Solver {
 public:
  Solver(const std::vector<ir::Constraint>& constraints, const Ranges& ranges, Bindings point)
      : ranges_(ranges), point_(std::move(point)) {
    for (const ir::Constraint& constraint : constraints) {
      Tie tie{&constraint, {}, 0, false};
      constraint.left.symbols(tie.symbols);
      constraint.right.symbols(tie.symbols);
      tie.choice = tie.symbols.size();
      for (const std::string& symbol : tie.symbols) ties_of_[symbol].push_back(ties_.size());
      ties_.push_back(std::move(tie));
      queue_.insert(place(ties_.size() - 1));
    }
  }

  /// The point as near to that as was found.
  Bindings run() {
    while (!queue_.empty()) {
      const size_t next = std::get<2>(queue_.extract(queue_.begin()).value());
      Tie& tie = ties_[next];
      if (!holds(*tie.constraint, point_) && !solve(tie)) continue;
      tie.holds = true;
      if (is_equality(tie)) std::ranges::for_each(tie.symbols, [&](auto& s) { settle(s); });
    }
    return point_;
  }

 private:
  struct Tie {
    const ir::Constraint* constraint;
    std::vector<std::string> symbols;
    size_t choice;  ///< how many symbols are not settled
    bool holds;     ///< and is to hold from now on
  };
  /// Equalities first, then by choice, then in order.
  using Place = std::tuple<bool, size_t, size_t>;

  static bool is_equality(const Tie& tie) {
    return tie.constraint->kind == ir::Constraint::Kind::equal;
  }

  Place place(size_t i) const { return {!is_equality(ties_[i]), ties_[i].choice, i}; }

  void settle(const std::string& symbol) {
    if (!settled_.insert(symbol).second) return;
    for (const size_t i : ties_of_[symbol]) {
      auto waiting = queue_.extract(place(i));
      --ties_[i].choice;
      if (waiting.empty()) continue;
      waiting.value() = place(i);
      queue_.insert(std::move(waiting));
    }
  }

  bool solve(const Tie& tie) {
    for (const bool settled : {false, true}) {
      for (const std::string& symbol : tie.symbols) {
        if (settled_.contains(symbol) == settled && move(tie, symbol)) return true;
      }
    }
    return move_two(tie);
  }

  // Two at once, as the places of a plane that a product is to have: equal ones first.
  bool move_two(const Tie& tie) {
    std::vector<std::string> open;
    for (const std::string& symbol : tie.symbols)
      if (!settled_.contains(symbol)) open.push_back(symbol);
    if (open.size() < 2) return false;
    const int64_t before[] = {point_.at(open[0]), point_.at(open[1])};
    for (int64_t both = 1; both <= kFarthest; ++both)
      if (fit(tie, open[0], both, open[1], both)) return true;
    for (int64_t one = 1; one <= kFarthestPair; ++one)
      for (int64_t other = 1; other <= kFarthestPair; ++other)
        if (fit(tie, open[0], one, open[1], other)) return true;
    point_[open[0]] = before[0];
    point_[open[1]] = before[1];
    return false;
  }

  bool fit(const Tie& tie, const std::string& a, int64_t value_a, const std::string& b,
           int64_t value_b) {
    point_[b] = value_b;
    return fits(tie, a, value_a) && fits(tie, b, value_b);
  }

  // Where a division rounds, the nearest multiple is sought.
  bool move(const Tie& tie, const std::string& symbol) {
    const int64_t before = point_.at(symbol);
    const auto value = solution(tie, symbol);
    if (value && *value > 0 && fits(tie, symbol, *value)) return true;
    for (int64_t step = 1; step <= kFarthest; ++step) {
      if (fits(tie, symbol, before + step)) return true;
      if (before > step && fits(tie, symbol, before - step)) return true;
    }
    if (fits(tie, symbol, 0)) return true;  // nothing is typical of no elements
    point_[symbol] = before;
    return false;
  }

  /// What the symbol must be for the sides to be equal, if they are linear in it.
  std::optional<int64_t> solution(const Tie& tie, const std::string& symbol) const {
    Bindings point;
    for (const std::string& each : tie.symbols) point[each] = point_.at(each);
    const auto gap = [&](int64_t value) {
      point[symbol] = value;
      return tie.constraint->left.evaluate(point) - tie.constraint->right.evaluate(point);
    };
    try {
      const int64_t at_zero = gap(0), slope = gap(1) - at_zero;
      if (slope == 0 || at_zero % slope != 0) return std::nullopt;
      return -at_zero / slope;
    } catch (const Error&) {  // an extent that cannot be told there
      return std::nullopt;
    }
  }

  bool fits(const Tie& tie, const std::string& symbol, int64_t value) {
    const plan::SymbolRange& range = ranges_.at(symbol);
    if (value < range.least || value > range.greatest) return false;
    point_[symbol] = value;
    return holds(*tie.constraint, point_) &&
           std::ranges::all_of(ties_of_.at(symbol), [&](size_t i) {
             return !ties_[i].holds || holds(*ties_[i].constraint, point_);
           });
  }

  static constexpr int64_t kFarthest = 1024, kFarthestPair = 192;
  const Ranges& ranges_;
  Bindings point_;
  std::vector<Tie> ties_;
  std::map<std::string, std::vector<size_t>> ties_of_;
  std::set<Place> queue_;
  std::set<std::string> settled_;
};

template <class F>
Bindings bind(const Ranges& ranges, F&& pick) {
  Bindings bindings;
  for (const auto& [symbol, range] : ranges) bindings[symbol] = pick(range);
  return bindings;
}

/// Whether every tensor of a graph has at most so many elements at these extents.
bool is_small(const ir::Graph& graph, const Bindings& bindings, double most) {
  return std::ranges::all_of(graph.values(), [&](const ir::GraphValue& value) {
    double count = 1;
    try {
      for (const ir::Dim& dim : value.value.type.dims.value_or(ir::Dims()))
        count *= static_cast<double>(extent_at(dim, bindings));
    } catch (const Error&) {  // there are no such extents
      return true;
    }
    return count <= most;
  });
}

/// What nobody told is typically 128, or less where so many axes have it that a tensor would take
/// seconds to fill.
template <class Offer>
void offer_typical(const ir::Graph& main, const Ranges& ranges, const Offer& offer) {
  constexpr double kMost = 1 << 24;
  const plan::SymbolRange untold{.typical = kUntold};
  for (int64_t most = kUntold; most >= 4; most /= 2) {
    const auto pick = [&](const plan::SymbolRange& range) {
      const bool told = range.least != untold.least || range.typical != untold.typical;
      return told ? range.typical : std::min(range.typical, most);
    };
    if (most > 4 && !is_small(main, bind(ranges, pick), kMost)) continue;
    return offer(pick);
  }
}

}  // namespace

Probes probe_points(const ir::Graph& main, const Ranges& given) {
  const auto ranges = complete_ranges(main, given);
  std::vector<ir::Constraint> constraints;
  add_constraints(main, constraints);
  Probes probes;
  const auto offer = [&](auto&& pick) {
    const Bindings point = Solver(constraints, ranges, bind(ranges, pick)).run();
    const bool seen =
        std::find(probes.points.begin(), probes.points.end(), point) != probes.points.end();
    if (!seen && misfit(main, point).empty()) probes.points.push_back(point);
  };
  offer_typical(main, ranges, offer);
  // Symbols that a constraint ties together (n = m) may not fit at their own typical values.
  for (const int64_t uniform : {1, 128, 224, 32, 512, 1024}) {
    if (!probes.points.empty()) break;
    offer([&](const plan::SymbolRange& r) { return std::clamp(uniform, r.least, r.greatest); });
  }
  offer([](const plan::SymbolRange& range) { return range.least; });
  offer([](const plan::SymbolRange& range) { return range.greatest; });
  // Where the others leave an extent 1, so that the rest broadcast against it, this one does not.
  offer([](const plan::SymbolRange& r) { return std::clamp<int64_t>(2, r.least, r.greatest); });
  if (!probes.points.empty()) return probes;
  const Bindings point = bind(ranges, [](const plan::SymbolRange& range) { return range.typical; });
  for (const ir::Constraint& constraint : main.constraints()) {
    if (holds(constraint, point)) continue;
    base::fail(ErrorCode::build,
               "{}: no extents are known with which {} and {} go together; give typical shapes",
               constraint.reason, constraint.left.text(), constraint.right.text());
  }
  const std::string reason = misfit(main, point);
  if (ranges.empty()) base::fail(ErrorCode::build, "{}", reason);
  base::fail(ErrorCode::build, "no extents are known that fit: {}; give typical shapes", reason);
}

}  // namespace tenon::lower
