"""A script as they were written for TensorRT 7: from an ONNX file to an engine and its answer.

ONNX_FILE_PATH=model.onnx python -m tenon.trt --prelude prelude.py onnx_to_engine.py
"""

from collections import namedtuple

import tensorrt as trt

HostDeviceMem = namedtuple("HostDeviceMem", "host device")
TRT_LOGGER = trt.Logger(trt.Logger.WARNING)


def build_engine(onnx_file_path):
    explicit_batch = 1 << (int)(trt.NetworkDefinitionCreationFlag.EXPLICIT_BATCH)
    builder = trt.Builder(TRT_LOGGER)
    network = builder.create_network(explicit_batch)
    parser = trt.OnnxParser(network, TRT_LOGGER)
    builder.max_workspace_size = 1 << 30
    builder.max_batch_size = 1
    if builder.platform_has_fast_fp16:
        builder.fp16_mode = True
    with open(onnx_file_path, "rb") as model:
        if not parser.parse(model.read()):
            print(parser.get_error(0))
    print("Completed parsing of ONNX file")
    last_layer = network.get_layer(network.num_layers - 1)
    network.mark_output(last_layer.get_output(0))
    print("total layers", network.num_layers)
    engine = builder.build_cuda_engine(network)
    context = engine.create_execution_context()
    print("Completed creating Engine")
    return engine, context


def allocate_buffers(engine):
    inputs, outputs, bindings, stream = [], [], [], cuda.Stream()  # noqa: F821
    for binding in engine:
        size = trt.volume(engine.get_binding_shape(binding))
        dtype = trt.nptype(engine.get_binding_dtype(binding))
        host_mem = cuda.pagelocked_empty(size, dtype)  # noqa: F821
        device_mem = cuda.mem_alloc(host_mem.nbytes)  # noqa: F821
        bindings.append(int(device_mem))
        memory = inputs if engine.binding_is_input(binding) else outputs
        memory.append(HostDeviceMem(host_mem, device_mem))
    return inputs, outputs, bindings, stream


def inference(context, bindings, inputs, outputs, stream, batch_size=1):
    [cuda.memcpy_htod_async(inp.device, inp.host, stream) for inp in inputs]  # noqa: F821
    context.execute_async(batch_size=batch_size, bindings=bindings, stream_handle=stream.handle)
    [cuda.memcpy_dtoh_async(out.host, out.device, stream) for out in outputs]  # noqa: F821
    stream.synchronize()
    return [out.host for out in outputs]


if __name__ == "__main__":
    engine, context = build_engine(ONNX_FILE_PATH)  # noqa: F821
    inputs, outputs, bindings, stream = allocate_buffers(engine)
    for memory in inputs:
        memory.host[:] = 0.5
    output = inference(context, bindings, inputs, outputs, stream)
    output[0].tofile("output.bin")
