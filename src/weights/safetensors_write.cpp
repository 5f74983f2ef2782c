// Writing a safetensors file: tensors in falling element size, so that each is aligned to its
// element without gaps.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/text.h"
#include "weights/safetensors.h"
#include "weights/safetensors_dtype.h"

namespace tenon::weights {

namespace {

constexpr uint64_t kChunk = uint64_t{1} << 20;

std::string json_string(const std::string& text) {
  if (!base::is_utf8(text)) {
    base::fail(ErrorCode::invalid_input, "the name or text {} is not UTF-8; safetensors needs that",
               base::quoted(text));
  }
  return nlohmann::json(text).dump();
}

std::vector<const OutTensor*> in_file_order(std::span<const OutTensor> tensors) {
  std::vector<const OutTensor*> order;
  std::set<std::string_view> names = {"__metadata__"};
  for (const OutTensor& tensor : tensors) {
    if (!names.insert(tensor.name).second) {
      base::fail(ErrorCode::invalid_input,
                 "the name {} is taken or reserved; give each tensor its own",
                 base::quoted(tensor.name));
    }
    order.push_back(&tensor);
  }
  std::stable_sort(order.begin(), order.end(), [](const OutTensor* a, const OutTensor* b) {
    return byte_count(a->source.dtype, 1) > byte_count(b->source.dtype, 1);
  });
  return order;
}

std::string metadata_entry(const std::map<std::string, std::string>& metadata) {
  std::vector<std::string> parts;
  for (const auto& [key, value] : metadata)
    parts.push_back(json_string(key) + ":" + json_string(value));
  return fmt::format("\"__metadata__\":{{{}}}", base::join(parts, ","));
}

std::string tensor_entry(const OutTensor& tensor, uint64_t offset) {
  std::vector<std::string> extents;
  for (const int64_t extent : tensor.source.shape) extents.push_back(std::to_string(extent));
  return fmt::format("{}:{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}}",
                     json_string(tensor.name), safetensors_name(tensor.source.dtype),
                     base::join(extents, ","), offset, offset + tensor.source.size());
}

std::string header_of(const std::vector<const OutTensor*>& order,
                      const std::map<std::string, std::string>& metadata) {
  std::vector<std::string> parts;
  if (!metadata.empty()) parts.push_back(metadata_entry(metadata));
  uint64_t offset = 0;
  for (const OutTensor* tensor : order) {
    parts.push_back(tensor_entry(*tensor, offset));
    offset += tensor->source.size();
  }
  std::string header = fmt::format("{{{}}}", base::join(parts, ","));
  header.resize((header.size() + 7) / 8 * 8, ' ');
  return header;
}

void check_unchanged(const std::vector<const OutTensor*>& order) {
  std::set<const base::ByteSource*> sources;
  for (const OutTensor* tensor : order) sources.insert(tensor->source.bytes.get());
  for (const base::ByteSource* source : sources) source->check_unchanged();
}

// `before` of the `total` bytes are written already.
void write_tensor(base::FileWriter& writer, const TensorSource& source,
                  std::vector<std::byte>& buffer, const base::Watch& watch, uint64_t before,
                  uint64_t total) {
  const uint64_t size = source.size();
  const std::byte* memory = source.bytes->memory();
  for (uint64_t done = 0; done < size; done += kChunk) {
    watch.step("writing", before + done, total);
    const uint64_t some = std::min(kChunk, size - done);
    if (memory) {
      writer.write({memory + source.offset + done, some});
      continue;
    }
    const std::span<std::byte> chunk = std::span(buffer).first(some);
    source.bytes->read(source.offset + done, chunk);
    writer.write(chunk);
  }
}

}  // namespace

void write_safetensors(base::FileWriter& writer, std::span<const OutTensor> tensors,
                       const std::map<std::string, std::string>& metadata,
                       const base::Watch& watch) {
  const std::vector<const OutTensor*> order = in_file_order(tensors);
  const std::string header = header_of(order, metadata);
  const uint64_t length = header.size();
  check_unchanged(order);
  writer.write(std::as_bytes(std::span(&length, 1)));
  writer.write(std::as_bytes(std::span(header)));
  std::vector<std::byte> buffer(kChunk);
  uint64_t total = 0, written = 0;
  for (const OutTensor* tensor : order) total += tensor->source.size();
  for (const OutTensor* tensor : order) {
    write_tensor(writer, tensor->source, buffer, watch, written, total);
    written += tensor->source.size();
  }
  check_unchanged(order);
  watch.step("writing", written, total);
  writer.commit();
}

}  // namespace tenon::weights
