// What a machine reaches at most, and a picture of what steps reach of it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tenon::cli {

/// Rates of the machine, measured.
struct Peaks {
  double operations = 0;  ///< a second: a large product of f32, as the library runs it
  double bytes =
      0;  ///< a second: read and written by a copy that fits in no cache; infinite on a GPU
};
Peaks measure_peaks(const std::string& device, int threads);

/// A step: where it stands in the picture.
struct RooflinePoint {
  std::string name;
  double seconds = 0, operations = 0, bytes = 0;

  double intensity() const { return bytes > 0 ? operations / bytes : 0; }
  double rate() const { return seconds > 0 ? operations / seconds : 0; }
};

/// The share of what the machine could do of these operations over these bytes, 0 to about 1.
double share_of_peak(const RooflinePoint& point, const Peaks& peaks);

/// An SVG: operations a byte against operations a second, both logarithmic, under the roof; discs
/// as large as the steps' time. Steps that compute nothing are left out.
std::string roofline_svg(std::string_view title, const std::vector<RooflinePoint>& points,
                         const Peaks& peaks);

}  // namespace tenon::cli
