"""Networks of the torch door's tests: the well-known architectures in small, and corners of the exporter."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn


class Block(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, inner: int, outer: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inner, outer, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outer)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outer, outer, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outer)
        self.downsample = None
        if stride != 1 or inner != outer:
            self.downsample = nn.Sequential(
                nn.Conv2d(inner, outer, 1, stride, bias=False), nn.BatchNorm2d(outer)
            )

    def forward(self, x):
        short = x if self.downsample is None else self.downsample(x)
        y = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(y)) + short)


class ResNet18(nn.Module):
    """torchvision's names and shapes; `width` 64 is the real one."""

    def __init__(self, width: int = 8, classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        widths = [width, width, 2 * width, 4 * width, 8 * width]
        for stage in range(1, 5):
            inner, outer = widths[stage - 1], widths[stage]
            blocks = nn.Sequential(Block(inner, outer, 1 if stage == 1 else 2), Block(outer, outer, 1))
            setattr(self, f"layer{stage}", blocks)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(8 * width, classes)

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


class SelfAttention(nn.Module):
    """Query, key and value by a Linear each, as in BERT."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.dense = nn.Linear(width, width)

    def forward(self, x, mask=None):
        batch, length, width = x.shape
        q, k, v = (
            each(x).view(batch, length, self.heads, width // self.heads).transpose(1, 2)
            for each in (self.query, self.key, self.value)
        )
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self.dense(y.transpose(1, 2).reshape(batch, length, width))


class BertLayer(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention = SelfAttention(width, heads)
        self.norm1 = nn.LayerNorm(width)
        self.intermediate = nn.Linear(width, 4 * width)
        self.output = nn.Linear(4 * width, width)
        self.norm2 = nn.LayerNorm(width)

    def forward(self, x, mask):
        x = self.norm1(x + self.attention(x, mask))
        return self.norm2(x + self.output(F.gelu(self.intermediate(x))))


class Bert(nn.Module):
    """Token ids and a mask of ones and zeros in; a dict of hidden states and a pooled row out."""

    def __init__(self, words: int = 100, width: int = 32, layers: int = 2, heads: int = 4) -> None:
        super().__init__()
        self.words = nn.Embedding(words, width)
        self.positions = nn.Embedding(64, width)
        self.register_buffer("position_ids", torch.arange(64)[None], persistent=False)
        self.norm = nn.LayerNorm(width)
        self.layers = nn.ModuleList(BertLayer(width, heads) for _ in range(layers))
        self.pooler = nn.Linear(width, width)

    def forward(self, ids, mask=None):
        x = self.words(ids) + self.positions(self.position_ids[:, : ids.shape[1]])
        x = self.norm(x)
        keep = None if mask is None else mask[:, None, None, :].bool()
        for layer in self.layers:
            x = layer(x, keep)
        return {"hidden": x, "pooled": torch.tanh(self.pooler(x[:, 0]))}


class GptBlock(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.c_attn, self.c_proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.c_fc, self.c_out = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        batch, length, width = x.shape
        q, k, v = (
            each.view(batch, length, self.heads, width // self.heads).transpose(1, 2)
            for each in self.c_attn(self.ln_1(x)).split(width, 2)
        )
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.c_proj(y.transpose(1, 2).reshape(batch, length, width))
        return x + self.c_out(F.gelu(self.c_fc(self.ln_2(x)), approximate="tanh"))


class Gpt2(nn.Module):
    """`lm_head.weight` is `wte.weight`."""

    def __init__(self, words: int = 96, width: int = 32, layers: int = 2, heads: int = 4) -> None:
        super().__init__()
        self.wte, self.wpe = nn.Embedding(words, width), nn.Embedding(64, width)
        self.h = nn.ModuleList(GptBlock(width, heads) for _ in range(layers))
        self.ln_f = nn.LayerNorm(width)
        self.lm_head = nn.Linear(width, words, bias=False)
        self.lm_head.weight = self.wte.weight

    def forward(self, ids):
        x = self.wte(ids) + self.wpe(torch.arange(ids.shape[1]))
        for block in self.h:
            x = block(x)
        return self.lm_head(self.ln_f(x))


class Recurrent(nn.Module):
    """An LSTM or GRU, two layers in both directions; gives its states too."""

    def __init__(self, kind: type[nn.RNNBase], **options) -> None:
        super().__init__()
        options = {"num_layers": 2, "bidirectional": True, "batch_first": True, **options}
        self.rnn = kind(6, 8, **options)

    def forward(self, x):
        return self.rnn(x)


class CrossAttention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mha = nn.MultiheadAttention(16, 4, batch_first=True)

    def forward(self, x, memory):
        return self.mha(x, memory, memory, need_weights=False)[0]


class Mlp(nn.Module):
    """Two linear layers: what tests use that are not about an architecture."""

    def __init__(self, inner: int = 4, width: int = 8, outer: int = 3) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(inner, width), nn.Linear(width, outer)

    def forward(self, x):
        return self.fc2(torch.relu(self.fc1(x)))


class Hostile(nn.Module):
    """Parameters named as the exporter names values, and as an input."""

    def __init__(self) -> None:
        super().__init__()
        for name in ("mul", "add", "linear", "x"):
            self.register_parameter(name, nn.Parameter(torch.randn(4)))
        self.register_buffer("mean", torch.randn(4))
        self.plain = torch.randn(4)

    def forward(self, x):
        return (x * self.mul + self.add) * self.linear + self.x - self.mean + self.plain


class Rotary(nn.Module):
    """Turns pairs by complex numbers, as Llama's first code does."""

    def __init__(self) -> None:
        super().__init__()
        self.proj = nn.Linear(8, 8)
        self.register_buffer("freqs", torch.polar(torch.ones(5, 4), torch.randn(5, 4)))

    def forward(self, x):
        pairs = torch.view_as_complex(self.proj(x).reshape(*x.shape[:-1], 4, 2))
        return torch.view_as_real(pairs * self.freqs).flatten(2)


class Convolutions(nn.Module):
    """Convolutions and norms of many kinds, one after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(3, 8, 2, 2)
        self.group = nn.GroupNorm(2, 8)
        self.depth = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.instance = nn.InstanceNorm2d(8, affine=True)
        self.act = nn.PReLU(8)
        self.point = nn.Conv2d(8, 6, 1, padding_mode="reflect")
        self.rms = nn.RMSNorm(6)

    def forward(self, x):
        x = self.instance(self.depth(self.group(self.up(x))))
        return self.rms(self.point(self.act(x)).permute(0, 2, 3, 1))


def seeded(make, seed: int = 0) -> nn.Module:
    """The module in eval mode, with weights and running statistics from the seed."""
    torch.manual_seed(seed)
    module = make().eval()
    for name, value in module.named_buffers():
        if "running" in name:
            value.uniform_(0.5, 1.5)
    return module


def weight_norm() -> nn.Module:
    return nn.utils.parametrizations.weight_norm(nn.Linear(4, 3))


def spectral_norm() -> nn.Module:
    return nn.utils.parametrizations.spectral_norm(nn.Linear(4, 3))


#: name → (what makes the module, example inputs, dynamic_shapes or None)
ids = torch.arange(14).reshape(2, 7)
ZOO = {
    "resnet18": (ResNet18, (torch.randn(2, 3, 32, 32),)),
    "bert": (Bert, (ids, torch.tensor([[1] * 7, [1] * 5 + [0] * 2]))),
    "gpt2": (Gpt2, (ids,)),
    "lstm": (lambda: Recurrent(nn.LSTM), (torch.randn(2, 5, 6),)),
    "gru": (lambda: Recurrent(nn.GRU), (torch.randn(2, 5, 6),)),
    "lstm_plain": (
        lambda: Recurrent(nn.LSTM, num_layers=1, bidirectional=False, bias=False),
        (torch.randn(2, 5, 6),),
    ),
    "cross_attention": (CrossAttention, (torch.randn(2, 5, 16), torch.randn(2, 3, 16))),
    "transformer": (
        lambda: nn.TransformerEncoderLayer(16, 4, 32, batch_first=True),
        (torch.randn(2, 5, 16),),
    ),
    "weight_norm": (weight_norm, (torch.randn(2, 4),)),
    "spectral_norm": (spectral_norm, (torch.randn(2, 4),)),
    "convolutions": (Convolutions, (torch.randn(2, 3, 6, 6),)),
    "rotary": (Rotary, (torch.randn(2, 5, 8),)),
    "hostile": (Hostile, (torch.randn(2, 4),)),
}
