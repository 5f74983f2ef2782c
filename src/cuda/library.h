// Shared libraries of the system, opened at run time; none is linked.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace tenon::cuda {

/// One shared library and the name by which messages call it.
class Library {
 public:
  /// Sought in the process (where it has `symbol`), then as the system seeks `files`, then in the
  /// folders of TENON_CUDA_PATH, of /usr/local/cuda and of Python packages of the maker
  /// (nvidia/*/lib). Throws unavailable where it is nowhere.
  Library(std::string_view name, const char* symbol, std::span<const char* const> files);

  /// Throws unavailable where the library is too old to have it.
  void* symbol(const char* name) const;

 private:
  std::string name_;
  void* handle_ = nullptr;
};

}  // namespace tenon::cuda
