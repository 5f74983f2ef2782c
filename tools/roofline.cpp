// The roof: a slope of memory, and the flat of arithmetic (Williams, Waterman, Patterson 2009).
#include "roofline.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>

#include "tenon/build.h"
#include "tenon/context.h"

namespace tenon::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kTimes = 7;
constexpr int64_t kEdge = 1536;                // of the matrices of the product
constexpr size_t kCopied = size_t{256} << 20;  // beyond all caches
constexpr double kWidth = 900, kHeight = 560, kLeft = 80, kRight = 30, kTop = 50, kBottom = 60;

template <class F>
double least_seconds(const F& f) {
  f();
  double least = INFINITY;
  for (int i = 0; i < kTimes; ++i) {
    const auto start = Clock::now();
    f();
    least = std::min(least, std::chrono::duration<double>(Clock::now() - start).count());
  }
  return least;
}

double product_rate(const std::string& device, int threads) {
  Network network;
  const auto a = network.input("a", DType::f32, {kEdge, kEdge});
  Tensor b(DType::f32, {kEdge, kEdge}), x(DType::f32, {kEdge, kEdge}),
      y(DType::f32, {kEdge, kEdge});
  std::ranges::fill(b.as<float>(), 0.5F);
  std::ranges::fill(x.as<float>(), 0.25F);
  network.output("y", network.matmul(a, network.weight("b", b)));
  Context context(build(network, {.device = device, .threads = threads}));
  const double seconds = least_seconds([&] { context.run({{"a", x}}, {{"y", y}}); });
  return 2 * std::pow(static_cast<double>(kEdge), 3) / seconds;
}

double copy_rate() {
  std::vector<std::byte> from(kCopied), to(kCopied);
  const double seconds = least_seconds([&] { std::memcpy(to.data(), from.data(), to.size()); });
  return 2 * static_cast<double>(kCopied) / seconds;
}

/// A logarithmic axis from `least` to `most`, both powers of ten, over pixels `from` to `to`.
class Axis {
 public:
  Axis(double least, double most, double from, double to)
      : low_(std::floor(std::log10(least))),
        high_(std::max(std::ceil(std::log10(most)), low_ + 1)),
        from_(from),
        to_(to) {}
  double at(double value) const {
    const double part = (std::log10(std::max(value, 1e-300)) - low_) / (high_ - low_);
    return from_ + std::clamp(part, 0.0, 1.0) * (to_ - from_);
  }
  double least() const { return std::pow(10, low_); }
  double most() const { return std::pow(10, high_); }

 private:
  double low_, high_, from_, to_;
};

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '<')
      out += "&lt;";
    else if (c == '&')
      out += "&amp;";
    else if (static_cast<unsigned char>(c) >= 0x20)
      out += c;
  }
  return out;
}

std::string label(double x, double y, std::string_view anchor, std::string_view text) {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}</text>\n", x, y, anchor,
                     escaped(text));
}

std::string line(double x1, double y1, double x2, double y2, std::string_view style) {
  return fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" {}/>\n", x1, y1,
                     x2, y2, style);
}

std::string grid(const Axis& x, const Axis& y) {
  constexpr std::string_view thin = "stroke=\"#dddddd\"";
  std::string out;
  for (double at = x.least(); at <= x.most() * 1.01; at *= 10) {
    out += line(x.at(at), kTop, x.at(at), kHeight - kBottom, thin);
    out += label(x.at(at), kHeight - kBottom + 18, "middle", fmt::format("{:g}", at));
  }
  for (double at = y.least(); at <= y.most() * 1.01; at *= 10) {
    out += line(kLeft, y.at(at), kWidth - kRight, y.at(at), thin);
    out += label(kLeft - 8, y.at(at) + 4, "end", fmt::format("{:g}", at / 1e9));
  }
  out += label((kLeft + kWidth) / 2, kHeight - 16, "middle", "operations a byte");
  out += label(kLeft - 8, kTop - 12, "end", "GF/s");
  return out;
}

}  // namespace

Peaks measure_peaks(const std::string& device, int threads) {
  const bool host = !device.starts_with("cuda");  // the copy is of the host's memory
  return {product_rate(device, threads), host ? copy_rate() : INFINITY};
}

double share_of_peak(const RooflinePoint& point, const Peaks& peaks) {
  if (point.seconds <= 0) return 0;
  const double needed = std::max(point.operations / peaks.operations, point.bytes / peaks.bytes);
  return needed / point.seconds;
}

std::string roofline_svg(std::string_view title, const std::vector<RooflinePoint>& points,
                         const Peaks& peaks) {
  const double ridge = peaks.operations / peaks.bytes;
  double low_x = ridge / 10, high_x = ridge * 10, low_y = peaks.operations / 100, longest = 0;
  for (const RooflinePoint& point : points) {
    if (point.operations <= 0 || point.intensity() <= 0) continue;
    low_x = std::min(low_x, point.intensity());
    high_x = std::max(high_x, point.intensity());
    low_y = std::min(low_y, point.rate());
    longest = std::max(longest, point.seconds);
  }
  const Axis x(low_x, high_x, kLeft, kWidth - kRight);
  const Axis y(low_y, peaks.operations, kHeight - kBottom, kTop);
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} "
      "{1}\" "
      "font-family=\"sans-serif\" font-size=\"12\">\n"
      "<rect width=\"{0}\" height=\"{1}\" fill=\"white\"/>\n",
      kWidth, kHeight);
  out += label(kLeft, 20, "start", title) + grid(x, y);
  constexpr std::string_view roof = "stroke=\"#333333\" stroke-width=\"2\"";
  const double first = std::max(x.least(), y.least() / peaks.bytes);
  out += line(x.at(first), y.at(first * peaks.bytes), x.at(ridge), y.at(peaks.operations), roof);
  out += line(x.at(ridge), y.at(peaks.operations), kWidth - kRight, y.at(peaks.operations), roof);
  for (const RooflinePoint& point : points) {
    if (point.operations <= 0 || point.intensity() <= 0) continue;
    const double radius = 3 + 12 * std::sqrt(point.seconds / longest);
    out += fmt::format(
        "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{:.1f}\" fill=\"#2a6fb0\" fill-opacity=\"0.45\">"
        "<title>{}: {:.1f} us, {:.1f} GF/s, {:.2g} operations a byte</title></circle>\n",
        x.at(point.intensity()), y.at(point.rate()), radius, escaped(point.name),
        point.seconds * 1e6, point.rate() / 1e9, point.intensity());
  }
  return out + "</svg>\n";
}

}  // namespace tenon::cli
