// Regions of feature maps, brought to one size, by the formulas of ONNX Runtime.
#include <cmath>

#include "cpu/kernel_parts.h"

namespace tenon::cpu {

namespace {

// Places of samples are worked out once for so many channels, and for so many of them at a time,
// whose neighbours then are read channel by channel.
constexpr int64_t block = 64;
constexpr int64_t table_size = 256;
// A region of more samples a cell and axis than this is a mistake, and would take for ever.
constexpr int64_t most_samples = 65536;

/// Four neighbours and their weights.
template <class C>
struct Sample {
  std::array<int64_t, 4> offsets{};
  std::array<C, 4> weights{};
};

// No neighbours have weight where the place is more than one element outside.
template <class C>
Sample<C> sample_at(C y, C x, int64_t height, int64_t width) noexcept {
  if (!(y >= -1 && y <= static_cast<C>(height) && x >= -1 && x <= static_cast<C>(width))) return {};
  const auto split = [](C at, int64_t extent, int64_t& low, int64_t& high) {
    at = std::max<C>(at, 0);
    low = std::min(static_cast<int64_t>(at), extent - 1);
    high = std::min(low + 1, extent - 1);
    return low == extent - 1 ? C{0} : at - static_cast<C>(low);
  };
  int64_t top = 0, bottom = 0, left = 0, right = 0;
  const C down = split(y, height, top, bottom), along = split(x, width, left, right);
  return {{top * width + left, top * width + right, bottom * width + left, bottom * width + right},
          {(1 - down) * (1 - along), (1 - down) * along, down * (1 - along), down * along}};
}

/// One region and a block of channels.
template <class T>
class Region {
 public:
  using C = Compute<T>;

  Region(const Launch& launch, int64_t region, int64_t image, int64_t channel) noexcept
      : op_(launch.call->as<ir::RoiAlign>()), channels_(launch.call->inputs[0].dims[1]) {
    const auto& dims = launch.call->inputs[0].dims;
    height_ = dims[2];
    width_ = dims[3];
    count_ = std::min(block, channels_ - channel);
    x_ = launch.input<T>(0) + (image * channels_ + channel) * height_ * width_;
    y_ = launch.output<T>(0) + (region * channels_ + channel) * op_.height * op_.width;
    const T* const corners = launch.input<T>(1) + region * 4;
    const C move = op_.half_pixel ? C{0.5} : C{0};
    const auto at = [&](int i) {
      return static_cast<C>(corners[i]) * static_cast<C>(op_.scale) - move;
    };
    left_ = at(0);
    top_ = at(1);
    C width = at(2) - left_, height = at(3) - top_;
    if (!op_.half_pixel) {
      width = std::max<C>(width, 1);
      height = std::max<C>(height, 1);
    }
    cell_height_ = height / static_cast<C>(op_.height);
    cell_width_ = width / static_cast<C>(op_.width);
    rows_ = samples(cell_height_);
    columns_ = samples(cell_width_);
  }

  bool is_countable() const noexcept { return rows_ <= most_samples && columns_ <= most_samples; }

  void run() noexcept {
    const int64_t each = rows_ * columns_;
    const int64_t cells = op_.height * op_.width;
    // Cells of one row together, as many as the table holds.
    const int64_t group =
        std::clamp<int64_t>(table_size / std::max<int64_t>(each, 1), 1, op_.width);
    for (int64_t i = 0; i < cells; i += group) cells_from(i, std::min(group, cells - i));
  }

 private:
  int64_t samples(C extent) const noexcept {
    if (op_.sampling > 0) return op_.sampling;
    const C count = std::ceil(extent);
    return count > 0 && count <= static_cast<C>(most_samples)
               ? static_cast<int64_t>(count)
               : (count <= 0 ? 0 : most_samples + 1);  // NaN too
  }

  /// Sample `k` of cell `i`.
  Sample<C> sample(int64_t i, int64_t k) const noexcept {
    const auto middle = [](C start, int64_t cell, C extent, int64_t at, int64_t of) {
      return start + static_cast<C>(cell) * extent +
             (static_cast<C>(at) + C{0.5}) * extent / static_cast<C>(of);
    };
    return sample_at(middle(top_, i / op_.width, cell_height_, k / columns_, rows_),
                     middle(left_, i % op_.width, cell_width_, k % columns_, columns_), height_,
                     width_);
  }

  /// Cells [first, first + count), of which more than one have their samples in one table.
  void cells_from(int64_t first, int64_t count) noexcept {
    const int64_t each = rows_ * columns_;
    if (each * count > table_size) return long_cell(first, each);
    for (int64_t s = 0; s < each * count; ++s)
      table_[static_cast<size_t>(s)] = sample(first + s / each, s % each);
    for (int64_t c = 0; c < count_; ++c)
      for (int64_t i = 0; i < count; ++i)
        write(c, first + i, folded(c, i * each, each, C{0}, true), each);
  }

  /// One cell of more samples than the table holds.
  void long_cell(int64_t i, int64_t each) noexcept {
    for (int64_t s = 0; s < each; s += table_size) {
      const int64_t some = std::min(table_size, each - s);
      for (int64_t k = 0; k < some; ++k) table_[static_cast<size_t>(k)] = sample(i, s + k);
      for (int64_t c = 0; c < count_; ++c) {
        C& total = totals_[static_cast<size_t>(c)];
        total = folded(c, 0, some, s == 0 ? C{0} : total, s == 0);
      }
    }
    for (int64_t c = 0; c < count_; ++c) write(c, i, totals_[static_cast<size_t>(c)], each);
  }

  /// The sum or the greatest of samples of the table, going on from `total`.
  C folded(int64_t channel, int64_t from, int64_t count, C total, bool first) const noexcept {
    const T* const x = x_ + channel * height_ * width_;
    for (int64_t s = from; s < from + count; ++s) {
      const Sample<C>& sample = table_[static_cast<size_t>(s)];
      std::array<C, 4> parts;
      for (size_t n = 0; n < 4; ++n)
        parts[n] = sample.weights[n] * static_cast<C>(x[sample.offsets[n]]);
      if (!op_.greatest) {
        total += parts[0] + parts[1] + parts[2] + parts[3];
        continue;
      }
      const C greatest = std::max(std::max(parts[0], parts[1]), std::max(parts[2], parts[3]));
      total = first && s == from ? greatest : std::max(total, greatest);
    }
    return total;
  }

  void write(int64_t channel, int64_t i, C total, int64_t samples) noexcept {
    const C count = static_cast<C>(std::max<int64_t>(samples, 1));
    y_[channel * op_.height * op_.width + i] = static_cast<T>(op_.greatest ? total : total / count);
  }

  const ir::RoiAlign& op_;
  int64_t channels_, height_ = 0, width_ = 0, count_ = 0;
  const T* x_ = nullptr;
  T* y_ = nullptr;
  C left_{}, top_{}, cell_height_{}, cell_width_{};
  int64_t rows_ = 0, columns_ = 0;
  std::array<C, block> totals_{};
  std::array<Sample<C>, table_size> table_;
};

template <class T>
void roi_align_typed(const Launch& launch) noexcept {
  const auto& dims = launch.call->inputs[0].dims;
  if (launch.call->outputs[0].elements() == 0) return;
  const int64_t blocks = (dims[1] + block - 1) / block;
  const int64_t units = launch.call->inputs[1].dims[0] * blocks;
  base::parallel_for(launch.state->threads, units, [&](int64_t unit) {
    const int64_t region = unit / blocks, image = launch.input<int64_t>(2)[region];
    if (image < 0 || image >= dims[0]) return launch.fail("a region is of an image that is not");
    if (dims[2] == 0 || dims[3] == 0) return launch.fail("a region is of an empty image");
    Region<T> one(launch, region, image, unit % blocks * block);
    if (!one.is_countable()) return launch.fail("a region is too large, or no number");
    one.run();
  });
}

void roi_align_reference(const Launch& launch) noexcept {
  dispatch_floating(launch.call->inputs[0].dtype,
                    [&](auto tag) { roi_align_typed<typename decltype(tag)::type>(launch); });
}

/// One axis of a region of MaxRoiPool.
struct Span {
  int64_t start = 0, extent = 1;

  template <class C>
  Span(C from, C to, C scale) noexcept {
    constexpr C far{1e9};
    start = static_cast<int64_t>(std::clamp(std::round(from * scale), -far, far));
    const auto end = static_cast<int64_t>(std::clamp(std::round(to * scale), -far, far));
    extent = std::max<int64_t>(end - start + 1, 1);
  }
  /// The elements [first, last) of cell `i` of `cells`, of an axis of `in`.
  template <class C>
  std::pair<int64_t, int64_t> cell(int64_t i, int64_t cells, int64_t in, C) const noexcept {
    const C size = static_cast<C>(extent) / static_cast<C>(cells);
    const auto first = static_cast<int64_t>(std::floor(static_cast<C>(i) * size)) + start;
    const auto last = static_cast<int64_t>(std::ceil(static_cast<C>(i + 1) * size)) + start;
    return {std::clamp<int64_t>(first, 0, in), std::clamp<int64_t>(last, 0, in)};
  }
};

template <class T>
void max_roi_pool_typed(const Launch& launch) noexcept {
  using C = Compute<T>;
  const auto& op = launch.call->as<ir::MaxRoiPool>();
  const auto& dims = launch.call->inputs[0].dims;
  const C scale = static_cast<C>(op.scale);
  base::parallel_for(launch.state->threads, launch.call->inputs[1].dims[0], [&](int64_t region) {
    std::array<C, 5> numbers;
    for (size_t i = 0; i < 5; ++i) {
      numbers[i] = static_cast<C>(launch.input<T>(1)[region * 5 + static_cast<int64_t>(i)]);
      if (numbers[i] != numbers[i]) return launch.fail("a region is no number");
    }
    if (!(numbers[0] >= 0 && numbers[0] < static_cast<C>(dims[0])))
      return launch.fail("a region is of an image that is not");
    const auto image = static_cast<int64_t>(numbers[0]);
    const Span across(numbers[1], numbers[3], scale), down(numbers[2], numbers[4], scale);
    for (int64_t i = 0; i < dims[1] * op.height * op.width; ++i) {
      const int64_t channel = i / (op.height * op.width), at = i % (op.height * op.width);
      const auto [top, bottom] = down.cell(at / op.width, op.height, dims[2], C{});
      const auto [left, right] = across.cell(at % op.width, op.width, dims[3], C{});
      const T* const x = launch.input<T>(0) + (image * dims[1] + channel) * dims[2] * dims[3];
      bool any = false;
      C greatest = 0;
      for (int64_t row = top; row < bottom; ++row)
        for (int64_t column = left; column < right; ++column) {
          const C value = static_cast<C>(x[row * dims[3] + column]);
          greatest = any ? std::max(greatest, value) : value;
          any = true;
        }
      launch.output<T>(0)[region * dims[1] * op.height * op.width + i] = static_cast<T>(greatest);
    }
  });
}

void max_roi_pool_reference(const Launch& launch) noexcept {
  dispatch_floating(launch.call->inputs[0].dtype,
                    [&](auto tag) { max_roi_pool_typed<typename decltype(tag)::type>(launch); });
}

}  // namespace

template <>
Kernels kernels<ir::RoiAlign>() {
  static constexpr Kernel list[] = {
      {.name = "cpu.roi_align.reference", .reject = plain_only, .run = roi_align_reference},
  };
  return list;
}

template <>
Kernels kernels<ir::MaxRoiPool>() {
  static constexpr Kernel list[] = {
      {.name = "cpu.max_roi_pool.reference", .reject = plain_only, .run = max_roi_pool_reference},
  };
  return list;
}

}  // namespace tenon::cpu
