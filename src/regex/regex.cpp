// RE2 behind three C functions, as a library of its own: Debian's static RE2 cannot be part of a
// shared library, and most machines have no RE2 and need none.
#include <re2/re2.h>

#include <algorithm>
#include <cstring>

#define TENON_REGEX_API extern "C" __attribute__((visibility("default")))

/// Null for what is no pattern; `problem`, of `room` bytes, then holds RE2's sentence.
TENON_REGEX_API void* tenon_regex_make(const char* pattern, size_t length, char* problem,
                                       size_t room) {
  auto* made = new re2::RE2(re2::StringPiece(pattern, length), re2::RE2::Quiet);
  if (made->ok()) return made;
  const size_t kept = std::min(made->error().size(), room - 1);
  std::memcpy(problem, made->error().data(), kept);
  problem[kept] = '\0';
  delete made;
  return nullptr;
}

TENON_REGEX_API int tenon_regex_full_match(const void* regex, const char* text, size_t length) {
  return re2::RE2::FullMatch(re2::StringPiece(text, length), *static_cast<const re2::RE2*>(regex));
}

TENON_REGEX_API void tenon_regex_free(void* regex) { delete static_cast<re2::RE2*>(regex); }
