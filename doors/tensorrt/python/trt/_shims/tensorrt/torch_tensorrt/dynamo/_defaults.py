"""The one default that scripts ask for: a file that they remove, and that Tenon never writes."""

import os
import tempfile

TIMING_CACHE_PATH = os.path.join(tempfile.gettempdir(), "torch_tensorrt_engine_cache", "timing_cache.bin")
