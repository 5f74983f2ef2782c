// What can be told of a source's bytes without reading them.
#pragma once

#include <cstdint>

#include "base/byte_source.h"

namespace tenon::base {

enum class Change {
  none,
  status,  ///< a rewrite whose times were set back, or a new name, mode or link: the bytes tell
  bytes,   ///< written to
};

/// A source that can tell, beside check_unchanged().
class Observed {
 public:
  virtual ~Observed() = default;
  /// What has happened since it was opened.
  virtual Change change() const = 0;
  /// Another whenever change() may have become another.
  virtual uint64_t stamp() const = 0;
};

/// Of memory, and of what tells nothing: none, 0.
Change change_of(const ByteSource& source);
uint64_t stamp_of(const ByteSource& source);

}  // namespace tenon::base
