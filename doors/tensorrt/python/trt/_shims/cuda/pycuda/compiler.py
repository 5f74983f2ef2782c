"""pycuda.compiler: kernels need a GPU."""

from tenon.trt._cuda.pycuda import SourceModule  # noqa: F401
