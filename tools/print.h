// Answers as text and as JSON.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "options.h"
#include "tenon/engine.h"

namespace tenon::cli {

/// Rows with their columns aligned, indented by two; a column of numbers is as any other.
std::string table(const std::vector<std::vector<std::string>>& rows);

std::string bytes_text(uint64_t bytes);                        ///< "1.7 MB"
std::string seconds_text(double seconds);                      ///< "12.3 us"
std::string count_text(size_t count, std::string_view thing);  ///< "1 weight", "2 weights"

std::string type_text(DType dtype, const Shape& shape);  ///< "f32[2, 3]"
std::string type_text(const Port& port);                 ///< "f32[n, 10]"

Json to_json(const std::vector<Port>& ports);
Json to_json(const RefitReport& report);
/// The lines that people read of a report, but for `changed`.
std::string to_text(const RefitReport& report);
/// Lists the nodes that became views.
void add_views(const Engine& engine, Json& result, std::string& text);

/// dtype, shape and, of up to `most` elements, the values as numbers (null: not finite).
Json to_json(const Tensor& tensor, size_t most);
/// The first `most` elements: "0.25 1 -3 ...".
std::string values_text(const Tensor& tensor, size_t most);

uint64_t file_bytes(const Path& file);

}  // namespace tenon::cli
