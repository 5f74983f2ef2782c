// tenon.RefitReport and tenon.WeightSet.
#include <nanobind/stl/map.h>
#include <nanobind/stl/vector.h>

#include "bind.h"

namespace tenon::python {
namespace {

// "102: a, b, c, …"
std::string counted(const std::vector<std::string>& names) {
  constexpr size_t most = 3;
  std::string text = std::to_string(names.size());
  for (size_t i = 0; i < std::min(most, names.size()); ++i)
    text += (i == 0 ? ": " : ", ") + names[i].substr(0, 60);
  return names.size() > most ? text + ", …" : text;
}

}  // namespace

void bind_reports(nb::module_& module) {
  nb::class_<RefitReport>(module, "RefitReport",
                          "What a refit did.\n\n"
                          "    changed = engine.refit({\"fc.weight\": array}).changed")
      .def_ro("changed", &RefitReport::changed, "Weights that were given.")
      .def_prop_ro(
          "ignored",
          [](const RefitReport& report) {
            std::vector<std::string> names;
            for (const auto& [name, reason] : report.ignored) names.push_back(name);
            return names;
          },
          "Given, and not used.")
      .def_ro("reasons", &RefitReport::ignored, "Why the ignored are not used, by name.")
      .def_ro("kept", &RefitReport::kept, "Refittable weights that were not given.")
      .def_ro("overflowed", &RefitReport::overflowed,
              "By weight: finite values that became infinite in its dtype.")
      .def_ro("seconds", &RefitReport::seconds)
      .def_ro("bytes", &RefitReport::bytes, "Bytes of the engine's tables that were written.")
      .def_ro("version", &RefitReport::version, "Of the weights now current.")
      .def(
          "_repr_html_",
          [](nb::handle self) {
            return nb::module_::import_("tenon._html").attr("report_table")(self);
          },
          nb::sig("def _repr_html_(self) -> str"))
      .def("__repr__", [](const RefitReport& report) {
        return nb::str(
                   "RefitReport(version={}, changed={}, kept={}, ignored={}, seconds={:.6f}, "
                   "bytes={})")
            .format(report.version, report.changed.size(), counted(report.kept),
                    report.ignored.size(), report.seconds, report.bytes);
      });
  nb::class_<WeightSet>(module, "WeightSet",
                        "One complete, immutable set of weights of one engine.\n\n"
                        "    old = engine.current")
      .def_prop_ro("version", &WeightSet::version)
      .def("__repr__", [](const WeightSet& set) {
        return "WeightSet(version=" + std::to_string(set.version()) + ")";
      });
}

}  // namespace tenon::python
