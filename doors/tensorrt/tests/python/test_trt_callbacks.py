"""What a script implements: what it raises never ends the process."""

import ctypes

import numpy as np
import pytest
import tenon.trt as trt
from small import Records, answer, engine, network, quiet, sample, weights


def test_the_console_logger_prints_lines(capsys):
    logger = trt.Logger(trt.Logger.WARNING)
    logger.log(trt.Logger.INFO, "unseen")
    logger.log(trt.Logger.WARNING, "seen")
    logger.min_severity = trt.Logger.VERBOSE
    logger.log(trt.Logger.VERBOSE, "seen too")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("] ", 1)[1] for line in lines] == ["[TRT] [W] seen", "[TRT] [V] seen too"]
    assert lines[0].startswith("[") and len(lines[0].split("]")[0]) == len("[MM/DD/YYYY-HH:MM:SS")


def test_a_logger_that_raises_is_printed(capfd):
    class Raises(trt.ILogger):
        def __init__(self):
            super().__init__()

        def log(self, severity, msg):
            raise ValueError("no room")

    assert trt.Builder(Raises()).create_network(1 << 20) is None
    assert "[ERROR] Exception caught in log()" in (err := capfd.readouterr().err)
    assert "no room" in err


def test_a_logger_without_log_is_told(capfd):
    class Silent(trt.ILogger):
        pass

    assert trt.Builder(Silent()).create_network(1 << 20) is None
    assert "ILogger.log is not overridden" in capfd.readouterr().err


def test_a_console_logger_may_be_subclassed():
    class Mine(trt.Logger):
        def __init__(self):
            trt.Logger.__init__(self, trt.Logger.INFO)
            self.seen = []

        def log(self, severity, msg):
            self.seen.append(msg)

    logger = Mine()
    assert trt.Builder(logger).create_network(1 << 20) is None and len(logger.seen) == 1


def test_a_base_that_was_never_made_is_a_type_error():
    class Bad(trt.ILogger):
        def __init__(self):
            pass

        def log(self, severity, msg):
            pass

    with pytest.raises(TypeError), pytest.warns(RuntimeWarning, match="uninitialized"):
        trt.Builder(Bad())


class Recorder(trt.IErrorRecorder):
    def __init__(self):
        trt.IErrorRecorder.__init__(self)
        self.errors = []

    def num_errors(self):
        return len(self.errors)

    def get_error_code(self, index):
        return self.errors[index][0]

    def get_error_desc(self, index):
        return self.errors[index][1]

    def has_overflowed(self):
        return False

    def clear(self):
        self.errors.clear()

    def report_error(self, code, desc):
        self.errors.append((code, desc))
        return True


def test_a_recorder_takes_the_loggers_place():
    logger, recorder = Records(), Recorder()
    builder = trt.Builder(logger)
    builder.error_recorder = recorder
    assert builder.error_recorder is recorder
    assert builder.create_network(1 << 20) is None
    assert [code for code, _ in recorder.errors] == [trt.ErrorCodeTRT.INVALID_ARGUMENT]
    assert logger.errors() == [] and trt.IErrorRecorder.MAX_DESC_LENGTH == 127
    builder.error_recorder = None
    assert builder.create_network(1 << 20) is None and len(logger.errors()) == 1


def test_a_recorder_outlives_the_objects_that_report_to_it():
    made = engine(weights(0))
    made.error_recorder = Recorder()  # held by nobody else
    context = made.create_execution_context()
    del made
    assert not context.set_tensor_address("nobody", 1)
    assert len(context.error_recorder.errors) == 1


def test_a_recorder_that_raises_is_printed(capfd):
    class Raises(Recorder):
        def report_error(self, code, desc):
            raise RuntimeError("full")

    runtime = trt.Runtime(quiet())
    runtime.error_recorder = Raises()
    assert runtime.deserialize_cuda_engine(b"ftrt....") is None
    assert "Exception caught in report_error()" in capfd.readouterr().err


def test_context_managers_warn_and_free_nothing():
    with pytest.warns(DeprecationWarning, match="Context managers"):
        with trt.Builder(quiet()) as builder, builder.create_network() as net:
            pass
    assert net.add_input("x", trt.float32, (1,)) is not None
    builder.__del__()
    assert builder.create_builder_config() is not None


def test_a_debug_listener_sees_what_was_marked():
    class Listener(trt.IDebugListener):
        def __init__(self):
            super().__init__()
            self.seen = {}

        def process_debug_tensor(self, addr, location, type, shape, name, stream):
            values = (ctypes.c_float * trt.volume(shape)).from_address(addr)
            self.seen[name] = (np.array(values).reshape(tuple(shape)), location, type)

    w, logger = weights(1), Records()
    builder = trt.Builder(logger)
    net = network(builder, w)
    relu = net[1].get_output(0)
    relu.name = "relu"
    assert net.mark_debug(relu) and net.mark_debug(net.get_output(0))
    plan = builder.build_serialized_network(net, builder.create_builder_config())
    made = trt.Runtime(logger).deserialize_cuda_engine(plan)
    assert made.is_debug_tensor("relu") and not made.is_debug_tensor("x") and list(made) == ["x", "y"]
    context, listener, x, y = made.create_execution_context(), Listener(), sample(), np.empty((1, 5), np.float32)
    bindings = [x.ctypes.data, y.ctypes.data]
    assert context.set_debug_listener(listener) and context.execute_v2(bindings) and listener.seen == {}
    assert context.set_tensor_debug_state("relu", True) and context.get_debug_state("relu")
    assert context.execute_v2(bindings) and list(listener.seen) == ["relu"]
    maps, location, type_ = listener.seen["relu"]
    assert (maps.shape, location, type_) == ((1, 3, 4, 4), trt.TensorLocation.HOST, trt.float32)
    np.testing.assert_allclose(maps.reshape(1, -1) @ w["matrix"], answer(w, x), rtol=1e-4, atol=1e-4)
    assert context.set_all_tensors_debug_state(True) and context.execute_v2(bindings)
    assert set(listener.seen) == {"relu", "y"} and np.array_equal(listener.seen["y"][0], y)
    listener.seen.clear()
    assert context.set_all_tensors_debug_state(False) and context.execute_v2(bindings) and listener.seen == {}
    assert not logger.errors()
