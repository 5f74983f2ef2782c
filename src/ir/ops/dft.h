// The discrete Fourier transform along one axis.
#pragma once

#include "ir/op.h"

namespace tenon::ir {

/// x [n, in, 1 or 2] -> [n, out, 2]: of `length` numbers, real or complex, those of x with zeros
/// behind or as many as are wanted, the transform (or its inverse, divided by the length). With
/// `onesided` the first length / 2 + 1; an inverse takes these, conjugates the rest, and gives real
/// numbers [n, length, 1].
struct Dft {
  Dims length;  ///< one
  bool inverse = false, onesided = false;

  static constexpr OpInfo info{.name = "dft"};
  static constexpr auto fields() {
    return std::tuple{Field{"length", &Dft::length}, Field{"inverse", &Dft::inverse},
                      Field{"onesided", &Dft::onesided}};
  }
  std::vector<Value> infer(Infer& in) const;
};

}  // namespace tenon::ir
