// Types, extents and weights of the interface, as Tenon's.
#pragma once

#include <optional>
#include <string>

#include "NvInferRuntime.h"
#include "tenon/network.h"

namespace tenon::trt {

/// Refuses types that Tenon does not have, naming `what`.
DType dtype_of(nvinfer1::DataType type, const std::string& what);
nvinfer1::DataType type_of(DType dtype);
const char* to_string(nvinfer1::DataType type);
const char* to_string(nvinfer1::WeightsRole role);
std::string to_string(const nvinfer1::Dims& dims);

nvinfer1::Dims unknown_dims();  // nbDims is -1
nvinfer1::Dims dims_of(const Shape& shape);
/// Of what Port and ValueInfo say; -1 for what is no number.
nvinfer1::Dims dims_of(const std::vector<std::string>& shape);
nvinfer1::Dims dims_of(const std::optional<std::vector<Extent>>& extents);
/// Refuses a rank outside 0 to 8, and extents under `least`.
Shape shape_of(const nvinfer1::Dims& dims, const std::string& what, int64_t least = 0);
bool is_static(const nvinfer1::Dims& dims);
bool equal(const nvinfer1::Dims& a, const nvinfer1::Dims& b);

inline size_t index(int64_t i) { return static_cast<size_t>(i); }

}  // namespace tenon::trt
