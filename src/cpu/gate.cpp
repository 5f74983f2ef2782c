// Matching of gates in expressions.
#include "cpu/gate.h"

#include <algorithm>
#include <limits>

namespace tenon::cpu {
namespace {

using ir::Scalar;
using Code = std::vector<ir::Expression::Instruction>;

/// scale · (instruction `of`) + offset.
struct Linear {
  int16_t of = 0;
  double scale = 1, offset = 0;
};

class Matcher {
 public:
  explicit Matcher(const Code& code) : code_(code) {}

  std::optional<Gate> match(size_t at) {
    if (code_[at].op != Scalar::mul && code_[at].op != Scalar::div) return std::nullopt;
    double factor = 1;
    std::vector<int16_t> factors;
    if (!collect(static_cast<int16_t>(at), factor, factors) || factors.size() != 2)
      return std::nullopt;
    for (const auto& [x, opening] : {std::pair(factors[0], factors[1]), {factors[1], factors[0]}}) {
      auto gate = gate_of(opening, x);
      if (!gate) continue;
      gate->factor *= factor;
      return gate;
    }
    return std::nullopt;
  }

 private:
  bool is(int16_t at, Scalar op) const { return code_[static_cast<size_t>(at)].op == op; }
  int16_t arg(int16_t at, size_t which) const { return code_[static_cast<size_t>(at)].args[which]; }
  double number(int16_t at) const { return code_[static_cast<size_t>(at)].value; }

  // Factors that are no numbers; false for more than two.
  bool collect(int16_t at, double& factor, std::vector<int16_t>& factors) const {
    if (is(at, Scalar::literal)) {
      factor *= number(at);
    } else if (is(at, Scalar::mul)) {
      return collect(arg(at, 0), factor, factors) && collect(arg(at, 1), factor, factors);
    } else if (is(at, Scalar::div) && is(arg(at, 1), Scalar::literal)) {
      factor /= number(arg(at, 1));
      return collect(arg(at, 0), factor, factors);
    } else {
      factors.push_back(at);
    }
    return factors.size() <= 2;
  }

  // A chain of products, quotients and sums with numbers over x.
  std::optional<Linear> linear(int16_t at, int16_t x) const {
    if (at == x) return Linear{x};
    const auto& [op, args, value] = code_[static_cast<size_t>(at)];
    if (op != Scalar::mul && op != Scalar::div && op != Scalar::add) return std::nullopt;
    const bool right = is(args[1], Scalar::literal);
    if (!right && (op == Scalar::div || !is(args[0], Scalar::literal))) return std::nullopt;
    const double c = number(args[right ? 1 : 0]);
    auto inner = linear(args[right ? 0 : 1], x);
    if (!inner) return std::nullopt;
    if (op == Scalar::add) {
      inner->offset += c;
    } else {
      const double scale = op == Scalar::mul ? c : 1 / c;
      inner->scale *= scale;
      inner->offset *= scale;
    }
    return inner;
  }

  std::optional<Gate> opened(Gate::Kind kind, int16_t argument, int16_t x) const {
    const auto inner = linear(argument, x);
    if (!inner) return std::nullopt;
    return Gate{.kind = kind, .scale = inner->scale, .offset = inner->offset, .x = x};
  }

  std::optional<Gate> gate_of(int16_t at, int16_t x) const {
    if (is(at, Scalar::sigmoid)) return opened(Gate::Kind::sigmoid, arg(at, 0), x);
    if (is(at, Scalar::add)) return one_plus_erf(at, x);
    return bounds(at, x);
  }

  std::optional<Gate> one_plus_erf(int16_t at, int16_t x) const {
    for (const size_t which : {0, 1}) {
      const int16_t erf = arg(at, which), one = arg(at, 1 - which);
      if (is(erf, Scalar::erf) && is(one, Scalar::literal) && number(one) == 1)
        return opened(Gate::Kind::one_plus_erf, arg(erf, 0), x);
    }
    return std::nullopt;
  }

  // max(min(…, number), number), either way round.
  std::optional<Gate> bounds(int16_t at, int16_t x) const {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    double least = -infinity, greatest = infinity;
    for (int depth = 0; depth < 2; ++depth) {
      if (is(at, Scalar::relu) && least == -infinity) {
        least = 0;
        at = arg(at, 0);
        continue;
      }
      const bool lower = is(at, Scalar::max);
      if (!lower && !is(at, Scalar::min)) return std::nullopt;
      const bool right = is(arg(at, 1), Scalar::literal);
      if (!right && !is(arg(at, 0), Scalar::literal)) return std::nullopt;
      double& bound = lower ? least : greatest;
      if (bound != (lower ? -infinity : infinity)) return std::nullopt;
      bound = number(arg(at, right ? 1 : 0));
      at = arg(at, right ? 0 : 1);
    }
    auto gate = opened(Gate::Kind::bounds, at, x);
    if (!gate || !(least <= greatest)) return std::nullopt;
    gate->least = least;
    gate->greatest = greatest;
    return gate;
  }

  const Code& code_;
};

}  // namespace

GateNumbers numbers_of(const Gate& gate) {
  const auto narrow = [](double value) { return static_cast<float>(value); };
  return {narrow(gate.factor), narrow(gate.scale), narrow(gate.offset), narrow(gate.least),
          narrow(gate.greatest)};
}

std::optional<Gate> gate_at(const Code& code, size_t at) { return Matcher(code).match(at); }

}  // namespace tenon::cpu
