// Non-maximum suppression: in each batch and class the boxes, best first, that overlap no better
// one.
#include <numeric>

#include "cpu/kernel_parts.h"

namespace tenon::cpu {

namespace {

struct Box {
  float x0, y0, x1, y1;

  float area() const noexcept { return (x1 - x0) * (y1 - y0); }
};

Box box_at(const float* b, bool center) noexcept {
  if (center) return {b[0] - b[2] / 2, b[1] - b[3] / 2, b[0] + b[2] / 2, b[1] + b[3] / 2};
  return {std::min(b[1], b[3]), std::min(b[0], b[2]), std::max(b[1], b[3]), std::max(b[0], b[2])};
}

/// Whether the intersection over the union exceeds the threshold; boxes without area have none.
bool overlap(const Box& a, const Box& b, float threshold) noexcept {
  const float width = std::min(a.x1, b.x1) - std::max(a.x0, b.x0);
  const float height = std::min(a.y1, b.y1) - std::max(a.y0, b.y0);
  if (width <= 0 || height <= 0) return false;
  const float whole = a.area() + b.area() - width * height;
  return a.area() > 0 && b.area() > 0 && whole > 0 && width * height / whole > threshold;
}

/// What the operands say of one launch.
struct Problem {
  explicit Problem(const Launch& launch) noexcept : launch(launch), call(*launch.call) {
    if (has_input(call, 2)) most = std::clamp<int64_t>(*launch.input<int64_t>(2), 0, rows_of_class);
    if (has_input(call, 3)) iou = *launch.input<float>(3);
  }

  /// Boxes of a class that count, best first; how many they are.
  int64_t sort_candidates(int64_t unit, int64_t* candidates) const noexcept {
    const float* const scores = launch.input<float>(1) + unit * boxes;
    int64_t* end = candidates + boxes;
    std::iota(candidates, end, int64_t{0});
    if (has_input(call, 4)) {
      const float least = *launch.input<float>(4);
      end = std::remove_if(candidates, end, [&](int64_t i) { return !(scores[i] > least); });
    }
    std::sort(candidates, end, [&](int64_t a, int64_t b) {
      if (before(scores[a], scores[b], false)) return true;
      return !before(scores[b], scores[a], false) && a < b;
    });
    return end - candidates;
  }

  /// Writes the rows of one batch and class from row unit * rows_of_class on; how many they are.
  int64_t select(int64_t unit, int64_t* candidates) const noexcept {
    int64_t* const rows = launch.output<int64_t>(0) + unit * rows_of_class * 3;
    const int64_t count = sort_candidates(unit, candidates);
    int64_t selected = 0;
    for (int64_t i = 0; i < count && selected < most; ++i) {
      const Box box = box_of(unit, candidates[i]);
      const auto worse = [&](int64_t k) {
        return overlap(box, box_of(unit, rows[k * 3 + 2]), iou);
      };
      bool keeps = true;
      for (int64_t k = 0; k < selected && keeps; ++k) keeps = !worse(k);
      if (!keeps) continue;
      const int64_t row[] = {unit / classes, unit % classes, candidates[i]};
      std::copy_n(row, 3, rows + 3 * selected++);
    }
    return selected;
  }

  Box box_of(int64_t unit, int64_t box) const noexcept {
    const bool center = call.as<ir::NonMaxSuppression>().center_point_box;
    return box_at(launch.input<float>(0) + (unit / classes * boxes + box) * 4, center);
  }

  const Launch& launch;
  const Call& call;
  int64_t classes = call.inputs[1].dims[1];
  int64_t boxes = call.inputs[1].dims[2];
  int64_t units = call.inputs[1].dims[0] * classes;
  int64_t rows_of_class = units == 0 ? 0 : call.outputs[0].dims[0] / units;
  int64_t most = 0;
  float iou = 0;
};

// By batch and class: how many boxes it keeps, and an index for each of its boxes.
kernel::Prepared prepare_non_max_suppression(const Call& call, kernel::Backend&) {
  const auto& dims = call.inputs[1].dims;
  return {nullptr, sizeof(int64_t) * static_cast<size_t>(dims[0] * dims[1] * (dims[2] + 1))};
}

void non_max_suppression_reference(const Launch& launch) noexcept {
  const Problem problem(launch);
  auto* const counts = static_cast<int64_t*>(launch.scratch);
  parallel_ranges(launch, problem.units, 1, [&](int64_t begin, int64_t) {
    counts[begin] = problem.select(begin, counts + problem.units + begin * problem.boxes);
  });
  int64_t* const rows = launch.output<int64_t>(0);
  int64_t* end = rows;
  for (int64_t unit = 0; unit < problem.units; ++unit) {
    const int64_t* const first = rows + unit * problem.rows_of_class * 3;
    end = std::copy(first, first + counts[unit] * 3, end);
  }
  std::fill(end, rows + launch.call->outputs[0].elements(), int64_t{0});
  if (launch.call->outputs.size() > 1) *launch.output<int64_t>(1) = (end - rows) / 3;
}

}  // namespace

template <>
Kernels kernels<ir::NonMaxSuppression>() {
  static constexpr Kernel list[] = {
      {.name = "cpu.non_max_suppression.reference",
       .reject = plain_only,
       .prepare = prepare_non_max_suppression,
       .run = non_max_suppression_reference},
  };
  return list;
}

}  // namespace tenon::cpu
