// Resizing: for each axis a table of neighbours and their weights, then one axis after another.
#include <cmath>

#include "cpu/kernel_parts.h"
#include "cpu/scalar_math.h"

namespace tenon::cpu {

namespace {

using ir::Coordinates;
using ir::Resampling;

/// Places and weights are f32 as ONNX Runtime computes them, but for elements of 64 bits.
template <class T>
using Place = std::conditional_t<sizeof(T) == 8, double, float>;

struct Axis {
  int64_t at = 0, in = 1, out = 1;
  int64_t most = 1;              ///< neighbours of one element
  int64_t outer = 1, inner = 1;  ///< while this axis is resized: those before and behind
};

/// Neighbours of one element, from `first` on; none: it lies outside.
struct Neighbours {
  int64_t first = 0, count = 0;
};

struct ResizeGeometry {
  std::vector<Axis> axes;
  int64_t places = 0, weights = 0;  ///< entries of all tables
  int64_t between = 0;              ///< elements of the largest tensor between two axes
  bool nearest = true;
};

// With antialiasing an axis that shrinks has at most 2 * support * in / out neighbours an element,
// in / out being at least the reciprocal of its scale; extents that were rounded up take one more.
int64_t most_neighbours(const ir::Resize& op, int64_t in, int64_t out) {
  if (op.mode == Resampling::nearest) return 1;
  const int64_t support = op.mode == Resampling::linear ? 1 : 2;
  if (!op.antialias || out == 0) return std::min(in, 2 * support);
  return std::min(in, 2 * support * (2 * in / out + 2) + 2);
}

kernel::Prepared prepare_resize(const Call& call, kernel::Backend&) {
  const auto& op = call.as<ir::Resize>();
  ResizeGeometry geometry{.nearest = op.mode == Resampling::nearest};
  std::vector<int64_t> dims = call.inputs[0].dims;
  // From the last axis to the first: rows are short for as long as they are many.
  for (size_t i = op.axes.size(); i-- > 0;) {
    const auto at = static_cast<size_t>(op.axes[i]);
    const AroundAxis around(dims, op.axes[i]);
    Axis axis{.at = op.axes[i], .in = dims[at], .out = call.outputs[0].dims[at]};
    axis.most = most_neighbours(op, axis.in, axis.out);
    axis.outer = around.outer;
    axis.inner = around.inner;
    dims[at] = axis.out;
    geometry.places += axis.out;
    geometry.weights += axis.out * axis.most;
    geometry.between = std::max(geometry.between, axis.outer * axis.out * axis.inner);
    geometry.axes.push_back(axis);
  }
  const auto scratch =
      static_cast<size_t>(geometry.places * static_cast<int64_t>(sizeof(Neighbours)) +
                          geometry.weights * 8 + (geometry.nearest ? 0 : 2 * geometry.between * 8));
  return {std::make_shared<const ResizeGeometry>(std::move(geometry)), scratch};
}

/// What a run knows of one axis.
template <class C>
struct Scale {
  const ir::Resize& op;
  Axis axis;
  C scale = 1, start = 0, end = 1;
  C whole = 1;  ///< the new extent, which scales need not make an integer

  /// Where element `i` of the result lies in the input.
  C place(int64_t i) const noexcept {
    const C x = static_cast<C>(i), in = static_cast<C>(axis.in), out = static_cast<C>(axis.out);
    const C half{0.5};
    switch (op.coordinates) {
      case Coordinates::asymmetric: return x / scale;
      case Coordinates::pytorch_half_pixel: return axis.out > 1 ? (x + half) / scale - half : 0;
      case Coordinates::tf_half_pixel_for_nn: return (x + half) / scale;
      case Coordinates::align_corners:
        // By the new extent before it was rounded, as ONNX has it.
        return axis.out == 1 ? 0 : x * (in - 1) / (whole - 1);
      case Coordinates::tf_crop_and_resize:
        if (axis.out == 1) return half * (start + end) * (in - 1);
        return start * (in - 1) + x * (end - start) * (in - 1) / (out - 1);
      case Coordinates::half_pixel_symmetric:
        return in / 2 * (1 - out / whole) + (x + half) / scale - half;
      case Coordinates::half_pixel: break;
    }
    return (x + half) / scale - half;
  }

  /// A place that may be taken as an integer.
  C bounded_place(int64_t i) const noexcept {
    constexpr C far{1e15};
    const C x = place(i);
    return x != x ? 0 : std::clamp(x, -far, far);
  }

  bool is_outside(C x) const noexcept {
    return op.coordinates == Coordinates::tf_crop_and_resize &&
           (x < 0 || x > static_cast<C>(axis.in - 1));
  }

  int64_t nearest(C x) const noexcept {
    const auto rounded = [&] {
      switch (op.nearest) {
        case ir::Nearest::round_prefer_floor: return std::ceil(x - C{0.5});
        case ir::Nearest::round_prefer_ceil: return std::floor(x + C{0.5});
        case ir::Nearest::floor: return std::floor(x);
        case ir::Nearest::ceil: return std::ceil(x);
        case ir::Nearest::outward: break;
      }
      return scale < 1 ? std::ceil(x) : std::floor(x);
    };
    return std::clamp<int64_t>(static_cast<int64_t>(rounded()), 0, axis.in - 1);
  }

  /// Triangle, or the cubic of Keys.
  C filter(C t) const noexcept {
    t = std::fabs(t);
    if (op.mode == Resampling::linear) return std::max<C>(0, 1 - t);
    const auto a = static_cast<C>(op.cubic_a);
    if (t <= 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
    return t < 2 ? ((a * t - 5 * a) * t + 8 * a) * t - 4 * a : C{0};
  }

  /// The neighbours of the place `x`, and their weights; those beyond the ends count for the ends.
  Neighbours neighbours(C x, C* weights) const noexcept {
    if (is_outside(x)) return {};
    if (op.mode == Resampling::nearest) {
      weights[0] = 1;
      return {nearest(x), 1};
    }
    const C stretch = op.antialias ? std::min<C>(scale, 1) : C{1};
    const C reach = static_cast<C>(op.mode == Resampling::linear ? 1 : 2) / stretch;
    const auto low = static_cast<int64_t>(std::floor(x - reach)) + 1;
    const auto high = std::max(low, static_cast<int64_t>(std::ceil(x + reach)) - 1);
    const auto within = [&](int64_t j) { return std::clamp<int64_t>(j, 0, axis.in - 1); };
    Neighbours found{within(low), within(high) - within(low) + 1};
    found.count = std::min(found.count, axis.most);
    std::fill_n(weights, found.count, C{0});
    C sum = 0;
    for (int64_t j = low; j <= high; ++j) {
      if (op.exclude_outside && within(j) != j) continue;
      const C weight = filter((static_cast<C>(j) - x) * stretch);
      weights[std::min(within(j) - found.first, found.count - 1)] += weight;
      sum += weight;
    }
    if (op.antialias || op.exclude_outside)
      for (int64_t k = 0; k < found.count; ++k) weights[k] /= sum;
    return found;
  }
};

template <class C>
Scale<C> scale_of(const Launch& launch, const Axis& axis) noexcept {
  const auto& op = launch.call->as<ir::Resize>();
  Scale<C> scale{.op = op, .axis = axis};
  const auto i = std::ranges::find(op.axes, axis.at) - op.axes.begin();
  scale.scale = has_input(*launch.call, 1) ? static_cast<C>(launch.input<float>(1)[i])
                                           : static_cast<C>(axis.out) / static_cast<C>(axis.in);
  scale.whole =
      has_input(*launch.call, 1) ? scale.scale * static_cast<C>(axis.in) : static_cast<C>(axis.out);
  if (has_input(*launch.call, 2)) {
    scale.start = static_cast<C>(launch.input<float>(2)[i]);
    scale.end = static_cast<C>(launch.input<float>(2)[i + std::ssize(op.axes)]);
  }
  return scale;
}

/// The tables of all axes, made at the start of a run.
template <class C>
struct Tables {
  Neighbours* places;
  C* weights;
  C* between;

  Tables(const Launch& launch, const ResizeGeometry& geometry) noexcept
      : places(static_cast<Neighbours*>(launch.scratch)),
        weights(reinterpret_cast<C*>(places + geometry.places)),
        between(weights + geometry.weights) {
    int64_t place = 0, weight = 0;
    for (const Axis& axis : geometry.axes) {
      const Scale<C> scale = scale_of<C>(launch, axis);
      for (int64_t i = 0; i < axis.out; ++i, weight += axis.most)
        places[place++] = scale.neighbours(scale.bounded_place(i), weights + weight);
    }
  }
};

/// One axis of a tensor on its way.
template <class From, class To, class C>
struct AxisPass {
  const Launch& launch;
  const Axis& axis;
  const Neighbours* places;
  const C* weights;
  const From* x;
  To* y;
  C outside = static_cast<C>(launch.call->as<ir::Resize>().outside);

  void run() const noexcept {
    if (axis.inner == 1) {
      parallel_ranges(launch, axis.outer, grain_of(axis.out * axis.most),
                      [&](int64_t begin, int64_t end) {
                        for (int64_t i = begin; i < end; ++i) line(i);
                      });
      return;
    }
    parallel_ranges(launch, axis.outer * axis.out, grain_of(axis.inner * axis.most),
                    [&](int64_t begin, int64_t end) {
                      for (int64_t at = begin; at < end; ++at) row(at);
                    });
  }

 private:
  static To stored(C value) noexcept {
    if constexpr (std::is_integral_v<To> && !std::is_same_v<To, bool>) {
      return integer_of<To>(static_cast<double>(value));
    } else {
      return static_cast<To>(value);
    }
  }

  C sum_at(const From* from, int64_t i) const noexcept {
    C sum = places[i].count == 0 ? outside : C{0};
    for (int64_t j = 0; j < places[i].count; ++j)
      sum += weights[i * axis.most + j] * static_cast<C>(from[j * axis.inner]);
    return sum;
  }

  /// A line along the axis, of elements beside one another.
  void line(int64_t at) const noexcept {
    const From* const from = x + at * axis.in;
    To* const to = y + at * axis.out;
    for (int64_t i = 0; i < axis.out; ++i) to[i] = stored(sum_at(from + places[i].first, i));
  }

  /// All that lies behind one element of the axis.
  void row(int64_t at) const noexcept {
    const int64_t i = at % axis.out;
    const From* const from = x + (at / axis.out * axis.in + places[i].first) * axis.inner;
    const C* const weight = weights + i * axis.most;
    To* const to = y + at * axis.inner;
    if (places[i].count == 2) {  // linear, in the usual case
      const C w0 = weight[0], w1 = weight[1];
      const From* const next = from + axis.inner;
      for (int64_t k = 0; k < axis.inner; ++k)
        to[k] = stored(w0 * static_cast<C>(from[k]) + w1 * static_cast<C>(next[k]));
      return;
    }
    for (int64_t k = 0; k < axis.inner; ++k) to[k] = stored(sum_at(from + k, i));
  }
};

template <class From, class To, class C>
void resize_axis(const Launch& launch, const Axis& axis, const Neighbours* places, const C* weights,
                 const From* x, To* y) noexcept {
  AxisPass<From, To, C>{launch, axis, places, weights, x, y}.run();
}

template <class T>
void interpolate(const Launch& launch) noexcept {
  using C = Place<T>;
  const auto& geometry = prepared<ResizeGeometry>(launch);
  const Tables<C> tables(launch, geometry);
  C* const halves[2] = {tables.between, tables.between + geometry.between};
  const Neighbours* places = tables.places;
  const C* weights = tables.weights;
  for (size_t i = 0; i < geometry.axes.size(); ++i) {
    const Axis& axis = geometry.axes[i];
    const bool first = i == 0, last = i + 1 == geometry.axes.size();
    const C* const from = halves[(i + 1) % 2];
    C* const to = halves[i % 2];
    if (first && last) {
      resize_axis(launch, axis, places, weights, launch.input<T>(0), launch.output<T>(0));
    } else if (first) {
      resize_axis(launch, axis, places, weights, launch.input<T>(0), to);
    } else if (last) {
      resize_axis(launch, axis, places, weights, from, launch.output<T>(0));
    } else {
      resize_axis(launch, axis, places, weights, from, to);
    }
    places += axis.out;
    weights += axis.out * axis.most;
  }
}

/// Copies the nearest elements: no values are computed, so every type is exact.
template <class T>
class NearestCopy {
 public:
  explicit NearestCopy(const Launch& launch) noexcept
      : launch_(launch),
        geometry_(prepared<ResizeGeometry>(launch)),
        tables_(launch, geometry_),
        x_(launch.call->inputs[0].dims),
        y_(launch.call->outputs[0].dims) {}

  void run() noexcept {
    const AroundAxis lines(y_, std::ssize(y_) - 1);
    parallel_ranges(launch_, lines.outer, grain_of(lines.extent), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) copy_row(row, lines.extent);
    });
  }

 private:
  /// The table of an axis; nullptr where it stays.
  const Neighbours* table(int64_t axis) const noexcept {
    const Neighbours* places = tables_.places;
    for (const Axis& each : geometry_.axes) {
      if (each.at == axis) return places;
      places += each.out;
    }
    return nullptr;
  }

  void copy_row(int64_t row, int64_t length) noexcept {
    const auto outside =
        static_cast<T>(static_cast<Compute<T>>(launch_.call->as<ir::Resize>().outside));
    T* const y = launch_.output<T>(0) + row * length;
    int64_t offset = 0, step = x_.back();
    bool inside = true;
    for (int64_t axis = std::ssize(y_) - 1; axis-- > 0;) {
      const auto at = static_cast<size_t>(axis);
      const int64_t i = row % y_[at];
      row /= y_[at];
      const Neighbours* const places = table(axis);
      inside = inside && (!places || places[i].count > 0);
      offset += (places ? places[i].first : i) * step;
      step *= x_[at];
    }
    if (!inside) {
      std::fill_n(y, length, outside);
      return;
    }
    const T* const x = launch_.input<T>(0) + offset;
    const Neighbours* const places = table(std::ssize(y_) - 1);
    if (!places) {
      std::copy_n(x, length, y);
      return;
    }
    for (int64_t i = 0; i < length; ++i) y[i] = places[i].count > 0 ? x[places[i].first] : outside;
  }

  const Launch& launch_;
  const ResizeGeometry& geometry_;
  Tables<Place<T>> tables_;
  std::span<const int64_t> x_, y_;
};

void resize_reference(const Launch& launch) noexcept {
  const bool nearest = prepared<ResizeGeometry>(launch).nearest;
  if (launch.call->outputs[0].elements() == 0) return;
  base::dispatch(launch.call->inputs[0].dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (prepared<ResizeGeometry>(launch).axes.empty()) {
      std::copy_n(launch.input<T>(0), launch.call->outputs[0].elements(), launch.output<T>(0));
    } else if (nearest) {
      NearestCopy<T>(launch).run();
    } else if constexpr (!std::is_same_v<T, bool>) {
      interpolate<T>(launch);
    }
  });
}

}  // namespace

template <>
Kernels kernels<ir::Resize>() {
  static constexpr Kernel list[] = {
      {.name = "cpu.resize.reference",
       .reject = plain_only,
       .prepare = prepare_resize,
       .run = resize_reference},
  };
  return list;
}

}  // namespace tenon::cpu
