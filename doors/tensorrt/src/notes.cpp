// What a plan keeps for the door: names, flags, profiles, and where weights stand in the layers.
#include <charconv>

#include "engine.h"

namespace tenon::trt {
namespace {

using Notes = std::map<std::string, std::string>;

constexpr const char* kName = "tensorrt.name";
constexpr const char* kFlags = "tensorrt.flags";
constexpr const char* kPlace = "tensorrt.place.";
constexpr const char* kProfile = "tensorrt.profile.";
constexpr std::string_view kAlias = "tensorrt.alias.";
constexpr const char* kBatch = "tensorrt.batch";

std::string padded(size_t number) {
  std::string text = std::to_string(number);
  return std::string(8 - std::min<size_t>(text.size(), 8), '0') + text;
}

std::string text_of(const Dims& dims) {
  std::string text;
  for (int32_t i = 0; i < dims.nbDims; ++i) text += (i > 0 ? "," : "") + std::to_string(dims.d[i]);
  return text;
}

// Numbers with one sign between them; nothing for all else.
std::optional<std::vector<int64_t>> numbers_in(std::string_view text, char between) {
  std::vector<int64_t> numbers;
  while (!text.empty()) {
    int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc()) return std::nullopt;
    numbers.push_back(number);
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    if (text.empty()) break;
    if (text.front() != between) return std::nullopt;
    text.remove_prefix(1);
  }
  return numbers;
}

std::optional<Dims> dims_in(std::string_view text) {
  const auto numbers = numbers_in(text, ',');
  if (!numbers || numbers->size() > Dims::MAX_DIMS) return std::nullopt;
  for (const int64_t each : *numbers)
    if (each < 0) return std::nullopt;
  return dims_of(Shape(*numbers));
}

// "1,3;2,3;8,3"
std::optional<std::array<Dims, 3>> three_in(std::string_view text) {
  std::array<Dims, 3> three;
  for (size_t i = 0; i < 3; ++i) {
    const size_t end = std::min(text.find(';'), text.size());
    const auto dims = dims_in(text.substr(0, end));
    if (!dims || (i > 0 && dims->nbDims != three[0].nbDims)) return std::nullopt;
    three[i] = *dims;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return three;
}

// The number that a key goes on with, and what stands behind the next point.
std::optional<std::pair<size_t, std::string>> numbered(const std::string& key, const char* stem) {
  if (!key.starts_with(stem)) return std::nullopt;
  const std::string rest = key.substr(std::char_traits<char>::length(stem));
  size_t number = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
  if (error != std::errc()) return std::nullopt;
  const auto at = static_cast<size_t>(end - rest.data());
  return std::pair{number, at < rest.size() ? rest.substr(at + 1) : ""};
}

}  // namespace

Notes EngineState::notes(bool refittable, bool excludes_runtime) const {
  Notes notes{{kName, facts.name}};
  notes[kFlags] = std::string(refittable ? "r" : "") + (facts.stripped ? "s" : "") +
                  (facts.version_compatible ? "v" : "") + (excludes_runtime ? "x" : "") +
                  std::to_string(static_cast<int>(facts.verbosity));
  if (facts.max_batch > 0) notes[kBatch] = std::to_string(facts.max_batch);
  size_t next = 0;
  for (const auto& [weight, places] : roles)
    for (const LayerRole& place : places)
      notes[kPlace + padded(next++)] = std::to_string(static_cast<int>(place.role)) + " " +
                                       std::to_string(place.layer.size()) + " " + place.layer +
                                       weight;
  for (const auto& [output, input] : facts.aliases) notes[std::string(kAlias) + output] = input;
  for (size_t i = 0; i < facts.profiles.size(); ++i)
    for (const auto& [input, three] : facts.profiles[i].ranges)
      notes[kProfile + std::to_string(i) + "." + input] =
          text_of(three[0]) + ";" + text_of(three[1]) + ";" + text_of(three[2]);
  return notes;
}

EngineFacts facts_in(const Notes& notes) {
  constexpr size_t most_profiles = 1024;
  EngineFacts facts;
  for (const auto& [key, value] : notes) {
    if (key == kName) facts.name = value;
    const auto batch = key == kBatch ? numbers_in(value, ',') : std::nullopt;
    if (batch && batch->size() == 1 && (*batch)[0] >= 1 && (*batch)[0] <= INT32_MAX)
      facts.max_batch = static_cast<int32_t>((*batch)[0]);
    if (key.starts_with(kAlias)) facts.aliases[key.substr(kAlias.size())] = value;
    if (key == kFlags) {
      const auto has = [&, &text = value](char flag) { return text.find(flag) != text.npos; };
      facts.refittable = has('r'), facts.stripped = has('s');
      facts.version_compatible = has('v'), facts.excludes_runtime = has('x');
      for (int level = 0; level < nvinfer1::EnumMax<nvinfer1::ProfilingVerbosity>(); ++level)
        if (has(static_cast<char>('0' + level)))
          facts.verbosity = static_cast<nvinfer1::ProfilingVerbosity>(level);
    }
    const auto profile = numbered(key, kProfile);
    const auto three = profile ? three_in(value) : std::nullopt;
    if (!three || profile->first >= most_profiles) continue;
    if (facts.profiles.size() <= profile->first) facts.profiles.resize(profile->first + 1);
    facts.profiles[profile->first].ranges[profile->second] = *three;
  }
  return facts;
}

// "<role> <length of the layer's name> <layer><weight>"
Roles roles_in(const Notes& notes) {
  Roles roles;
  for (const auto& [key, value] : notes) {
    if (!numbered(key, kPlace)) continue;
    const size_t first = value.find(' ');
    const size_t second = first == value.npos ? first : value.find(' ', first + 1);
    if (second == value.npos) continue;
    const auto head = numbers_in(std::string_view(value).substr(0, second), ' ');
    const std::string rest = value.substr(second + 1);
    if (!head || head->size() != 2 || (*head)[0] < 0 || (*head)[1] < 0) continue;
    if ((*head)[0] >= nvinfer1::EnumMax<nvinfer1::WeightsRole>() || index((*head)[1]) > rest.size())
      continue;
    roles[rest.substr(index((*head)[1]))].push_back(
        {rest.substr(0, index((*head)[1])), static_cast<nvinfer1::WeightsRole>((*head)[0])});
  }
  return roles;
}

}  // namespace tenon::trt
