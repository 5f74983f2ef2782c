# What the old script uses and never defines.
import os

import pycuda.autoinit  # noqa: F401
import pycuda.driver as cuda  # noqa: F401

ONNX_FILE_PATH = os.environ["ONNX_FILE_PATH"]
