// Fuzzes the reader of kept timings: any file is as good as none, line by line, and what is saved
// beside it is read again.
#include "lower/tactic_cache.h"

#include <cstdlib>

#include "fuzz_folder.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const tenon::fuzz::Folder folder;
  folder.write("tactics.txt", data, size);
  tenon::lower::TacticCache cache(folder.path());
  // Saving fsyncs, which would leave little time for reading.
  if (size % 64 != 0) return 0;
  cache.store(1, 0.25);
  cache.save();
  if (tenon::lower::TacticCache(folder.path()).find(1) != 0.25) std::abort();
  return 0;
}
