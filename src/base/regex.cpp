// RE2 is opened when the first pattern comes, from the folder that this code lies in.
#include "base/regex.h"

#include <dlfcn.h>

#include <filesystem>

#include "base/error.h"

namespace tenon::base {
namespace {

struct Library {
  void* (*make)(const char*, size_t, char*, size_t) = nullptr;
  int (*full_match)(const void*, const char*, size_t) = nullptr;
  void (*release)(void*) = nullptr;
  std::string problem;
};

Library open_library() {
  Library library;
  constexpr const char* name = "libtenon_regex.so";
  Dl_info here{};
  dladdr(reinterpret_cast<const void*>(&open_library), &here);
  const std::filesystem::path folder = std::filesystem::path(here.dli_fname).parent_path();
  void* handle = dlopen((folder / name).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) library.problem = dlerror();
  if (!handle) handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
  if (!handle) return library;
  library.make = reinterpret_cast<decltype(library.make)>(dlsym(handle, "tenon_regex_make"));
  library.full_match =
      reinterpret_cast<decltype(library.full_match)>(dlsym(handle, "tenon_regex_full_match"));
  library.release = reinterpret_cast<decltype(library.release)>(dlsym(handle, "tenon_regex_free"));
  return library;
}

const Library& library() {
  static const Library opened = open_library();
  return opened;
}

}  // namespace

Regex::Regex(const std::string& pattern) {
  if (!library().make)
    fail(ErrorCode::unavailable,
         "a regular expression needs RE2: {}; install it (Debian: libre2-9)", library().problem);
  char problem[256] = "";
  made_ =
      std::shared_ptr<void>(library().make(pattern.data(), pattern.size(), problem, sizeof problem),
                            [](void* made) { made ? library().release(made) : void(); });
  problem_ = problem;
}

bool Regex::matches_whole(std::string_view text) const noexcept {
  return library().full_match(made_.get(), text.data(), text.size()) != 0;
}

}  // namespace tenon::base
