// From the end record to the central directory to the entries' own headers.
#include "weights/zip.h"

#include <zlib.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/text.h"

namespace tenon::weights {

namespace {

using base::ByteReader;

constexpr uint32_t kLocalHeader = 0x04034b50;
constexpr uint32_t kCentralHeader = 0x02014b50;
constexpr uint32_t kEnd = 0x06054b50;
constexpr uint32_t kEnd64 = 0x06064b50;
constexpr uint32_t kEnd64Locator = 0x07064b50;
constexpr uint64_t kEndSize = 22;
constexpr uint64_t kLocatorSize = 20;
constexpr uint64_t kEnd64Size = 56;
constexpr uint64_t kLocalSize = 30;
constexpr uint64_t kCentralSize = 46;
constexpr uint16_t kZip64Extra = 1;
constexpr uint64_t kIn64 = 0xffffffff;  // the true value stands in the zip64 record

[[noreturn]] void refuse(const base::ByteSource& archive, const std::string& fact) {
  base::fail(ErrorCode::bad_file, "{}: is not a well-formed zip archive, or truncated: {}",
             archive.name(), fact);
}

/// Where the directory is.
struct Directory {
  uint64_t offset = 0, size = 0, entries = 0;
};

// The end record is last but for a comment of at most 65535 bytes.
uint64_t find_end(const base::ByteSource& archive, std::vector<std::byte>& tail) {
  const uint64_t count = std::min<uint64_t>(archive.size(), kEndSize + 0xffff);
  tail = base::read_range(archive, archive.size() - count, count);
  for (uint64_t at = count; at-- > 0;) {
    if (count - at < kEndSize || base::load<uint32_t>(&tail[at]) != kEnd) continue;
    if (base::load<uint16_t>(&tail[at + 20]) == count - at - kEndSize) return at;
  }
  refuse(archive, "it has no end record");
}

Directory read_end64(const base::ByteSource& archive, uint64_t end) {
  const std::vector<std::byte> locator =
      base::read_range(archive, end - kLocatorSize, kLocatorSize);
  const std::vector<std::byte> bytes =
      base::read_range(archive, base::load<uint64_t>(&locator[8]), kEnd64Size);
  if (base::load<uint32_t>(bytes.data()) != kEnd64)
    refuse(archive, "its zip64 end record is not there");
  ByteReader reader(bytes, "zip64 end record");
  reader.skip(32);
  const auto entries = reader.read<uint64_t>();
  const auto size = reader.read<uint64_t>();
  return {.offset = reader.read<uint64_t>(), .size = size, .entries = entries};
}

Directory find_directory(const base::ByteSource& archive) {
  std::vector<std::byte> tail;
  const uint64_t at = find_end(archive, tail);
  const uint64_t end = archive.size() - tail.size() + at;
  if (end >= kLocatorSize) {
    const auto magic = base::read_range(archive, end - kLocatorSize, sizeof(uint32_t));
    if (base::load<uint32_t>(magic.data()) == kEnd64Locator) return read_end64(archive, end);
  }
  ByteReader reader(base::Bytes(tail).subspan(at), "zip end record");
  reader.skip(4);
  if (reader.read<uint16_t>() != 0) refuse(archive, "it is one of several disks");
  reader.skip(4);
  const uint64_t entries = reader.read<uint16_t>();
  const uint64_t size = reader.read<uint32_t>();
  return {.offset = reader.read<uint32_t>(), .size = size, .entries = entries};
}

// The zip64 extra field holds, in this order, those of the values that did not fit their places.
void read_zip64(base::Bytes extra, ZipEntry& entry) {
  ByteReader fields(extra, entry.name);
  while (fields.remaining() >= 4) {
    const auto id = fields.read<uint16_t>();
    const auto length = fields.read<uint16_t>();
    const base::Bytes body = fields.take(length);
    if (id != kZip64Extra) continue;
    ByteReader values(body, entry.name);
    for (uint64_t* value : {&entry.size, &entry.compressed, &entry.offset}) {
      if (*value == kIn64) *value = values.read<uint64_t>();
    }
  }
}

// A central header; `offset` is as yet that of the local header.
ZipEntry read_central(const base::ByteSource& archive, ByteReader& reader) {
  const base::Bytes fixed = reader.take(kCentralSize);
  if (base::load<uint32_t>(fixed.data()) != kCentralHeader)
    refuse(archive, "an entry of its directory is broken");
  const auto flags = base::load<uint16_t>(&fixed[8]);
  const auto method = base::load<uint16_t>(&fixed[10]);
  ZipEntry entry{.offset = base::load<uint32_t>(&fixed[42]),
                 .compressed = base::load<uint32_t>(&fixed[20]),
                 .size = base::load<uint32_t>(&fixed[24]),
                 .crc = base::load<uint32_t>(&fixed[16]),
                 .deflated = method == 8};
  const base::Bytes name = reader.take(base::load<uint16_t>(&fixed[28]));
  entry.name.assign(reinterpret_cast<const char*>(name.data()), name.size());
  read_zip64(reader.take(base::load<uint16_t>(&fixed[30])), entry);
  reader.skip(base::load<uint16_t>(&fixed[32]));
  if (!base::is_utf8(entry.name)) refuse(archive, "a name in it is not UTF-8");
  if ((flags & 1) != 0 || (method != 0 && method != 8)) {
    base::fail(ErrorCode::unsupported,
               "{}: {} is encrypted or compressed by method {}; store or deflate it",
               archive.name(), base::quoted(entry.name), method);
  }
  return entry;
}

// Passes over the local header, whose name and extra fields may be of other lengths than the
// directory's.
void find_bytes(const base::ByteSource& archive, const Directory& directory, ZipEntry& entry) {
  const std::vector<std::byte> local = base::read_range(archive, entry.offset, kLocalSize);
  if (base::load<uint32_t>(local.data()) != kLocalHeader) {
    refuse(archive, fmt::format("{} has no header", base::quoted(entry.name)));
  }
  entry.offset += kLocalSize + base::load<uint16_t>(&local[26]) + base::load<uint16_t>(&local[28]);
  if (entry.offset > directory.offset || entry.compressed > directory.offset - entry.offset) {
    refuse(archive, fmt::format("{} reaches into its directory", base::quoted(entry.name)));
  }
  // Deflate enlarges by 1032 at most (zlib's documentation): a size beyond that is a lie, found
  // before allocating.
  const bool possible =
      entry.deflated ? entry.size / 1032 <= entry.compressed : entry.size == entry.compressed;
  if (!possible)
    refuse(archive, fmt::format("{} has an impossible size", base::quoted(entry.name)));
}

// Entries that share bytes make archives that unpack to far more than zlib's bound.
void check_apart(const base::ByteSource& archive, std::vector<const ZipEntry*> entries) {
  std::sort(entries.begin(), entries.end(),
            [](const ZipEntry* a, const ZipEntry* b) { return a->offset < b->offset; });
  for (size_t i = 1; i < entries.size(); ++i) {
    if (entries[i - 1]->offset + entries[i - 1]->compressed <= entries[i]->offset) continue;
    refuse(archive, fmt::format("{} and {} overlap", base::quoted(entries[i - 1]->name),
                                base::quoted(entries[i]->name)));
  }
}

}  // namespace

std::vector<ZipEntry> read_zip_directory(const base::ByteSource& archive) {
  const Directory directory = find_directory(archive);
  const std::vector<std::byte> bytes = base::read_range(archive, directory.offset, directory.size);
  if (directory.entries > bytes.size() / kCentralSize)
    refuse(archive, "its directory is too short");
  const std::string who = archive.name() + ": its zip directory";
  ByteReader reader(bytes, who);
  std::vector<ZipEntry> entries;
  std::set<std::string> names;
  for (uint64_t i = 0; i < directory.entries; ++i) {
    entries.push_back(read_central(archive, reader));
    find_bytes(archive, directory, entries.back());
    if (!names.insert(entries.back().name).second) {
      refuse(archive, fmt::format("it has {} twice", base::quoted(entries.back().name)));
    }
  }
  std::vector<const ZipEntry*> pointers;
  for (const ZipEntry& entry : entries) pointers.push_back(&entry);
  check_apart(archive, std::move(pointers));
  return entries;
}

struct EntryReader::State {
  State(const base::ByteSource& from, const ZipEntry& which) : archive(from), entry(which) {
    if (::inflateInit2(&stream, -MAX_WBITS) != Z_OK) throw std::bad_alloc();
  }
  ~State() { ::inflateEnd(&stream); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  [[noreturn]] void damaged() const {
    refuse(archive, fmt::format("{} is damaged", base::quoted(entry.name)));
  }

  void feed() {
    constexpr uint64_t kChunk = uint64_t{256} << 10;
    chunk.resize(std::min(kChunk, entry.compressed - fed));
    archive.read(entry.offset + fed, chunk);
    fed += chunk.size();
    stream.next_in = reinterpret_cast<Bytef*>(chunk.data());
    stream.avail_in = static_cast<uInt>(chunk.size());
  }

  // Inflates what fits; zlib counts in 32 bits, so `out` goes in pieces. Returns how much came: 0
  // at the stream's end, or when it is cut.
  size_t inflate(std::span<std::byte> out) {
    constexpr size_t kMost = size_t{1} << 30;
    const auto room = static_cast<uInt>(std::min(out.size(), kMost));
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = room;
    while (!ended && stream.avail_out == room) {
      if (stream.avail_in == 0 && fed < entry.compressed) feed();
      const int status = ::inflate(&stream, Z_NO_FLUSH);
      ended = status == Z_STREAM_END;
      if (status == Z_BUF_ERROR) break;  // no input is left
      if (status != Z_OK && !ended) damaged();
    }
    return room - stream.avail_out;
  }

  const base::ByteSource& archive;
  const ZipEntry& entry;
  z_stream stream{};
  std::vector<std::byte> chunk;
  uint64_t fed = 0;
  uLong crc = 0;
  bool ended = false;
};

EntryReader::EntryReader(const base::ByteSource& archive, const ZipEntry& entry)
    : state_(std::make_unique<State>(archive, entry)) {}
EntryReader::~EntryReader() = default;

void EntryReader::read(std::span<std::byte> out) {
  while (!out.empty()) {
    const size_t count = state_->inflate(out);
    if (count == 0) state_->damaged();
    state_->crc = ::crc32_z(state_->crc, reinterpret_cast<const Bytef*>(out.data()), count);
    out = out.subspan(count);
  }
}

// The stream's end may still have to be read, and a longer stream shows by a byte more.
void EntryReader::finish() {
  std::byte more{};
  const bool longer = state_->inflate({&more, 1}) != 0;
  if (longer || !state_->ended || state_->crc != state_->entry.crc) state_->damaged();
}

}  // namespace tenon::weights
