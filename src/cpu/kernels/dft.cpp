// Fourier transforms in f64: by halves where the length is a power of two, else as a convolution
// of such a length (Bluestein).
#include <cmath>

#include "cpu/kernel_parts.h"

namespace tenon::cpu {

namespace {

struct Complex {
  double re = 0, im = 0;
};
Complex operator*(Complex a, Complex b) {
  return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}
Complex operator+(Complex a, Complex b) { return {a.re + b.re, a.im + b.im}; }
Complex operator-(Complex a, Complex b) { return {a.re - b.re, a.im - b.im}; }
Complex conjugate(Complex a) { return {a.re, -a.im}; }

/// e^(-2 pi i k / n).
Complex root(int64_t k, int64_t n) {
  const double angle = -2 * M_PI * static_cast<double>(k) / static_cast<double>(n);
  return {std::cos(angle), std::sin(angle)};
}

/// Transforms of one length that is a power of two.
struct Halves {
  int64_t n = 1;
  std::vector<Complex> roots;  // n / 2

  explicit Halves(int64_t n) : n(n) {
    for (int64_t k = 0; k < n / 2; ++k) roots.push_back(root(k, n));
  }

  void run(Complex* a) const noexcept {
    for (int64_t i = 1, j = 0; i < n; ++i) {  // bits reversed
      int64_t bit = n >> 1;
      for (; j & bit; bit >>= 1) j ^= bit;
      j ^= bit;
      if (i < j) std::swap(a[i], a[j]);
    }
    for (int64_t half = 1; half < n; half *= 2)
      for (int64_t i = 0; i < n; i += 2 * half)
        for (int64_t k = 0; k < half; ++k) {
          const Complex odd = a[i + k + half] * roots[static_cast<size_t>(k * (n / 2 / half))];
          a[i + k + half] = a[i + k] - odd;
          a[i + k] = a[i + k] + odd;
        }
  }
};

int64_t power_of_two_from(int64_t n) {
  int64_t power = 1;
  while (power < n) power *= 2;
  return power;
}

/// Transforms of any one length.
struct Transform {
  int64_t n;
  bool chirps;
  Halves halves;
  std::vector<Complex> chirp, spectrum;  // e^(-pi i k² / n); its conjugate's transform

  explicit Transform(int64_t length)
      : n(length),
        chirps(power_of_two_from(length) != length),
        halves(power_of_two_from(chirps ? 2 * length - 1 : length)) {
    if (!chirps) return;
    for (int64_t k = 0; k < n; ++k)  // k² modulo 2n keeps the angle exact
      chirp.push_back(root(static_cast<int64_t>(static_cast<unsigned __int128>(k) *
                                                static_cast<unsigned __int128>(k) %
                                                static_cast<unsigned __int128>(2 * n)),
                           2 * n));
    spectrum.resize(static_cast<size_t>(halves.n));
    for (int64_t k = 0; k < n; ++k) {
      const Complex value = conjugate(chirp[static_cast<size_t>(k)]);
      spectrum[static_cast<size_t>(k)] = value;
      if (k > 0) spectrum[static_cast<size_t>(halves.n - k)] = value;
    }
    halves.run(spectrum.data());
  }

  /// In place, in the first n of halves.n numbers.
  void run(Complex* a) const noexcept {
    if (!chirps) return halves.run(a);
    const int64_t size = halves.n;
    for (int64_t k = 0; k < n; ++k) a[k] = a[k] * chirp[static_cast<size_t>(k)];
    std::fill(a + n, a + size, Complex{});
    halves.run(a);
    // The inverse transform as the conjugate of the conjugate's.
    for (int64_t k = 0; k < size; ++k) a[k] = conjugate(a[k] * spectrum[static_cast<size_t>(k)]);
    halves.run(a);
    const double scale = 1.0 / static_cast<double>(size);
    for (int64_t k = 0; k < n; ++k) {
      const Complex value = conjugate(a[k]) * chirp[static_cast<size_t>(k)];
      a[k] = {value.re * scale, value.im * scale};
    }
  }
};

constexpr int64_t most_units = 32;  // each has its scratch

kernel::Prepared prepare_dft(const Call& call, kernel::Backend&) {
  auto transform = std::make_shared<const Transform>(call.as<ir::Dft>().length[0].constant());
  const int64_t units = std::min(call.inputs[0].dims[0], most_units);
  const auto scratch = sizeof(Complex) * static_cast<size_t>(units * transform->halves.n);
  return {std::move(transform), scratch};
}

template <class T>
void transform_line(const Launch& launch, int64_t line, Complex* a) noexcept {
  const auto& op = launch.call->as<ir::Dft>();
  const auto& transform = prepared<Transform>(launch);
  const auto &x_dims = launch.call->inputs[0].dims, &y_dims = launch.call->outputs[0].dims;
  const int64_t n = transform.n, parts = x_dims[2], given = std::min(x_dims[1], n);
  const T* const x = launch.input<T>(0) + line * x_dims[1] * parts;
  T* const y = launch.output<T>(0) + line * y_dims[1] * y_dims[2];
  const auto real = [](T value) { return static_cast<double>(static_cast<Compute<T>>(value)); };
  std::fill_n(a, n, Complex{});
  for (int64_t i = 0; i < given; ++i)
    a[i] = {real(x[i * parts]), parts == 2 ? real(x[i * parts + 1]) : 0};
  if (op.inverse && op.onesided)
    for (int64_t i = n / 2 + 1; i < n; ++i) a[i] = conjugate(a[n - i]);
  if (op.inverse)
    for (int64_t i = 0; i < n; ++i) a[i] = conjugate(a[i]);
  transform.run(a);
  const double scale = op.inverse ? 1.0 / static_cast<double>(n) : 1.0;
  for (int64_t i = 0; i < y_dims[1]; ++i) {
    const auto store = [&](int64_t at, double value) {
      y[at] = static_cast<T>(static_cast<Compute<T>>(value * scale));
    };
    store(i * y_dims[2], a[i].re);
    if (y_dims[2] == 2) store(i * 2 + 1, op.inverse ? -a[i].im : a[i].im);
  }
}

template <class T>
void dft_typed(const Launch& launch) noexcept {
  const int64_t lines = launch.call->inputs[0].dims[0];
  const int64_t units = std::min(lines, most_units);
  base::parallel_for(launch.state->threads, units, [&](int64_t unit) {
    Complex* const a =
        static_cast<Complex*>(launch.scratch) + unit * prepared<Transform>(launch).halves.n;
    for (int64_t line = unit; line < lines; line += units) transform_line<T>(launch, line, a);
  });
}

void dft_reference(const Launch& launch) noexcept {
  dispatch_floating(launch.call->inputs[0].dtype,
                    [&](auto tag) { dft_typed<typename decltype(tag)::type>(launch); });
}

}  // namespace

template <>
Kernels kernels<ir::Dft>() {
  static constexpr Kernel list[] = {
      {.name = "cpu.dft.reference",
       .reject = plain_only,
       .prepare = prepare_dft,
       .run = dft_reference},
  };
  return list;
}

}  // namespace tenon::cpu
