"""pycuda.autoinit: the host's context."""

from tenon.trt._cuda.pycuda import Context, Device

device = Device(0)
context = Context()
