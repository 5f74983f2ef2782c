// The machine that a program is lowered for.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tenon::kernel {

/// What the choice of kernels may depend on. Two equal targets take the same record of choices.
struct Target {
  std::string backend;       ///< "cpu", "far"
  std::string architecture;  ///< "x86_64"
  /// Vector units from best to least, such as "avx3", "avx2"; empty: reference only.
  std::vector<std::string> features;
  int threads = 1;    ///< a note, not part of the key
  std::string model;  ///< whose timings these are ("AMD EPYC 9B14"); not part of the key

  bool has(std::string_view feature) const;
  /// "cpu/x86_64/avx3+avx2": the key of a record.
  std::string key() const;
  /// Whether a text can be some target's key.
  static bool is_key(std::string_view text);
};

}  // namespace tenon::kernel
