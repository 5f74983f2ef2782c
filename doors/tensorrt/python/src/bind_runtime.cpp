// Runtimes, engines, contexts.
#include "bind.h"

namespace tenon::trt::python {
namespace {

using nvinfer1::ICudaEngine;
using nvinfer1::IExecutionContext;
using nvinfer1::IRuntime;
using nvinfer1::ISerializationConfig;

ICudaEngine& engine_in(nb::handle self) { return nb::cast<ICudaEngine&>(self); }

void bind_serialization(nb::module_& module) {
  nb::class_<ISerializationConfig>(module, "ISerializationConfig", nb::dynamic_attr())
      .def_prop_rw("flags", &ISerializationConfig::getFlags,
                   [](ISerializationConfig& self, uint32_t flags) {
                     if (!self.setFlags(flags))
                       throw std::runtime_error("Provided serialization flags is incorrect");
                   })
      .def("set_flag", &ISerializationConfig::setFlag, "flag"_a)
      .def("clear_flag", &ISerializationConfig::clearFlag, "flag"_a)
      .def("get_flag", &ISerializationConfig::getFlag, "flag"_a);
}

nb::class_<IRuntime> bind_runtimes(nb::module_& module) {
  nb::class_<IRuntime> runtime(module, "Runtime", nb::dynamic_attr());
  runtime
      .def(nb::new_([](nvinfer1::ILogger& logger) {
             return made_or_throw(nvinfer1::createInferRuntime(logger), "Runtime");
           }),
           "logger"_a, nb::keep_alive<0, 2>())
      .def(
          "deserialize_cuda_engine",
          [](nb::object self, nb::handle plan) {
            auto& runtime = nb::cast<IRuntime&>(self);
            if (nvinfer1::IStreamReader* reader = nullptr; nb::try_cast(plan, reader))
              return give(released([&] { return runtime.deserializeCudaEngine(*reader); }), self);
            if (nvinfer1::IStreamReaderV2* reader = nullptr; nb::try_cast(plan, reader))
              return give(released([&] { return runtime.deserializeCudaEngine(*reader); }), self);
            const Bytes bytes(plan, "serialized_engine");
            return give(
                released([&] { return runtime.deserializeCudaEngine(bytes.data(), bytes.size()); }),
                self);
          },
          "serialized_engine"_a)
      .def_prop_rw("max_threads", &IRuntime::getMaxThreads,
                   [](IRuntime& self, int32_t threads) { self.setMaxThreads(threads); })
      .def_prop_ro("logger", [](const IRuntime& self) {
        return nb::cast(self.getLogger(), nb::rv_policy::reference);
      });
  managed(recorded(runtime));
  return runtime;
}

nb::str tensor_at(const ICudaEngine& self, Py_ssize_t index) {
  const int32_t count = self.getNbIOTensors();
  const Py_ssize_t at = index < 0 ? index + count : index;
  if (at < 0 || at >= count) throw nb::index_error("the engine has no such tensor");
  return nb::str(self.getIOTensorName(static_cast<int32_t>(at)));
}

void bind_tensors(nb::class_<ICudaEngine>& engine) {
  engine.def_prop_ro("num_io_tensors", &ICudaEngine::getNbIOTensors)
      .def("get_tensor_name", &ICudaEngine::getIOTensorName, "index"_a)
      .def("__getitem__", tensor_at, "index"_a)
      .def("__len__", &ICudaEngine::getNbIOTensors)
      .def("get_tensor_mode", &ICudaEngine::getTensorIOMode, "name"_a)
      .def(
          "get_tensor_shape",
          [](const ICudaEngine& self, const char* name) {
            return from_dims(self.getTensorShape(name));
          },
          "name"_a)
      .def("get_tensor_dtype", &ICudaEngine::getTensorDataType, "name"_a)
      .def("get_tensor_location", &ICudaEngine::getTensorLocation, "name"_a);
}

nb::class_<ICudaEngine> bind_engines(nb::module_& module) {
  nb::class_<ICudaEngine> engine(module, "ICudaEngine", nb::dynamic_attr());
  bind_tensors(engine);
  engine.def_prop_ro("num_layers", &ICudaEngine::getNbLayers)
      .def_prop_ro("refittable", &ICudaEngine::isRefittable)
      .def_prop_ro("name", &ICudaEngine::getName)
      .def("serialize",
           [](const ICudaEngine& self) { return give(released([&] { return self.serialize(); })); })
      .def("create_serialization_config",
           [](nb::object self) { return give(engine_in(self).createSerializationConfig(), self); })
      .def(
          "serialize_with_config",
          [](const ICudaEngine& self, ISerializationConfig& config) {
            return give(released([&] { return self.serializeWithConfig(config); }));
          },
          "config"_a)
      .def(
          "create_execution_context",
          [](nb::object self, nvinfer1::ExecutionContextAllocationStrategy strategy) {
            nb::object context = give(engine_in(self).createExecutionContext(strategy), self);
            if (!context.is_none()) context.attr("_engine") = self;
            return context;
          },
          "strategy"_a = nvinfer1::ExecutionContextAllocationStrategy::kSTATIC);
  managed(recorded(engine));
  return engine;
}

std::vector<void*> addresses(const IExecutionContext& self, nb::handle bindings) {
  std::vector<void*> all = to_pointers(bindings);
  const auto tensors = static_cast<size_t>(self.getEngine().getNbIOTensors());
  if (all.size() < tensors)
    throw nb::value_error(("bindings has " + std::to_string(all.size()) +
                           " addresses, the engine " + std::to_string(tensors) +
                           " inputs and outputs")
                              .c_str());
  return all;
}

bool execute_v2(IExecutionContext& self, nb::handle bindings) {
  const std::vector<void*> all = addresses(self, bindings);
  return released([&] { return self.executeV2(all.data()); });
}

bool execute(IExecutionContext& self, int32_t batch, nb::handle bindings) {
  const std::vector<void*> all = addresses(self, bindings);
  return released([&] { return self.execute(batch, all.data()); });
}

nb::class_<IExecutionContext> bind_contexts(nb::module_& module) {
  nb::class_<IExecutionContext> context(module, "IExecutionContext", nb::dynamic_attr());
  context.def("execute_v2", execute_v2, "bindings"_a)
      .def("_execute", execute, "batch_size"_a, "bindings"_a)
      .def(
          "execute_async_v3",
          [](IExecutionContext& self, nb::handle stream) {
            auto* handle = static_cast<cudaStream_t>(to_pointer(stream));
            return released([&] { return self.enqueueV3(handle); });
          },
          "stream_handle"_a.none())
      .def(
          "set_tensor_address",
          [](IExecutionContext& self, const char* name, nb::handle memory) {
            return self.setTensorAddress(name, to_pointer(memory));
          },
          "name"_a, "memory"_a.none())
      .def(
          "get_tensor_address",
          [](const IExecutionContext& self, const char* name) {
            return reinterpret_cast<uintptr_t>(self.getTensorAddress(name));
          },
          "name"_a)
      .def(
          "set_input_shape",
          [](IExecutionContext& self, const char* name, nb::handle shape) {
            return self.setInputShape(name, to_dims(shape));
          },
          "name"_a, "shape"_a)
      .def(
          "get_tensor_shape",
          [](const IExecutionContext& self, const char* name) {
            return from_dims(self.getTensorShape(name));
          },
          "name"_a)
      .def_prop_ro("all_binding_shapes_specified", &IExecutionContext::allInputDimensionsSpecified)
      .def_prop_rw("name", &IExecutionContext::getName,
                   [](IExecutionContext& self, const char* name) { self.setName(name); })
      .def_prop_ro("engine", [](nb::handle self) { return self.attr("_engine"); });
  managed(recorded(context));
  return context;
}

}  // namespace

void bind_runtime(nb::module_& module) {
  bind_serialization(module);
  auto runtime = bind_runtimes(module);
  auto engine = bind_engines(module);
  auto context = bind_contexts(module);
  bind_more_runtime(module, runtime, engine, context);
}

}  // namespace tenon::trt::python
