"""cuda-python's name for Tenon's host memory, under the runner of tenon.trt."""

__version__ = "12.9.0"
