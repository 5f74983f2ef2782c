"""Where scripts of some versions find it."""

from tenon.torch.dynamo import CompilationSettings as CompilationSettings
