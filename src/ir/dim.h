// Extents of tensors: canonical integer expressions over named symbols.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tenon::ir {

/// An integer expression over symbols, which range over 0..2^31-1. Always canonical (a polynomial
/// over symbols and over floor_div / mod / min / max / broadcast of canonical expressions), so
/// equal texts are equal values. Immutable; cheap to copy.
class Dim {
 public:
  Dim(int64_t value = 0) : constant_(value) {}  // NOLINT: a number is a dim
  /// Throws build for a name that is_symbol_name() refuses.
  static Dim symbol(std::string_view name);
  /// Letters, digits, '_' and '.', a letter or '_' first, at most 256 characters.
  static bool is_symbol_name(std::string_view name);
  /// Parses what text() prints; throws bad_file with the position of the mistake. Depth and length
  /// are bounded.
  static Dim parse(std::string_view text);

  bool is_constant() const noexcept { return expression_ == nullptr; }
  /// The value of a constant; throws build for a symbolic dim.
  int64_t constant() const;
  std::optional<int64_t> try_constant() const noexcept;
  /// The symbol that this is and nothing else.
  std::optional<std::string> as_symbol() const;

  /// "n", "2*n + 1", "floor_div(h - 1, 2)"; deterministic.
  std::string text() const;
  /// Appends the symbols used, each once, in order of first use.
  void symbols(std::vector<std::string>& out) const;
  /// The value under `bindings`; throws invalid_input for a missing symbol, overflow or division by
  /// zero.
  int64_t evaluate(const std::map<std::string, int64_t>& bindings) const;
  /// Replaces symbols; those not named stay.
  Dim substitute(const std::map<std::string, Dim>& bindings) const;
  /// A bound that holds for all values of the symbols: the least (or greatest) value if that can be
  /// told.
  std::optional<int64_t> lower_bound() const;
  std::optional<int64_t> upper_bound() const;

  friend Dim operator+(const Dim& a, const Dim& b);
  friend Dim operator-(const Dim& a, const Dim& b);
  friend Dim operator*(const Dim& a, const Dim& b);
  friend bool operator==(const Dim& a, const Dim& b);

  struct Expression;  ///< internal to dim.cpp

 private:
  explicit Dim(std::shared_ptr<const Expression> expression) : expression_(std::move(expression)) {}

  int64_t constant_ = 0;
  std::shared_ptr<const Expression> expression_;
  friend struct Expression;
};

Dim operator+(const Dim& a, const Dim& b);
Dim operator-(const Dim& a, const Dim& b);
Dim operator*(const Dim& a, const Dim& b);
/// Rounds toward minus infinity. A polynomial that every term of `a` lets be divided by the single
/// term `b` is divided exactly: floor_div(800*n, n) is 800.
Dim floor_div(const Dim& a, const Dim& b);
Dim ceil_div(const Dim& a, const Dim& b);
Dim mod(const Dim& a, const Dim& b);
/// Whether a <= b can be told to hold for all values of the symbols.
bool at_most(const Dim& a, const Dim& b);
Dim min(const Dim& a, const Dim& b);
Dim max(const Dim& a, const Dim& b);
/// Of extents that are equal or of which one is 1: the other; a constant that is not 1 is the
/// result in any case. So 0 beside 1 is 0, where the greater would be 1.
Dim broadcast(const Dim& a, const Dim& b);

using Dims = std::vector<Dim>;

/// "[n, 3, 224, 224]".
std::string text(const Dims& dims);
Dim product(std::span<const Dim> dims);
bool all_constant(const Dims& dims);
/// Constant dims as numbers; throws build for a symbolic one.
std::vector<int64_t> constants(const Dims& dims);

}  // namespace tenon::ir
