// How many threads one caller's work may take.
#pragma once

#include "tenon/export.h"

namespace tenon {

/// While it lives, what this thread asks of a CPU (builds, loads, refits, runs) takes at most
/// `threads` threads, this one among them, whatever else says more. Results do not depend on it.
/// Limits nest: the inner one holds. Throws InputError for less than 1.
class ThreadLimit {
 public:
  TENON_API explicit ThreadLimit(int threads);
  TENON_API ~ThreadLimit();
  ThreadLimit(const ThreadLimit&) = delete;
  ThreadLimit& operator=(const ThreadLimit&) = delete;

 private:
  int outer_;
};

}  // namespace tenon
