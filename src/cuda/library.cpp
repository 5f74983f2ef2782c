// Where a library may lie.
#include "cuda/library.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <vector>

#include "base/error.h"

namespace tenon::cuda {

namespace fs = std::filesystem;

namespace {

// The folders <folder>/nvidia/*/lib.
void add_packages(const fs::path& folder, std::vector<fs::path>& folders) {
  std::error_code ignored;
  for (const auto& package : fs::directory_iterator(folder / "nvidia", ignored)) {
    if (fs::is_directory(package.path() / "lib", ignored))
      folders.push_back(package.path() / "lib");
  }
}

// The package folders of a Python that is installed under `prefix`.
void add_python(const fs::path& prefix, std::vector<fs::path>& folders) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(prefix / "lib", ignored)) {
    if (!entry.path().filename().native().starts_with("python3")) continue;
    for (const char* packages : {"site-packages", "dist-packages"})
      add_packages(entry.path() / packages, folders);
  }
}

std::vector<fs::path> library_folders() {
  std::vector<fs::path> folders;
  if (const char* given = std::getenv("TENON_CUDA_PATH")) {
    std::istringstream parts(given);
    for (std::string part; std::getline(parts, part, ':');) folders.emplace_back(part);
  }
  // Beside us, where we are a Python package ourselves.
  Dl_info own;
  if (::dladdr(reinterpret_cast<const void*>(&library_folders), &own) != 0 && own.dli_fname) {
    std::error_code ignored;
    for (fs::path at = fs::absolute(own.dli_fname, ignored); at.has_relative_path();
         at = at.parent_path()) {
      if (at.filename() == "site-packages") add_packages(at, folders);
    }
  }
  if (const char* environment = std::getenv("VIRTUAL_ENV")) add_python(environment, folders);
  if (const char* environment = std::getenv("CONDA_PREFIX")) add_python(environment, folders);
  for (const char* prefix : {"/usr/local", "/usr"}) add_python(prefix, folders);
  folders.emplace_back("/usr/local/cuda/lib64");
  return folders;
}

void* open_in(const fs::path& folder, std::span<const char* const> files) {
  for (const char* file : files) {
    const fs::path path = folder / file;
    std::error_code ignored;
    if (!folder.empty() && !fs::exists(path, ignored)) continue;
    if (void* handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) return handle;
  }
  return nullptr;
}

}  // namespace

Library::Library(std::string_view name, const char* symbol, std::span<const char* const> files)
    : name_(name) {
  if (::dlsym(RTLD_DEFAULT, symbol)) return;  // a null handle is the process itself
  handle_ = open_in({}, files);
  if (handle_) return;
  for (const fs::path& folder : library_folders()) {
    handle_ = open_in(folder, files);
    if (handle_) return;
  }
  base::fail(ErrorCode::unavailable,
             "{} ({}) is not on this machine; install it, or name its folder in TENON_CUDA_PATH",
             name_, files[0]);
}

void* Library::symbol(const char* name) const {
  if (void* found = ::dlsym(handle_ ? handle_ : RTLD_DEFAULT, name)) return found;
  base::fail(ErrorCode::unavailable, "{} is too old: it has no {}; update it", name_, name);
}

}  // namespace tenon::cuda
