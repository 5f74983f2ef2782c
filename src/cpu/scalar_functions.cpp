// The table of loops, made for all functions and types that go together.
#include "cpu/scalar_functions.h"

#include <array>
#include <utility>

#include "base/dtype.h"
#include "cpu/scalar_math.h"

namespace tenon::cpu {

namespace {

enum class Form { none, arithmetic, bitwise, comparison, unary, transcendental, where };

template <class T>
constexpr Form form_of(Scalar op) {
  constexpr bool boolean = std::is_same_v<T, bool>;
  constexpr bool real = std::is_floating_point_v<T>;
  if (op == Scalar::where) return Form::where;
  if (op == Scalar::equal) return Form::comparison;
  if (op == Scalar::less || op == Scalar::less_equal)
    return boolean ? Form::none : Form::comparison;
  if (op >= Scalar::logical_and && op <= Scalar::logical_xor)
    return boolean ? Form::comparison : Form::none;
  if (boolean) return Form::none;
  if (op >= Scalar::add && op <= Scalar::max) return Form::arithmetic;
  if (op == Scalar::neg || op == Scalar::abs || op == Scalar::sign || op == Scalar::relu)
    return Form::unary;
  if (op >= Scalar::bit_and && op <= Scalar::shift_right) return real ? Form::none : Form::bitwise;
  if (op == Scalar::bit_not) return real ? Form::none : Form::unary;
  if (op >= Scalar::ceil && op <= Scalar::softplus) return real ? Form::transcendental : Form::none;
  return Form::none;
}

// f(i) for each element; the count is a local, so that loops vectorise.
template <class F>
void each(const Tile& tile, const F& f) {
  const int64_t count = tile.count;
  for (int64_t i = 0; i < count; ++i) f(i);
}

template <Scalar op, class T>
void loop(const Tile& tile) noexcept {
  constexpr Form form = form_of<T>(op);
  const T* __restrict a = static_cast<const T*>(tile.a);
  const T* __restrict b = static_cast<const T*>(tile.b);
  T* __restrict out = static_cast<T*>(tile.out);
  if constexpr (form == Form::arithmetic) {
    bool by_zero = false;
    each(tile, [&](int64_t i) { out[i] = arithmetic<op, T>(a[i], b[i], by_zero); });
    if (by_zero) *tile.divided_by_zero = true;
  } else if constexpr (form == Form::bitwise) {
    each(tile, [&](int64_t i) { out[i] = bitwise<op, T>(a[i], b[i]); });
  } else if constexpr (form == Form::comparison) {
    bool* __restrict truth = static_cast<bool*>(tile.out);
    each(tile, [&](int64_t i) { truth[i] = comparison<op, T>(a[i], b[i]); });
  } else if constexpr (form == Form::unary) {
    each(tile, [&](int64_t i) { out[i] = unary<op, T>(a[i]); });
  } else if constexpr (form == Form::transcendental) {
    each(tile, [&](int64_t i) { out[i] = transcendental<op, T>(a[i]); });
  } else {
    static_assert(form == Form::where);
    const bool* __restrict condition = static_cast<const bool*>(tile.a);
    const T* __restrict c = static_cast<const T*>(tile.c);
    each(tile, [&](int64_t i) { out[i] = condition[i] ? b[i] : c[i]; });
  }
}

template <Scalar op, class T>
void test(const Tile& tile) noexcept {
  const T* a = static_cast<const T*>(tile.a);
  bool* truth = static_cast<bool*>(tile.out);
  constexpr T infinity = std::numeric_limits<T>::infinity();
  each(tile, [&](int64_t i) {
    if constexpr (op == Scalar::is_nan) truth[i] = a[i] != a[i];
    if constexpr (op == Scalar::is_positive_infinity) truth[i] = a[i] == infinity;
    if constexpr (op == Scalar::is_negative_infinity) truth[i] = a[i] == -infinity;
  });
}

void logical_not(const Tile& tile) noexcept {
  each(tile,
       [&](int64_t i) { static_cast<bool*>(tile.out)[i] = !static_cast<const bool*>(tile.a)[i]; });
}

template <Scalar op, class T>
constexpr TileFunction function() {
  constexpr bool tests = op >= Scalar::is_nan && op <= Scalar::is_negative_infinity;
  if constexpr (op == Scalar::logical_not)
    return std::is_same_v<T, bool> ? logical_not : nullptr;
  else if constexpr (tests && std::is_floating_point_v<T>)
    return test<op, T>;
  else if constexpr (form_of<T>(op) != Form::none)
    return loop<op, T>;
  else
    return nullptr;
}

constexpr size_t kScalars = static_cast<size_t>(Scalar::where) + 1;

template <class T, size_t... op>
constexpr auto table(std::index_sequence<op...>) {
  return std::array<TileFunction, kScalars>{function<static_cast<Scalar>(op), T>()...};
}

template <class T>
void pow_f64(const Tile& tile) noexcept {
  const T* a = static_cast<const T*>(tile.a);
  const auto* exponent = static_cast<const double*>(tile.b);
  T* out = static_cast<T*>(tile.out);
  each(tile, [&](int64_t i) {
    const double power = std::pow(static_cast<double>(a[i]), exponent[i]);
    if constexpr (std::is_integral_v<T>)
      out[i] = integer_of<T>(power);
    else
      out[i] = static_cast<T>(power);
  });
}

template <class T>
void load(const void* from, int64_t step, void* tile, int64_t count) noexcept {
  const T* source = static_cast<const T*>(from);
  auto* out = static_cast<Compute<T>*>(tile);
  if (step == 1) {
    for (int64_t i = 0; i < count; ++i) out[i] = source[i];
  } else if (step == 0) {
    const Compute<T> value = source[0];
    for (int64_t i = 0; i < count; ++i) out[i] = value;
  } else {
    for (int64_t i = 0; i < count; ++i) out[i] = source[i * step];
  }
}

template <class T>
void store(const void* tile, void* to, int64_t count) noexcept {
  const auto* source = static_cast<const Compute<T>*>(tile);
  T* out = static_cast<T*>(to);
  for (int64_t i = 0; i < count; ++i) out[i] = static_cast<T>(source[i]);
}

template <class T>
void fill(double value, void* tile, int64_t count) noexcept {
  auto* out = static_cast<Compute<T>*>(tile);
  for (int64_t i = 0; i < count; ++i) out[i] = static_cast<Compute<T>>(value);
}

template <class T>
void to_f64(const void* tile, void* out, int64_t count) noexcept {
  const auto* source = static_cast<const Compute<T>*>(tile);
  for (int64_t i = 0; i < count; ++i) static_cast<double*>(out)[i] = static_cast<double>(source[i]);
}

}  // namespace

TileFunction tile_function(Scalar op, DType dtype) noexcept {
  return base::dispatch(dtype, [&](auto tag) {
    using T = Compute<typename decltype(tag)::type>;
    static constexpr auto functions = table<T>(std::make_index_sequence<kScalars>{});
    return functions[static_cast<size_t>(op)];
  });
}

TileFunction pow_of_f64(DType dtype) noexcept {
  return base::dispatch(dtype, [](auto tag) -> TileFunction {
    return pow_f64<Compute<typename decltype(tag)::type>>;
  });
}

const Mover& mover(DType dtype) noexcept {
  return base::dispatch(dtype, [](auto tag) -> const Mover& {
    using T = typename decltype(tag)::type;
    static constexpr Mover functions{load<T>, store<T>, fill<T>, to_f64<T>};
    return functions;
  });
}

}  // namespace tenon::cpu
