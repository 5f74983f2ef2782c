// Elements at given places: neighbours and weights of each axis, then their products.
#include <cmath>

#include "cpu/kernel_parts.h"
#include "cpu/scalar_math.h"

namespace tenon::cpu {

namespace {

using ir::Beside;
using ir::Resampling;

constexpr size_t most_axes = 6;

/// The neighbours of a place along one axis; -1 for one that lies beside the input and is 0.
template <class P>
struct Neighbours {
  int count = 0;
  std::array<int64_t, 4> at{};
  std::array<P, 4> weights{};
};

template <class P>
struct PlaceAxis {
  const ir::GridSample& op;
  int64_t extent;

  /// A place in -1..1 as one in elements.
  P element(P x) const noexcept {
    constexpr P far{1e9};  // may be taken as an integer
    const P n = static_cast<P>(extent);
    const P at = op.align_corners ? (x + 1) / 2 * (n - 1) : ((x + 1) * n - 1) / 2;
    return at != at ? -far : std::clamp(at, -far, far);
  }

  /// The element that stands for one that may lie beside the input.
  int64_t inside(int64_t i) const noexcept {
    if (i >= 0 && i < extent) return i;
    if (op.beside == Beside::zeros) return -1;
    if (op.beside == Beside::border) return std::clamp<int64_t>(i, 0, extent - 1);
    const P least = op.align_corners ? P{0} : P{-0.5};
    const P range = op.align_corners ? static_cast<P>(extent - 1) : static_cast<P>(extent);
    if (range <= 0) return 0;
    const P x = static_cast<P>(i), greatest = least + range;
    const P way = x < least ? least - x : std::max<P>(x - greatest, 0);
    const auto turns = static_cast<int64_t>(way / range);
    const P rest = way - static_cast<P>(turns) * range;
    const bool from_least = (x < least) == (turns % 2 == 0);
    const P found = from_least ? least + rest : greatest - rest;
    return std::clamp<int64_t>(static_cast<int64_t>(found), 0, extent - 1);
  }

  Neighbours<P> neighbours(P place) const noexcept {
    const P x = element(place);
    if (op.mode == Resampling::nearest)
      return {1, {inside(static_cast<int64_t>(std::nearbyint(x)))}, {1}};
    const P floor = std::floor(x), t = x - floor;
    const auto first = static_cast<int64_t>(floor);
    if (op.mode == Resampling::linear) return {2, {inside(first), inside(first + 1)}, {1 - t, t}};
    Neighbours<P> found{.count = 4};
    for (int k = 0; k < 4; ++k) {
      found.at[static_cast<size_t>(k)] = inside(first + k - 1);
      found.weights[static_cast<size_t>(k)] = cubic(std::fabs(t + 1 - static_cast<P>(k)));
    }
    return found;
  }

  static P cubic(P t) noexcept {  // Keys', as for images
    constexpr P a{-0.75};
    if (t <= 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
    return ((a * t - 5 * a) * t + 8 * a) * t - 4 * a;
  }
};

template <class T, class P>
class Sampler {
 public:
  explicit Sampler(const Launch& launch) noexcept
      : launch_(launch), op_(launch.call->as<ir::GridSample>()), x_(launch.call->inputs[0].dims) {
    axes_ = x_.size() - 2;
    for (size_t a = 0; a < axes_; ++a) in_size_ *= x_[2 + a];
    for (size_t a = 0; a < axes_; ++a) out_size_ *= launch.call->outputs[0].dims[2 + a];
  }

  /// Place `i` of image `n`, all channels.
  template <class Grid>
  void run(int64_t n, int64_t i) noexcept {
    const auto axes = static_cast<int64_t>(axes_);
    const Grid* const grid = launch_.input<Grid>(1) + (n * out_size_ + i) * axes;
    for (size_t a = 0; a < axes_; ++a)
      found_[a] = PlaceAxis<P>{op_, x_[2 + a]}.neighbours(static_cast<P>(grid[axes_ - 1 - a]));
    const size_t taps = flatten();
    for (int64_t c = 0; c < x_[1]; ++c) {
      const T* const x = launch_.input<T>(0) + (n * x_[1] + c) * in_size_;
      T& y = launch_.output<T>(0)[(n * x_[1] + c) * out_size_ + i];
      if (op_.mode == Resampling::nearest) {
        y = nearest(x);
      } else if constexpr (std::is_integral_v<T>) {
        if constexpr (!std::is_same_v<T, bool>)
          y = integer_of<T>(static_cast<double>(sum(x, taps)));
      } else {
        y = static_cast<T>(sum(x, taps));
      }
    }
  }

  int64_t out_size() const noexcept { return out_size_; }

 private:
  T nearest(const T* x) const noexcept {
    int64_t offset = 0;
    for (size_t a = 0; a < axes_; ++a) {
      if (found_[a].at[0] < 0) return T{};
      offset = offset * x_[2 + a] + found_[a].at[0];
    }
    return x[offset];
  }

  /// Neighbours along all axes as offsets into a channel, with their weights; 0 where they are too
  /// many, or one will do.
  size_t flatten() noexcept {
    size_t most = 1;
    for (size_t a = 0; a < axes_; ++a) most *= static_cast<size_t>(found_[a].count);
    if (most > most_taps || op_.mode == Resampling::nearest) return 0;
    size_t count = 1;
    taps_[0] = {0, 1};
    for (size_t a = 0; a < axes_; ++a) {
      const Neighbours<P>& found = found_[a];
      const std::array<Tap, most_taps> before = taps_;
      size_t next = 0;
      for (size_t t = 0; t < count; ++t)
        for (size_t k = 0; k < static_cast<size_t>(found.count); ++k)
          if (found.at[k] >= 0)
            taps_[next++] = {before[t].offset * x_[2 + a] + found.at[k],
                             before[t].weight * found.weights[k]};
      count = next;
    }
    all_beside_ = count == 0;
    return count;
  }

  P sum(const T* x, size_t taps) const noexcept {
    if (taps == 0) return all_beside_ ? P{0} : sum_along(x, 0, 0);
    P total = 0;
    for (size_t t = 0; t < taps; ++t)
      total += taps_[t].weight * static_cast<P>(static_cast<Compute<T>>(x[taps_[t].offset]));
    return total;
  }

  P sum_along(const T* x, size_t axis, int64_t offset) const noexcept {
    if (axis == axes_) return static_cast<P>(static_cast<Compute<T>>(x[offset]));
    P total = 0;
    const Neighbours<P>& found = found_[axis];
    for (size_t k = 0; k < static_cast<size_t>(found.count); ++k)
      if (found.at[k] >= 0)
        total += found.weights[k] * sum_along(x, axis + 1, offset * x_[2 + axis] + found.at[k]);
    return total;
  }

  struct Tap {
    int64_t offset;
    P weight;
  };
  static constexpr size_t most_taps = 64;

  const Launch& launch_;
  const ir::GridSample& op_;
  std::span<const int64_t> x_;
  size_t axes_ = 0;
  int64_t in_size_ = 1, out_size_ = 1;
  std::array<Neighbours<P>, most_axes> found_;
  std::array<Tap, most_taps> taps_;
  bool all_beside_ = false;
};

template <class T, class Grid>
void grid_sample_typed(const Launch& launch) noexcept {
  using P = std::conditional_t<sizeof(T) == 8 || sizeof(Grid) == 8, double, float>;
  if (launch.call->outputs[0].elements() == 0) return;
  const auto& x = launch.call->inputs[0].dims;
  if (element_count(std::span(x).subspan(2)) == 0)
    return launch.fail("there is nothing to be sampled");
  const int64_t size = Sampler<T, P>(launch).out_size();
  parallel_ranges(launch, x[0] * size, grain_of(16 * x[1]), [&](int64_t begin, int64_t end) {
    Sampler<T, P> sampler(launch);
    for (int64_t i = begin; i < end; ++i) sampler.template run<Grid>(i / size, i % size);
  });
}

void grid_sample_reference(const Launch& launch) noexcept {
  base::dispatch(launch.call->inputs[0].dtype, [&](auto tag) {
    dispatch_floating(launch.call->inputs[1].dtype, [&](auto grid) {
      grid_sample_typed<typename decltype(tag)::type, typename decltype(grid)::type>(launch);
    });
  });
}

}  // namespace

template <>
Kernels kernels<ir::GridSample>() {
  static constexpr Kernel list[] = {
      {.name = "cpu.grid_sample.reference", .reject = plain_only, .run = grid_sample_reference},
  };
  return list;
}

}  // namespace tenon::cpu
