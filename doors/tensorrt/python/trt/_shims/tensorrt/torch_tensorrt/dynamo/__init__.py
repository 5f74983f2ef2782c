"""tenon.torch.dynamo."""

from tenon.torch.dynamo import *  # noqa: F403
from tenon.torch.dynamo import convert_exported_program_to_serialized_trt_engine as convert_exported_program_to_serialized_trt_engine
