// A caller's own limit, for the pool.
#include "tenon/thread_limit.h"

#include "base/error.h"
#include "base/thread_limit.h"

namespace tenon {

ThreadLimit::ThreadLimit(int threads) {
  if (threads < 1)
    base::fail(ErrorCode::invalid_input, "a limit of {} threads; 1 is the least", threads);
  outer_ = base::limit_threads(threads);
}

ThreadLimit::~ThreadLimit() { base::limit_threads(outer_); }

}  // namespace tenon
