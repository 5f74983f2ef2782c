"""Refits in the manner of today's tutorials: of the module, in place, verified, and of a loaded program."""

import torch
import torch_tensorrt as torch_trt
import torchvision.models as models
from torch_tensorrt.dynamo import refit_module_weights

inputs = [torch.rand((1, 3, 64, 64)).to("cuda")]
model = models.resnet18(pretrained=False).eval().to("cuda")
settings = torch_trt.dynamo.CompilationSettings(
    enabled_precisions={torch.float32}, immutable_weights=False, min_block_size=1, reuse_cached_engines=False
)
with torch_trt.logging.errors():
    compiled = torch_trt.dynamo.compile(torch.export.export(model, tuple(inputs)), tuple(inputs), **settings)

trained = models.resnet18(pretrained=True).eval().to("cuda")
program = torch.export.export(trained, tuple(inputs))
new = refit_module_weights(compiled, program, arg_inputs=inputs, verify_output=True)
with torch.no_grad():
    expected, old = trained(*inputs), model(*inputs)
assert torch.allclose(new(*inputs), expected, 1e-2, 1e-2)
assert torch.allclose(compiled(*inputs), old, 1e-2, 1e-2)
refit_module_weights(compiled, program, arg_inputs=inputs, in_place=True)
assert torch.allclose(compiled(*inputs), expected, 1e-2, 1e-2)

torch_trt.save(compiled, "refitted.ep", arg_inputs=inputs)
assert torch.allclose(torch_trt.load("refitted.ep").module()(*inputs), expected, 1e-2, 1e-2)
print("done")
