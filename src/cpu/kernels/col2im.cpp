// Windows laid back: each element of the result gathers what meets there, taps rising.
#include "cpu/kernel_parts.h"

namespace tenon::cpu {

namespace {

constexpr size_t most_axes = 8;

struct Col2ImAxis {
  int64_t out = 1, positions = 1, kernel = 1, stride = 1, dilation = 1, pad = 0;
};

struct Col2ImGeometry {
  std::array<Col2ImAxis, most_axes> axes;
  size_t rank = 0;
  int64_t planes = 0, out_size = 1, positions = 1, taps = 1;

  /// Calls f(offset) for what meets at an element: from tap and position in the other axes on, axis
  /// after axis.
  template <class F>
  void for_each(const int64_t* index, size_t axis, int64_t tap, int64_t position,
                const F& f) const noexcept {
    if (axis == rank) return f(tap * positions + position);
    const Col2ImAxis& a = axes[axis];
    for (int64_t t = 0; t < a.kernel; ++t) {
      const int64_t from = index[axis] + a.pad - t * a.dilation;
      if (from < 0) break;
      if (from % a.stride != 0 || from / a.stride >= a.positions) continue;
      for_each(index, axis + 1, tap * a.kernel + t, position * a.positions + from / a.stride, f);
    }
  }
};

kernel::Prepared prepare_col2im(const Call& call, kernel::Backend&) {
  const auto& op = call.as<ir::Col2Im>();
  const auto& x = call.inputs[0].dims;
  Col2ImGeometry geometry{.rank = op.kernel.size(), .planes = x[0] * x[1]};
  for (size_t i = 0; i < geometry.rank; ++i) {
    Col2ImAxis& axis = geometry.axes[i];
    axis.out = call.outputs[0].dims[2 + i];
    axis.positions = x[3 + i];
    axis.kernel = op.kernel[i].constant();
    if (!op.strides.empty()) axis.stride = op.strides[i];
    if (!op.dilations.empty()) axis.dilation = op.dilations[i];
    if (!op.pads.empty()) axis.pad = op.pads[i].constant();
    geometry.out_size *= axis.out;
    geometry.positions *= axis.positions;
    geometry.taps *= axis.kernel;
  }
  return {std::make_shared<const Col2ImGeometry>(geometry)};
}

template <class T>
void col2im_typed(const Launch& launch) noexcept {
  const auto& g = prepared<Col2ImGeometry>(launch);
  parallel_ranges(
      launch, g.planes * g.out_size, grain_of(2 * g.taps), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const T* const x = launch.input<T>(0) + i / g.out_size * g.taps * g.positions;
          std::array<int64_t, most_axes> index{};
          int64_t left = i % g.out_size;
          for (size_t axis = g.rank; axis-- > 0; left /= g.axes[axis].out)
            index[axis] = left % g.axes[axis].out;
          Sum<T> sum{};
          g.for_each(index.data(), 0, 0, 0, [&](int64_t offset) { sum += widen(x[offset]); });
          launch.output<T>(0)[i] = narrow<T>(sum);
        }
      });
}

/// Where the taps of the last axis meet the result: positions [begin, end).
struct Meeting {
  int64_t begin = 0, end = 0, first = 0;  ///< `first`: the element that position 0 would meet
};

Meeting meeting(const Col2ImAxis& axis, int64_t tap) noexcept {
  const int64_t first = tap * axis.dilation - axis.pad;
  const auto steps = [&](int64_t distance) {  // positions before an element so far away
    return distance <= 0 ? 0 : (distance + axis.stride - 1) / axis.stride;
  };
  const int64_t begin = std::min(steps(-first), axis.positions);
  return {begin, std::clamp(steps(axis.out - first), begin, axis.positions), first};
}

/// Adds the rows of one plane where they belong, outermost axis first.
struct Rows {
  const Col2ImGeometry& g;
  const float* x;
  float* y;

  void run(size_t axis, int64_t tap, int64_t position, int64_t element) const noexcept {
    const Col2ImAxis& a = g.axes[axis];
    for (int64_t t = 0; t < a.kernel; ++t) {
      const Meeting m = meeting(a, t);
      const int64_t next = tap * a.kernel + t;
      if (axis + 1 == g.rank) {
        const float* const from = x + next * g.positions + position * a.positions;
        float* const to = y + element * a.out + m.first;
        for (int64_t l = m.begin; l < m.end; ++l) to[l * a.stride] += from[l];
        continue;
      }
      for (int64_t l = m.begin; l < m.end; ++l)
        run(axis + 1, next, position * a.positions + l, element * a.out + m.first + l * a.stride);
    }
  }
};

// Row after row in f32: a plane stays in the cache.
void col2im_rows(const Launch& launch) noexcept {
  const auto& g = prepared<Col2ImGeometry>(launch);
  base::parallel_for(launch.state->threads, g.planes, [&](int64_t plane) {
    float* const y = launch.output<float>(0) + plane * g.out_size;
    std::fill_n(y, g.out_size, 0.0f);
    Rows{g, launch.input<float>(0) + plane * g.taps * g.positions, y}.run(0, 0, 0, 0);
  });
}

const char* f32_only(const Call& call) {
  return call.inputs[0].dtype == DType::f32 ? plain_only(call) : "it computes f32 only";
}

void col2im_reference(const Launch& launch) noexcept {
  dispatch_numeric(launch.call->inputs[0].dtype,
                   [&](auto tag) { col2im_typed<typename decltype(tag)::type>(launch); });
}

}  // namespace

template <>
Kernels kernels<ir::Col2Im>() {
  static constexpr Kernel list[] = {
      {.name = "cpu.col2im.rows",
       .reject = f32_only,
       .prepare = prepare_col2im,
       .run = col2im_rows},
      {.name = "cpu.col2im.reference",
       .reject = plain_only,
       .prepare = prepare_col2im,
       .run = col2im_reference},
  };
  return list;
}

}  // namespace tenon::cpu
