"""Dynamic shapes in the manner of the tutorials: by Input, by Dim, and saved."""

import torch
import torch_tensorrt

torch.manual_seed(0)


class MyModule(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 16, 3, stride=1, bias=True)
        self.relu = torch.nn.ReLU()

    def forward(self, x):
        return self.relu(self.conv(x))


model = MyModule().eval().cuda()
ranged = torch_tensorrt.Input(
    min_shape=(1, 3, 32, 32), opt_shape=(4, 3, 32, 32), max_shape=(8, 3, 32, 32), dtype=torch_tensorrt.dtype.float32
)
compiled = torch_tensorrt.compile(
    model, ir="dynamo", inputs=[ranged], device=torch_tensorrt.Device("cuda:0"), truncate_long_and_double=True
)
program = torch_tensorrt.dynamo.trace(model, inputs=[ranged])
traced = torch_tensorrt.dynamo.compile(program, inputs=[ranged], min_block_size=1)
batch = torch.export.Dim("batch", min=1, max=8)
exported = torch.export.export(model, (torch.randn(4, 3, 32, 32).cuda(),), dynamic_shapes=({0: batch},))
by_dim = torch_tensorrt.dynamo.compile(exported, arg_inputs=[torch.randn(4, 3, 32, 32, device="cuda")], min_block_size=1)
torch_tensorrt.save(by_dim, "dynamic.ep", arg_inputs=[torch.randn(4, 3, 32, 32).cuda()], dynamic_shapes=({0: batch},))
loaded = torch_tensorrt.load("dynamic.ep").module()
for size in (1, 4, 8):
    x = torch.randn((size, 3, 32, 32), device="cuda")
    with torch.no_grad(), torch_tensorrt.runtime.enable_cudagraphs(by_dim) as captured:
        expected = model(x)
        for each in (compiled, traced, by_dim, loaded, captured):
            assert torch.allclose(each(x), expected, 1e-3, 1e-3)
print("done")
