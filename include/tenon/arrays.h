// Named arrays in files: what weights, inputs and outputs are kept in.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tenon/tensor.h"

namespace tenon {

/// What a file says of one array.
struct ArrayInfo {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;
};

/// What a file is for.
enum class FileKind {
  plan,    ///< Engine::load takes it
  onnx,    ///< load_onnx takes it
  arrays,  ///< safetensors, npz, or a folder of shards
};

/// By its first bytes; the name decides only where they say nothing. Throws io.
TENON_API FileKind file_kind(const std::filesystem::path& path);

/// All arrays of a .npz, a .safetensors (plans too), the initializers of an ONNX model, or a folder
/// of safetensors shards, in memory of their own. Throws bad_file, io, unsupported, naming the
/// file.
TENON_API std::map<std::string, Tensor> read_arrays(const std::filesystem::path& path);

/// The same without reading the arrays (deflated ones of an .npz are read), sorted by name.
TENON_API std::vector<ArrayInfo> list_arrays(const std::filesystem::path& path);

/// The array of a .npy, which has no name.
TENON_API Tensor read_npy(const std::filesystem::path& path);

/// "xxh3:…" of the bytes, as Engine::digest gives it of a weight.
TENON_API std::string digest(const TensorView& array);

/// Writes a stored .npz beside the target and renames it: an error leaves the old file. NumPy has
/// no bf16: unsupported.
TENON_API void write_npz(const std::filesystem::path& path,
                         const std::map<std::string, Tensor>& arrays);

/// The same as a .safetensors, which has every dtype.
TENON_API void write_safetensors(const std::filesystem::path& path,
                                 const std::map<std::string, Tensor>& arrays);

}  // namespace tenon
