// Canonical polynomials over symbols and over floor_div, mod, min, max and broadcast of such
// polynomials.
#include "ir/dim.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "base/text.h"

namespace tenon::ir {
namespace {

__extension__ using Wide = __int128;

enum class Kind : uint8_t { symbol, floor_div, mod, min, max, broadcast };
constexpr std::string_view kind_names[] = {"symbol", "floor_div", "mod", "min", "max", "broadcast"};

// Limits that keep runaway algebra and hostile text bounded; parse() reads whatever lies within
// them.
constexpr size_t most_terms = 256;
constexpr size_t most_characters = 4096;
constexpr size_t most_factors = 64;  // of one term
constexpr size_t most_symbol_characters = 256;
constexpr int most_depth = 64;
constexpr int64_t greatest_symbol = INT32_MAX;

struct Interval {
  std::optional<int64_t> low, high;
};

struct Atom {
  Kind kind = Kind::symbol;
  std::string text;  // also the identity: two atoms are equal when their texts are
  Dim a, b;          // operands of a function
  Interval range;
  int depth = 0;
};

using AtomPtr = std::shared_ptr<const Atom>;
// Sorted; a power is a repetition; empty is the constant term.
using Monomial = std::vector<AtomPtr>;

struct Term {
  Monomial atoms;
  int64_t coefficient = 0;
};
using Terms = std::vector<Term>;  // sorted, no zeros

[[noreturn]] void fail_overflow() {
  base::fail(ErrorCode::build, "dim: a coefficient of the expression needs more than 64 bits");
}

[[noreturn]] void fail_size() {
  base::fail(ErrorCode::build, "dim: the expression is too large; fix some of the symbolic dims");
}

int64_t checked_add(int64_t a, int64_t b) {
  int64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) fail_overflow();
  return sum;
}

int64_t checked_multiply(int64_t a, int64_t b) {
  int64_t result = 0;
  if (__builtin_mul_overflow(a, b, &result)) fail_overflow();
  return result;
}

std::optional<int64_t> narrow(Wide value) {
  if (value < INT64_MIN || value > INT64_MAX) return std::nullopt;
  return static_cast<int64_t>(value);
}

// The greatest common divisor; unsigned, for the least number has no absolute value.
int64_t common_divisor(int64_t a, int64_t b) {
  const auto magnitude = [](int64_t x) {
    return x < 0 ? 0 - static_cast<uint64_t>(x) : static_cast<uint64_t>(x);
  };
  const uint64_t divisor = std::gcd(magnitude(a), magnitude(b));
  return divisor > INT64_MAX ? 1 : static_cast<int64_t>(divisor);
}

// Toward minus infinity; `b` is not zero.
Wide floor_quotient(Wide a, Wide b) {
  const Wide quotient = a / b;
  return quotient * b != a && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

// a / b where it comes out even. Wide, for the least number divided by -1 traps.
std::optional<int64_t> even_quotient(int64_t a, int64_t b) {
  if (Wide{a} % b != 0) return std::nullopt;
  return narrow(Wide{a} / b);
}

int compare(const AtomPtr& a, const AtomPtr& b) {
  if (a == b) return 0;
  const bool a_function = a->kind != Kind::symbol, b_function = b->kind != Kind::symbol;
  if (a_function != b_function) return a_function ? 1 : -1;
  return a->text.compare(b->text);
}

// Graded lexicographic order, greatest first. It is admissible (products keep it), so
// exact_quotient() may divide by leading terms, and the constant comes last in the text.
int compare(const Monomial& a, const Monomial& b) {
  if (a.size() != b.size()) return a.size() > b.size() ? -1 : 1;
  for (size_t i = 0; i < a.size(); ++i) {
    if (const int order = compare(a[i], b[i]); order != 0) return order;
  }
  return 0;
}

bool before(const AtomPtr& a, const AtomPtr& b) { return compare(a, b) < 0; }

Monomial multiply(const Monomial& a, const Monomial& b) {
  Monomial result;
  result.reserve(a.size() + b.size());
  std::merge(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(result), before);
  return result;
}

// a / b, if b divides it.
std::optional<Monomial> divide(const Monomial& a, const Monomial& b) {
  if (!std::includes(a.begin(), a.end(), b.begin(), b.end(), before)) return std::nullopt;
  Monomial result;
  std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(result), before);
  return result;
}

Terms normalise(Terms terms) {
  std::stable_sort(terms.begin(), terms.end(),
                   [](const Term& a, const Term& b) { return compare(a.atoms, b.atoms) < 0; });
  Terms result;
  for (Term& term : terms) {
    if (!result.empty() && compare(result.back().atoms, term.atoms) == 0) {
      result.back().coefficient = checked_add(result.back().coefficient, term.coefficient);
    } else {
      result.push_back(std::move(term));
    }
    if (result.back().coefficient == 0) result.pop_back();
  }
  return result;
}

}  // namespace

struct Dim::Expression {
  Terms terms;

  static Dim make(Terms terms) {
    terms = normalise(std::move(terms));
    if (terms.empty()) return Dim(0);
    if (terms.size() == 1 && terms[0].atoms.empty()) return Dim(terms[0].coefficient);
    size_t characters = 0;
    for (const Term& term : terms) {
      if (term.atoms.size() > most_factors) fail_size();
      for (const AtomPtr& atom : term.atoms) characters += atom->text.size() + 1;
    }
    if (terms.size() > most_terms || characters > most_characters) fail_size();
    return Dim(std::make_shared<const Expression>(Expression{std::move(terms)}));
  }

  static Terms of(const Dim& dim) {
    if (dim.expression_) return dim.expression_->terms;
    if (dim.constant_ == 0) return {};
    return {Term{{}, dim.constant_}};
  }

  // The terms without a copy; only for symbolic dims.
  static const Terms& view(const Dim& dim) { return dim.expression_->terms; }
};

namespace {

using Expression = Dim::Expression;

int depth(const Dim& dim) {
  int deepest = 0;
  if (dim.is_constant()) return deepest;
  for (const Term& term : Expression::view(dim)) {
    for (const AtomPtr& atom : term.atoms) deepest = std::max(deepest, atom->depth);
  }
  return deepest;
}

// The atom, if `dim` is one and nothing else.
const Atom* single_atom(const Dim& dim) {
  if (dim.is_constant()) return nullptr;
  const Terms& terms = Expression::view(dim);
  const bool single = terms.size() == 1 && terms[0].coefficient == 1 && terms[0].atoms.size() == 1;
  return single ? terms[0].atoms[0].get() : nullptr;
}

Dim of_atom(Atom atom) {
  return Expression::make({Term{{std::make_shared<const Atom>(std::move(atom))}, 1}});
}

// ---- intervals ----

Interval multiply(const Interval& a, const Interval& b) {
  const auto product = [](std::optional<int64_t> x, std::optional<int64_t> y) {
    return x && y ? narrow(Wide{*x} * *y) : std::nullopt;
  };
  if (a.low && b.low && *a.low >= 0 && *b.low >= 0) {
    return {product(a.low, b.low), product(a.high, b.high)};
  }
  if (!a.low || !a.high || !b.low || !b.high) return {};
  const Wide corners[] = {Wide{*a.low} * *b.low, Wide{*a.low} * *b.high, Wide{*a.high} * *b.low,
                          Wide{*a.high} * *b.high};
  return {narrow(std::min({corners[0], corners[1], corners[2], corners[3]})),
          narrow(std::max({corners[0], corners[1], corners[2], corners[3]}))};
}

Interval add(const Interval& a, const Interval& b) {
  const auto sum = [](std::optional<int64_t> x, std::optional<int64_t> y) {
    return x && y ? narrow(Wide{*x} + *y) : std::nullopt;
  };
  return {sum(a.low, b.low), sum(a.high, b.high)};
}

Interval scale(const Interval& a, int64_t factor) {
  const auto scaled = [&](std::optional<int64_t> x) {
    return x ? narrow(Wide{*x} * factor) : std::nullopt;
  };
  return factor >= 0 ? Interval{scaled(a.low), scaled(a.high)}
                     : Interval{scaled(a.high), scaled(a.low)};
}

Interval range(const Dim& dim) {
  if (const auto constant = dim.try_constant()) return {constant, constant};
  Interval sum{0, 0};
  for (const Term& term : Expression::view(dim)) {
    Interval product{1, 1};
    for (const AtomPtr& atom : term.atoms) product = multiply(product, atom->range);
    sum = add(sum, scale(product, term.coefficient));
  }
  return sum;
}

// A divisor is never zero where the quotient has a value.
Interval positive_part(Interval divisor) {
  if (!divisor.low || *divisor.low < 0) return {};
  divisor.low = std::max<int64_t>(*divisor.low, 1);
  return divisor;
}

Interval floor_div_range(const Interval& a, const Interval& divisor) {
  const Interval b = positive_part(divisor);
  if (!b.low) return {};
  Interval result;
  if (a.low && *a.low >= 0) {
    result.low = b.high ? *a.low / std::max<int64_t>(*b.high, 1) : 0;
  } else if (a.low) {
    result.low = narrow(floor_quotient(*a.low, *b.low));
  }
  if (a.high && *a.high >= 0) {
    result.high = *a.high / *b.low;
  } else if (a.high) {
    result.high = b.high && *b.high > 0 ? narrow(floor_quotient(*a.high, *b.high)) : -1;
  }
  return result;
}

Interval mod_range(const Interval& a, const Interval& divisor) {
  const Interval b = positive_part(divisor);
  if (!b.low) return {};
  Interval result{0, std::nullopt};
  if (b.high) result.high = std::max<int64_t>(*b.high - 1, 0);
  if (a.low && *a.low >= 0 && a.high) {
    result.high = result.high ? std::min(*result.high, *a.high) : *a.high;
  }
  return result;
}

Interval extremum_range(Kind kind, const Interval& a, const Interval& b) {
  const auto both = [&](std::optional<int64_t> x,
                        std::optional<int64_t> y) -> std::optional<int64_t> {
    if (!x || !y) return std::nullopt;
    return kind == Kind::min ? std::min(*x, *y) : std::max(*x, *y);
  };
  const auto either = [&](std::optional<int64_t> x, std::optional<int64_t> y) {
    return x && y ? both(x, y) : x ? x : y;
  };
  return kind == Kind::min ? Interval{both(a.low, b.low), either(a.high, b.high)}
                           : Interval{either(a.low, b.low), both(a.high, b.high)};
}

// One of the two.
Interval broadcast_range(const Interval& a, const Interval& b) {
  return {extremum_range(Kind::min, a, b).low, extremum_range(Kind::max, a, b).high};
}

Interval function_range(Kind kind, const Interval& a, const Interval& b) {
  switch (kind) {
    case Kind::broadcast: return broadcast_range(a, b);
    case Kind::floor_div: return floor_div_range(a, b);
    case Kind::mod: return mod_range(a, b);
    default: return extremum_range(kind, a, b);
  }
}

Dim function(Kind kind, const Dim& a, const Dim& b) {
  Atom atom{.kind = kind, .text = std::string(kind_names[static_cast<size_t>(kind)])};
  atom.text += "(" + a.text() + ", " + b.text() + ")";
  atom.a = a;
  atom.b = b;
  atom.range = function_range(kind, range(a), range(b));
  atom.depth = 1 + std::max(depth(a), depth(b));
  if (atom.text.size() > most_characters || atom.depth > most_depth) fail_size();
  return of_atom(std::move(atom));
}

// ---- division ----

struct Division {
  Dim quotient, remainder;  // a == quotient * b + remainder
};

// Reduces every coefficient by the constant `q` > 0: into [0, q), the constant term into (-q, 0],
// which is the form that strided windows have: floor_div(h - 1, 2).
Division reduce(const Dim& a, int64_t q) {
  Terms quotient, remainder;
  for (const Term& term : Expression::of(a)) {
    const int64_t c = term.coefficient;
    auto whole = static_cast<int64_t>(floor_quotient(c, q));
    if (term.atoms.empty() && whole * Wide{q} != c) ++whole;
    quotient.push_back({term.atoms, whole});
    remainder.push_back({term.atoms, static_cast<int64_t>(c - Wide{whole} * q)});
  }
  return {Expression::make(std::move(quotient)), Expression::make(std::move(remainder))};
}

// The greatest common divisor of the coefficients of the symbolic terms.
int64_t content(const Dim& a) {
  int64_t divisor = 0;
  for (const Term& term : Expression::of(a)) {
    if (!term.atoms.empty()) divisor = common_divisor(divisor, term.coefficient);
  }
  return divisor;
}

// (a - mod(a, g)) / g for a `g` that divides the symbolic terms, and what the constant leaves.
Division divide_content(const Dim& a, int64_t g) {
  Terms terms = Expression::of(a);
  int64_t rest = 0;
  for (Term& term : terms) {
    const auto whole = static_cast<int64_t>(floor_quotient(term.coefficient, g));
    rest += static_cast<int64_t>(term.coefficient - Wide{whole} * g);
    term.coefficient = whole;
  }
  return {Expression::make(std::move(terms)), rest};
}

// floor_div(floor_div(x, p) + c, q) is floor_div(x + c * p, p * q) for positive p and q.
std::optional<Dim> merge_nested_division(const Dim& a, int64_t q) {
  const Terms& terms = Expression::view(a);
  const int64_t constant = terms.back().atoms.empty() ? terms.back().coefficient : 0;
  const Dim rest = a - constant;
  const Atom* atom = single_atom(rest);
  if (!atom || atom->kind != Kind::floor_div) return std::nullopt;
  const auto p = atom->b.try_constant();
  int64_t divisor = 0, shift = 0;
  if (!p || *p <= 0 || __builtin_mul_overflow(*p, q, &divisor) ||
      __builtin_mul_overflow(*p, constant, &shift)) {
    return std::nullopt;
  }
  return floor_div(atom->a + shift, divisor);
}

Dim floor_div_by_constant(const Dim& a, int64_t q) {
  if (q == 0) base::fail(ErrorCode::build, "dim: {} is divided by zero", a.text());
  if (q < 0) return floor_div_by_constant(Dim(-1) * a, checked_multiply(q, -1));
  if (q == 1) return a;
  const auto [whole, rest] = reduce(a, q);
  const Interval bounds = range(rest);
  if (bounds.low && bounds.high) {
    const Wide least = floor_quotient(*bounds.low, q);
    if (least == floor_quotient(*bounds.high, q)) return whole + static_cast<int64_t>(least);
  }
  if (const int64_t g = common_divisor(content(rest), q); g > 1) {
    return whole + floor_div_by_constant(divide_content(rest, g).quotient, q / g);
  }
  if (const auto merged = merge_nested_division(rest, q)) return whole + *merged;
  return whole + function(Kind::floor_div, rest, q);
}

Dim mod_by_constant(const Dim& a, int64_t q) {
  if (q == 0) base::fail(ErrorCode::build, "dim: the remainder of {} by zero", a.text());
  if (q < 0) return Dim(-1) * mod_by_constant(Dim(-1) * a, checked_multiply(q, -1));
  Dim rest = reduce(a, q).remainder;
  if (const auto constant = rest.try_constant()) return *constant < 0 ? *constant + q : *constant;
  const Terms& terms = Expression::view(rest);
  if (terms.back().atoms.empty()) rest = rest + q;  // a remainder's constant is written in [0, q)
  const Interval bounds = range(rest);
  if (bounds.low && bounds.high && *bounds.low >= 0 && *bounds.high < q) return rest;
  if (const int64_t g = common_divisor(content(rest), q); g > 1) {
    const auto [inner, constant] = divide_content(rest, g);
    return Dim(g) * mod_by_constant(inner, q / g) + constant;
  }
  return function(Kind::mod, rest, q);
}

// Long division by the leading term; nothing unless it comes out even.
std::optional<Dim> exact_quotient(const Dim& a, const Dim& b) {
  const Terms divisor = Expression::of(b);
  Dim rest = a, quotient = 0;
  for (size_t step = 0; step < most_terms; ++step) {
    const Terms terms = Expression::of(rest);
    if (terms.empty()) return quotient;
    const auto atoms = divide(terms[0].atoms, divisor[0].atoms);
    const auto coefficient = even_quotient(terms[0].coefficient, divisor[0].coefficient);
    if (!atoms || !coefficient) return std::nullopt;
    const Dim part = Expression::make({{*atoms, *coefficient}});
    quotient = quotient + part;
    rest = rest - part * b;
  }
  return std::nullopt;
}

// Takes the terms that the single term of `b` divides out of `a`.
Division split(const Dim& a, const Dim& b) {
  const Terms& divisor = Expression::view(b);
  if (divisor.size() != 1) return {0, a};
  Terms whole, rest;
  for (const Term& term : Expression::of(a)) {
    const auto atoms = divide(term.atoms, divisor[0].atoms);
    const auto coefficient = even_quotient(term.coefficient, divisor[0].coefficient);
    if (atoms && coefficient) {
      whole.push_back({*atoms, *coefficient});
    } else {
      rest.push_back(term);
    }
  }
  return {Expression::make(std::move(whole)), Expression::make(std::move(rest))};
}

// Divides both by their common number and atoms (a divisor is not zero, so neither are its
// factors), and makes the divisor's leading coefficient positive.
std::pair<Dim, Dim> cancel(const Dim& a, const Dim& b) {
  Terms upper = Expression::of(a), lower = Expression::of(b);
  int64_t number = 0;
  Monomial common = lower[0].atoms;
  for (const Terms* terms : {&upper, &lower}) {
    for (const Term& term : *terms) {
      number = common_divisor(number, term.coefficient);
      Monomial kept;
      std::set_intersection(common.begin(), common.end(), term.atoms.begin(), term.atoms.end(),
                            std::back_inserter(kept), before);
      common = std::move(kept);
    }
  }
  if (lower[0].coefficient < 0) number = checked_multiply(number, -1);
  for (Terms* terms : {&upper, &lower}) {
    for (Term& term : *terms) {
      const auto coefficient = even_quotient(term.coefficient, number);
      if (!coefficient) fail_overflow();
      term.coefficient = *coefficient;
      term.atoms = *divide(term.atoms, common);
    }
  }
  return {Expression::make(std::move(upper)), Expression::make(std::move(lower))};
}

// True when 0 <= a < b wherever b is positive.
bool below(const Dim& a, const Dim& b) {
  const auto low = a.lower_bound();
  const auto gap = (a - b).upper_bound();
  return low && *low >= 0 && gap && *gap < 0;
}

// ---- min, max and broadcast ----

void gather(Kind kind, const Dim& dim, std::vector<Dim>& out) {
  const Atom* atom = single_atom(dim);
  if (!atom || atom->kind != kind) return out.push_back(dim);
  gather(kind, atom->a, out);
  gather(kind, atom->b, out);
}

bool below_by_bounds(const Dim& a, const Dim& b) {
  if (a.is_constant() && b.is_constant()) return a.constant() <= b.constant();
  const auto gap = (b - a).lower_bound();
  return gap && *gap >= 0;
}

// Whether `b` is the least of `a` and of what is 1 at least: where the two broadcast, that is `a`.
bool is_cut(const Dim& b, const Dim& a) {
  const Atom* atom = single_atom(b);
  if (!atom || atom->kind != Kind::min) return false;
  std::vector<Dim> operands;
  gather(Kind::min, b, operands);
  const auto fits = [&](const Dim& operand) { return operand == a || at_most(1, operand); };
  return std::ranges::find(operands, a) != operands.end() && std::ranges::all_of(operands, fits);
}

// True when `a` makes `b` superfluous.
bool dominates(Kind kind, const Dim& a, const Dim& b) {
  if (kind == Kind::broadcast) return a == b || is_cut(b, a);
  return kind == Kind::max ? at_most(b, a) : at_most(a, b);
}

// Of min, max and broadcast: whatever the order, and each operand once.
Dim merged(Kind kind, const Dim& a, const Dim& b) {
  std::vector<Dim> operands, kept;
  gather(kind, a, operands);
  gather(kind, b, kept);  // canonical, so none of these makes another superfluous
  for (const Dim& operand : operands) {
    const auto superfluous = [&](const Dim& other) { return dominates(kind, other, operand); };
    if (std::any_of(kept.begin(), kept.end(), superfluous)) continue;
    std::erase_if(kept, [&](const Dim& other) { return dominates(kind, operand, other); });
    kept.push_back(operand);
  }
  std::sort(kept.begin(), kept.end(), [](const Dim& x, const Dim& y) {
    return x.is_constant() != y.is_constant() ? y.is_constant() : x.text() < y.text();
  });
  Dim result = kept.back();
  for (size_t i = kept.size() - 1; i-- > 0;) result = function(kind, kept[i], result);
  return result;
}

Dim apply(Kind kind, const Dim& a, const Dim& b) {
  switch (kind) {
    case Kind::floor_div: return floor_div(a, b);
    case Kind::mod: return mod(a, b);
    case Kind::min: return min(a, b);
    case Kind::broadcast: return broadcast(a, b);
    default: return max(a, b);
  }
}

// ---- evaluation ----

int64_t symbol_value(const std::string& name, const std::map<std::string, int64_t>& bindings) {
  const auto found = bindings.find(name);
  if (found == bindings.end())
    base::fail(ErrorCode::invalid_input, "dim \"{}\" has no value", name);
  if (found->second < 0 || found->second > greatest_symbol) {
    base::fail(ErrorCode::invalid_input, "dim \"{}\" is {}, outside 0..{}", name, found->second,
               greatest_symbol);
  }
  return found->second;
}

Wide function_value(const Atom& atom, int64_t a, int64_t b) {
  if (atom.kind == Kind::min) return std::min(a, b);
  if (atom.kind == Kind::max) return std::max(a, b);
  if (atom.kind == Kind::broadcast) return a == 1 ? b : a;
  if (b == 0) base::fail(ErrorCode::invalid_input, "dim {} divides by zero", atom.text);
  const Wide quotient = floor_quotient(a, b);
  return atom.kind == Kind::floor_div ? quotient : a - quotient * b;
}

Wide atom_value(const Atom& atom, const std::map<std::string, int64_t>& bindings) {
  if (atom.kind == Kind::symbol) return symbol_value(atom.text, bindings);
  return function_value(atom, atom.a.evaluate(bindings), atom.b.evaluate(bindings));
}

void append_term(std::string& out, const Term& term) {
  const bool negative = term.coefficient < 0;
  if (out.empty()) {
    out += negative ? "-" : "";
  } else {
    out += negative ? " - " : " + ";
  }
  // Unsigned, for the magnitude of the least number is not an int64.
  const uint64_t magnitude = negative ? 0 - static_cast<uint64_t>(term.coefficient)
                                      : static_cast<uint64_t>(term.coefficient);
  if (magnitude != 1 || term.atoms.empty()) {
    out += std::to_string(magnitude);
    if (!term.atoms.empty()) out += '*';
  }
  for (size_t i = 0; i < term.atoms.size(); ++i) {
    if (i > 0) out += '*';
    out += term.atoms[i]->text;
  }
}

}  // namespace

bool Dim::is_symbol_name(std::string_view name) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  const auto inner = [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '.'; };
  return !name.empty() && name.size() <= most_symbol_characters && letter(name[0]) &&
         std::all_of(name.begin(), name.end(), inner);
}

Dim Dim::symbol(std::string_view name) {
  if (!is_symbol_name(name)) {
    base::fail(ErrorCode::build,
               "dim {} is no name; use letters, digits, '_' and '.', a letter first",
               base::quoted(name));
  }
  return of_atom({.text = std::string(name), .range = {0, greatest_symbol}});
}

int64_t Dim::constant() const {
  if (expression_) base::fail(ErrorCode::build, "dim {} is not a constant", text());
  return constant_;
}

std::optional<int64_t> Dim::try_constant() const noexcept {
  if (expression_) return std::nullopt;
  return constant_;
}

std::optional<std::string> Dim::as_symbol() const {
  const Atom* atom = single_atom(*this);
  return atom && atom->kind == Kind::symbol ? std::optional(atom->text) : std::nullopt;
}

std::string Dim::text() const {
  if (!expression_) return std::to_string(constant_);
  std::string out;
  for (const Term& term : expression_->terms) append_term(out, term);
  return out;
}

void Dim::symbols(std::vector<std::string>& out) const {
  if (!expression_) return;
  for (const Term& term : expression_->terms) {
    for (const AtomPtr& atom : term.atoms) {
      if (atom->kind != Kind::symbol) {
        atom->a.symbols(out);
        atom->b.symbols(out);
      } else if (std::find(out.begin(), out.end(), atom->text) == out.end()) {
        out.push_back(atom->text);
      }
    }
  }
}

int64_t Dim::evaluate(const std::map<std::string, int64_t>& bindings) const {
  if (!expression_) return constant_;
  const auto overflow = [&] {
    base::fail(ErrorCode::invalid_input, "dim {} exceeds 64 bits for these shapes", text());
  };
  Wide sum = 0;
  for (const Term& term : expression_->terms) {
    Wide product = term.coefficient;
    for (const AtomPtr& atom : term.atoms) {
      if (__builtin_mul_overflow(product, atom_value(*atom, bindings), &product)) overflow();
    }
    if (__builtin_add_overflow(sum, product, &sum)) overflow();
  }
  const auto value = narrow(sum);
  if (!value) overflow();
  return *value;
}

Dim Dim::substitute(const std::map<std::string, Dim>& bindings) const {
  if (!expression_) return *this;
  Dim sum = 0;
  for (const Term& term : expression_->terms) {
    Dim product = term.coefficient;
    for (const AtomPtr& atom : term.atoms) {
      if (atom->kind != Kind::symbol) {
        product =
            product * apply(atom->kind, atom->a.substitute(bindings), atom->b.substitute(bindings));
      } else if (const auto found = bindings.find(atom->text); found != bindings.end()) {
        product = product * found->second;
      } else {
        product = product * Expression::make({Term{{atom}, 1}});
      }
    }
    sum = sum + product;
  }
  return sum;
}

std::optional<int64_t> Dim::lower_bound() const { return range(*this).low; }
std::optional<int64_t> Dim::upper_bound() const { return range(*this).high; }

Dim operator+(const Dim& a, const Dim& b) {
  if (a.is_constant() && b.is_constant()) return checked_add(a.constant_, b.constant_);
  Terms terms = Expression::of(a);
  for (Term& term : Expression::of(b)) terms.push_back(std::move(term));
  return Expression::make(std::move(terms));
}

Dim operator-(const Dim& a, const Dim& b) {
  if (a.is_constant() && b.is_constant()) {
    int64_t difference = 0;
    if (__builtin_sub_overflow(a.constant_, b.constant_, &difference)) fail_overflow();
    return difference;
  }
  Terms terms = Expression::of(a);
  for (Term& term : Expression::of(b)) {
    if (term.coefficient == INT64_MIN) {  // it has no negative, but the difference may have
      terms.push_back({term.atoms, 1});
      ++term.coefficient;
    }
    terms.push_back({std::move(term.atoms), -term.coefficient});
  }
  return Expression::make(std::move(terms));
}

Dim operator*(const Dim& a, const Dim& b) {
  if (a.is_constant() && b.is_constant()) return checked_multiply(a.constant_, b.constant_);
  if (a == Dim(1)) return b;
  if (b == Dim(1)) return a;
  Terms terms;
  const Terms left = Expression::of(a), right = Expression::of(b);
  for (const Term& x : left) {
    for (const Term& y : right) {
      terms.push_back({multiply(x.atoms, y.atoms), checked_multiply(x.coefficient, y.coefficient)});
    }
  }
  return Expression::make(std::move(terms));
}

bool operator==(const Dim& a, const Dim& b) {
  if (a.is_constant() || b.is_constant()) return a.try_constant() == b.try_constant();
  if (a.expression_ == b.expression_) return true;
  const auto equal = [](const Term& x, const Term& y) {
    return x.coefficient == y.coefficient && compare(x.atoms, y.atoms) == 0;
  };
  const Terms &x = Expression::view(a), &y = Expression::view(b);
  return std::equal(x.begin(), x.end(), y.begin(), y.end(), equal);
}

Dim floor_div(const Dim& a, const Dim& b) {
  if (const auto divisor = b.try_constant()) return floor_div_by_constant(a, *divisor);
  if (a == Dim(0)) return 0;
  if (const auto exact = exact_quotient(a, b)) return *exact;
  const auto [upper, lower] = cancel(a, b);
  if (const auto divisor = lower.try_constant()) return floor_div_by_constant(upper, *divisor);
  const auto [whole, rest] = split(upper, lower);
  if (below(rest, lower)) return whole;
  return whole + function(Kind::floor_div, rest, lower);
}

Dim ceil_div(const Dim& a, const Dim& b) { return floor_div(a + b - 1, b); }

Dim mod(const Dim& a, const Dim& b) {
  if (const auto divisor = b.try_constant()) return mod_by_constant(a, *divisor);
  if (a == Dim(0) || exact_quotient(a, b)) return 0;
  const Dim rest = split(a, b).remainder;
  if (below(rest, b)) return rest;
  return function(Kind::mod, rest, b);
}

// Of an extremum its operands tell, one level deep: more would take exponential time.
bool at_most(const Dim& a, const Dim& b) {
  if (below_by_bounds(a, b)) return true;
  const Atom* x = single_atom(a);
  if (x && (x->kind == Kind::max || x->kind == Kind::broadcast))
    return below_by_bounds(x->a, b) && below_by_bounds(x->b, b);
  if (x && x->kind == Kind::min) return below_by_bounds(x->a, b) || below_by_bounds(x->b, b);
  const Atom* y = single_atom(b);
  if (y && (y->kind == Kind::min || y->kind == Kind::broadcast))
    return below_by_bounds(a, y->a) && below_by_bounds(a, y->b);
  if (y && y->kind == Kind::max) return below_by_bounds(a, y->a) || below_by_bounds(a, y->b);
  return false;
}

Dim min(const Dim& a, const Dim& b) { return merged(Kind::min, a, b); }
Dim max(const Dim& a, const Dim& b) { return merged(Kind::max, a, b); }

Dim broadcast(const Dim& a, const Dim& b) {
  if (a == Dim(1)) return b;
  if (b == Dim(1) || a.is_constant()) return a;
  if (b.is_constant()) return b;
  return merged(Kind::broadcast, a, b);
}

std::string text(const Dims& dims) {
  std::string out = "[";
  for (const Dim& dim : dims) {
    if (out.size() > 1) out += ", ";
    out += dim.text();
  }
  return out + "]";
}

Dim product(std::span<const Dim> dims) {
  Dim result = 1;
  for (const Dim& dim : dims) result = result * dim;
  return result;
}

bool all_constant(const Dims& dims) {
  return std::all_of(dims.begin(), dims.end(), [](const Dim& dim) { return dim.is_constant(); });
}

std::vector<int64_t> constants(const Dims& dims) {
  std::vector<int64_t> out;
  out.reserve(dims.size());
  for (const Dim& dim : dims) out.push_back(dim.constant());
  return out;
}

}  // namespace tenon::ir
