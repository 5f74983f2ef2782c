// The lines of a tensor along one axis, as softmax and normalisation walk them.
#pragma once

#include "cpu/kernel_parts.h"
#include "cpu/walk.h"

namespace tenon::cpu {

/// Lines of operand 0 and of the result.
struct Lines {
  Walk firsts;  ///< their first elements: of x, of the result
  int64_t length = 0;
  int64_t x_step = 0, y_step = 0;  ///< from one element of a line to the next
};

/// `axis` may count from the end.
Lines make_lines(const Call& call, int64_t axis);

/// Calls f(x, y) for every line, at about `cost` elementary steps an element: where it begins in x
/// and in the result.
template <class F>
void for_lines(const Launch& launch, const Lines& lines, int64_t cost, const F& f) noexcept {
  if (lines.length == 0) return;
  const Walk& firsts = lines.firsts;
  const int64_t row = firsts.row_length();
  parallel_ranges(launch, firsts.rows() * row, grain_of(lines.length * cost),
                  [&](int64_t begin, int64_t end) {
                    for (int64_t i = begin; i < end;) {
                      const int64_t count = std::min(end - i, row - i % row);
                      firsts.for_rows(i / row, i / row + 1, [&](const int64_t* first) {
                        for (int64_t j = i % row; j < i % row + count; ++j)
                          f(first[0] + j * firsts.step(0), first[1] + j * firsts.step(1));
                      });
                      i += count;
                    }
                  });
}

}  // namespace tenon::cpu
