// The table of loops, made for all functions and types that go together.
#include "cpu/scalar_functions.h"

#include <array>
#include <iterator>
#include <utility>

#include "base/dtype.h"
#include "cpu/scalar_math.h"

namespace tenon::cpu {

namespace {

// f(i) for each element; the count is a local, so that loops vectorise.
template <class F>
void each(const Tile& tile, const F& f) {
  const int64_t count = tile.count;
  for (int64_t i = 0; i < count; ++i) f(i);
}

template <Scalar op, class T>
void loop(const Tile& tile) noexcept {
  using Out = std::conditional_t<ir::info(op).gives == ir::Gives::truth, bool, T>;
  const T* __restrict a = static_cast<const T*>(tile.a);
  const T* __restrict b = static_cast<const T*>(tile.b);
  Out* __restrict out = static_cast<Out*>(tile.out);
  if constexpr (op == Scalar::where) {
    const bool* __restrict condition = static_cast<const bool*>(tile.a);
    const T* __restrict c = static_cast<const T*>(tile.c);
    each(tile, [&](int64_t i) { out[i] = condition[i] ? b[i] : c[i]; });
  } else if constexpr (ir::arity(op) == 2) {
    bool by_zero = false;
    each(tile, [&](int64_t i) { out[i] = binary<op, T>(a[i], b[i], by_zero); });
    if (by_zero) *tile.divided_by_zero = true;
  } else {
    each(tile, [&](int64_t i) { out[i] = unary<op, T>(a[i]); });
  }
}

template <Scalar op, class T>
constexpr TileFunction function() {
  if constexpr (ir::arity(op) > 0 && ir::accepts<T>(ir::info(op).operands))
    return loop<op, T>;
  else
    return nullptr;
}

template <class T, size_t... op>
constexpr auto table(std::index_sequence<op...>) {
  return std::array<TileFunction, std::size(ir::scalar_infos)>{
      function<static_cast<Scalar>(op), T>()...};
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
    static constexpr auto functions =
        table<T>(std::make_index_sequence<std::size(ir::scalar_infos)>{});
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
