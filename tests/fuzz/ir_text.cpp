// Fuzzes the text form: a text is refused with an Error, or it is a graph that prints, parses and
// prints the same.
#include <cstdlib>
#include <string_view>

#include "ir/text.h"
#include "ir/verify.h"
#include "tenon/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tenon;
  ir::Graph graph;
  try {
    graph = ir::parse({reinterpret_cast<const char*>(data), size});
  } catch (const Error&) {
    return 0;
  }
  ir::verify(graph);
  const std::string printed = ir::print(graph);
  if (ir::print(ir::parse(printed)) != printed) std::abort();
  return 0;
}
