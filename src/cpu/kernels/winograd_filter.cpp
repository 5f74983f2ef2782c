// Filters as Winograd's minimal filtering multiplies them.
#include "cpu/kernel_parts.h"
#include "cpu/layout_map.h"
#include "cpu/vector/vector_kernels.h"

namespace tenon::cpu {

namespace {

// G, row by row: three taps at each point; for two results and for four.
constexpr double kTwo[][3] = {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}};
constexpr double kFour[][3] = {{1. / 4, 0, 0},
                               {-1. / 6, -1. / 6, -1. / 6},
                               {-1. / 6, 1. / 6, -1. / 6},
                               {1. / 24, 1. / 12, 1. / 6},
                               {1. / 24, -1. / 12, 1. / 6},
                               {0, 0, 1}};

const double (*points(int64_t results))[3] { return results == 2 ? kTwo : kFour; }

/// G w Gᵀ at one point of rows and one of columns.
template <class T>
double at_point(const T* taps, const double* row, const double* column) noexcept {
  double sum = 0;
  for (int64_t i = 0; i < 3; ++i) {
    for (int64_t j = 0; j < 3; ++j)
      sum += row[i] * column[j] * static_cast<double>(taps[i * 3 + j]);
  }
  return sum;
}

kernel::Prepared prepare_filter(const Call& call, kernel::Backend&) {
  const auto& y = call.outputs[0];
  return {std::make_shared<const LayoutMap>(y.dims, y.layout)};
}

template <class T>
void filter_typed(const Launch& launch) noexcept {
  const auto& map = prepared<LayoutMap>(launch);
  const auto& op = launch.call->as<ir::WinogradFilter>();
  const auto& dims = launch.call->inputs[0].dims;
  const int64_t padded = (dims[0] + op.block - 1) / op.block * op.block;
  parallel_ranges(launch, padded, 1, [&](int64_t begin, int64_t end) {
    for (int64_t o = begin; o < end; ++o) {
      for (int64_t c = 0; c < dims[1]; ++c) {
        const T* taps = launch.input<T>(0) + (o * dims[1] + c) * 9;
        T* y = launch.output<T>(0) + map.offset(0, o) + map.offset(1, c);
        for (int64_t i = 0; i < op.rows + 2; ++i) {
          for (int64_t j = 0; j < op.columns + 2; ++j) {
            const double value =
                o < dims[0] ? at_point(taps, points(op.rows)[i], points(op.columns)[j]) : 0;
            y[map.offset(2, i) + map.offset(3, j)] = static_cast<T>(static_cast<Compute<T>>(value));
          }
        }
      }
    }
  });
}

void filter_reference(const Launch& launch) noexcept {
  dispatch_floating(launch.call->outputs[0].dtype,
                    [&](auto tag) { filter_typed<typename decltype(tag)::type>(launch); });
}

}  // namespace

template <>
Kernels kernels<ir::WinogradFilter>() {
  static const std::vector<Kernel> list =
      with_reference(vector_winograd_filter_kernels(), {.name = "cpu.winograd_filter.reference",
                                                        .prepare = prepare_filter,
                                                        .run = filter_reference});
  return list;
}

}  // namespace tenon::cpu
