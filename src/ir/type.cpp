// Layouts and tensor types: their text forms, physical extents and sizes.
#include "ir/type.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace tenon::ir {
namespace {

constexpr size_t most_axes = 26;
constexpr size_t most_splits = 8;
constexpr int most_block = 4096;

// The upper-case letter of each axis.
std::string axis_letters(size_t rank) {
  if (rank == 3) return "NCW";
  if (rank == 4) return "NCHW";
  if (rank == 5) return "NCDHW";
  return std::string("ABCDEFGHIJKLMNOPQRSTUVWXYZ").substr(0, rank);
}

bool is_identity(const std::vector<int>& order) {
  for (size_t i = 0; i < order.size(); ++i) {
    if (order[i] != static_cast<int>(i)) return false;
  }
  return true;
}

char lower_case(char letter) { return static_cast<char>(letter - 'A' + 'a'); }

// Reads the digits at `at`; at most five, so that nothing overflows.
int read_block(std::string_view text, size_t& at) {
  int block = 0;
  for (size_t digits = 0; digits < 5 && at < text.size() && text[at] >= '0' && text[at] <= '9';
       ++digits) {
    block = block * 10 + (text[at++] - '0');
  }
  return block;
}

}  // namespace

bool Layout::fits(size_t rank) const {
  if (plain()) return true;
  if (rank > most_axes || splits.size() > most_splits) return false;
  std::vector<int> sorted = order;
  std::sort(sorted.begin(), sorted.end());
  if (!order.empty() && (order.size() != rank || !is_identity(sorted))) return false;
  return std::all_of(splits.begin(), splits.end(), [&](const Split& split) {
    return split.axis >= 0 && static_cast<size_t>(split.axis) < rank && split.block >= 1 &&
           split.block <= most_block;
  });
}

std::string Layout::text(size_t rank) const {
  if (plain()) return {};
  if (!fits(rank))
    base::fail(ErrorCode::build, "layout: it does not fit a tensor of rank {}", rank);
  const std::string letters = axis_letters(rank);
  std::string out;
  for (size_t i = 0; i < rank; ++i)
    out += letters[order.empty() ? i : static_cast<size_t>(order[i])];
  for (const Split& split : splits) {
    out += std::to_string(split.block);
    out += lower_case(letters[static_cast<size_t>(split.axis)]);
  }
  return out;
}

Layout Layout::parse(std::string_view text, size_t rank) {
  const auto fail = [&](std::string_view sentence) {
    base::fail(ErrorCode::bad_file, "layout {}: {} (rank {})", base::quoted(text), sentence, rank);
  };
  if (text.empty()) return {};
  if (rank > most_axes) fail("only tensors of up to 26 axes have named layouts");
  const std::string letters = axis_letters(rank);
  if (text.size() < rank) fail("an axis is missing");
  Layout layout;
  for (size_t i = 0; i < rank; ++i) {
    const size_t axis = letters.find(text[i]);
    if (axis == std::string::npos) fail("a letter names no axis");
    layout.order.push_back(static_cast<int>(axis));
  }
  for (size_t at = rank; at < text.size();) {
    const int block = read_block(text, at);
    if (block == 0 || at == text.size()) fail("a block is a number and an axis, as in 16c");
    const auto same = [&](char letter) { return lower_case(letter) == text[at]; };
    const auto axis = std::find_if(letters.begin(), letters.end(), same);
    if (axis == letters.end()) fail("a block names no axis");
    layout.splits.push_back({static_cast<int>(axis - letters.begin()), block});
    ++at;
  }
  if (!layout.fits(rank)) fail("an axis occurs twice, or a block is out of range");
  if (is_identity(layout.order)) layout.order.clear();
  return layout;
}

std::vector<int64_t> physical_dims(std::span<const int64_t> dims, const Layout& layout) {
  if (!layout.fits(dims.size())) {
    base::fail(ErrorCode::build, "layout: it does not fit a tensor of rank {}", dims.size());
  }
  std::vector<int64_t> out;
  for (size_t i = 0; i < dims.size(); ++i) {
    const size_t axis = layout.order.empty() ? i : static_cast<size_t>(layout.order[i]);
    // Several cuts of one axis are one cut by their product: ceil(ceil(d / a) / b) is ceil(d / (a *
    // b)).
    int64_t extent = dims[axis];
    for (const Layout::Split& split : layout.splits) {
      if (static_cast<size_t>(split.axis) == axis) {
        extent = extent / split.block + (extent % split.block != 0 ? 1 : 0);
      }
    }
    out.push_back(extent);
  }
  for (const Layout::Split& split : layout.splits) out.push_back(split.block);
  return out;
}

bool ValueType::is_static() const { return is_tensor() && dims && all_constant(*dims); }

ValueType ValueType::as(ValueKind other) const {
  ValueType type = *this;
  type.kind = other;
  return type;
}

size_t ValueType::bytes() const {
  if (!dims) base::fail(ErrorCode::build, "type {}: its size is not known", text());
  const int64_t count = element_count(physical_dims(shape(), layout));
  size_t bytes = 0;
  if (__builtin_mul_overflow(static_cast<size_t>(count), byte_count(dtype, 1), &bytes)) {
    base::fail(ErrorCode::build, "type {}: its size exceeds 64 bits", text());
  }
  return bytes;
}

std::string ValueType::text() const {
  std::string out(to_string(dtype));
  out += dims ? ir::text(*dims) : "[...]";
  const std::string order = dims ? layout.text(dims->size()) : "";
  if (!order.empty()) out += "{" + order + "}";
  switch (kind) {
    case ValueKind::sequence: return "seq(" + out + ")";
    case ValueKind::optional: return "optional(" + out + ")";
    case ValueKind::optional_sequence: return "optional(seq(" + out + "))";
    case ValueKind::maps: return "maps(" + out + ")";
    case ValueKind::tensor: break;
  }
  return out;
}

}  // namespace tenon::ir
