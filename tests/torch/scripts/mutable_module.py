"""A mutable module in the manner of the tutorials: weights, dynamic shapes, saving."""

import numpy as np
import torch
import torch_tensorrt as torch_trt
import torchvision.models as models

settings = {"use_python_runtime": False, "enabled_precisions": {torch.float32}, "immutable_weights": False}
inputs = [torch.rand((1, 3, 64, 64)).to("cuda")]
model = models.resnet18(pretrained=False).eval().to("cuda")
fast = torch_trt.MutableTorchTensorRTModule(model, **settings)
fast(*inputs)

trained = models.resnet18(pretrained=True).eval().to("cuda")
fast.load_state_dict(trained.state_dict())
with torch.no_grad():
    assert torch.allclose(fast(*inputs), trained(*inputs), 1e-2, 1e-2), "stale weights"

torch_trt.MutableTorchTensorRTModule.save(fast, "mutable.ep")
again = torch_trt.MutableTorchTensorRTModule.load("mutable.ep", trained)
np.testing.assert_allclose(again(*inputs).numpy(), fast(*inputs).numpy(), rtol=1e-3, atol=1e-3)


class Model(torch.nn.Module):
    def forward(self, a, b, c={}):
        x = torch.matmul(a, b)
        x = torch.matmul(c["a"], c["b"].T)
        return {"x": 2 * x, "sum": (a @ b).sum()}


dim_0, dim_1 = torch.export.Dim("dim_0", min=1, max=50), torch.export.Dim("dim_1", min=1, max=50)
args = [torch.rand(10, 3, device="cuda"), torch.rand(3, 30, device="cuda")]
kwargs = {"c": {"a": torch.rand(10, 30).to("cuda"), "b": torch.rand(10, 30).to("cuda")}}
dynamic = torch_trt.MutableTorchTensorRTModule(Model().eval().cuda(), **settings)
dynamic.set_expected_dynamic_shape_range(({0: dim_0}, {}), {"c": {"a": {0: dim_1}, "b": {}}})
for rows in (10, 7, 1):
    args[0] = torch.rand(rows, 3, device="cuda")
    kwargs["c"]["a"] = torch.rand(rows + 3, 30, device="cuda")
    for found, expected in zip(dynamic(*args, **kwargs).values(), Model()(*args, **kwargs).values()):
        assert torch.allclose(found, expected, 1e-3, 1e-3)
print("done")
