// A matrix product with its epilogue, made ready for a vector unit.
#pragma once

#include "cpu/matmul_geometry.h"
#include "cpu/vector/epilogue.h"

namespace tenon::cpu {

struct MatMulCall : MatMulGeometry {
  Epilogue epilogue;
  bool trails = false;  ///< the epilogue is more than bounds
};

}  // namespace tenon::cpu
