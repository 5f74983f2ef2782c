// The safetensors format: an 8-byte header length, a JSON header, the tensors without gaps.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/file_writer.h"
#include "weights/source.h"

namespace tenon::weights {

/// Everything a safetensors file says, checked: lengths, overlaps, gaps, dtypes, UTF-8, duplicate
/// names.
struct Safetensors {
  std::map<std::string, TensorSource> tensors;
  std::map<std::string, std::string> metadata;
  std::map<std::string, std::string> unreadable;  ///< tensors of a dtype that Tenon lacks: which
};

/// Reads the header (at most 512 MiB of it); throws bad_file naming the source and what is wrong
/// with it.
Safetensors read_safetensors(std::shared_ptr<const base::ByteSource> bytes);

/// Each name is read from the shard that the index names. Shards outside its folder (.., absolute,
/// through linked folders) are refused.
WeightFile read_shards(const std::filesystem::path& index);
/// The checkpoint of a folder: its index of shards, or its one safetensors file. Throws bad_file or
/// unsupported, saying what is there.
std::filesystem::path checkpoint_in(const std::filesystem::path& folder);

/// One tensor to be written. Names are unique; `dtype` and `shape` are what the header says.
struct OutTensor {
  std::string name;
  TensorSource source;
};

/// Writes a file of `tensors`, in falling element size (then in the order given), with `metadata`;
/// sources are read in chunks and their identity is checked before and after. Calls
/// `writer.commit()`. Throws cancelled, up to that call.
void write_safetensors(base::FileWriter& writer, std::span<const OutTensor> tensors,
                       const std::map<std::string, std::string>& metadata,
                       const base::Watch& watch = {});

}  // namespace tenon::weights
