"""A GPT of a few layers, as people write it, small enough to be recorded within a second."""

from __future__ import annotations

import torch
from torch import Tensor, nn

import chainrule

WIDTH, HEADS, TOKENS, LETTERS = 32, 4, 8, 16


class Attention(nn.Module):
    """Let each token look at those before it."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.proj = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.register_buffer("mask", torch.tril(torch.ones(TOKENS, TOKENS)) == 0)

    def forward(self, x: Tensor) -> Tensor:
        """Mix the values of earlier tokens."""
        batch, tokens, width = x.shape
        q, k, v = self.qkv(x).split(width, dim=2)
        q, k, v = (part.view(batch, tokens, HEADS, width // HEADS).transpose(1, 2) for part in (q, k, v))
        scores = q @ k.transpose(-2, -1) / (width // HEADS) ** 0.5
        weights = torch.softmax(scores.masked_fill(self.mask, float("-inf")), dim=-1)
        y = (weights @ v).transpose(1, 2).reshape(batch, tokens, width)
        out: Tensor = self.proj(y)
        return out


class MLP(nn.Module):
    """Work on each token alone."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.proj = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """Widen, bend, narrow."""
        x = self.proj(nn.functional.gelu(self.fc(x)))
        return x


class Block(nn.Module):
    """Attend, then think."""

    def __init__(self) -> None:
        super().__init__()
        self.ln_1, self.attn, self.ln_2, self.mlp = nn.LayerNorm(WIDTH), Attention(), nn.LayerNorm(WIDTH), MLP()

    def forward(self, x: Tensor) -> Tensor:
        """Add what each part makes to what was there."""
        x = x + self.attn(self.ln_1(x))
        x = x + self.mlp(self.ln_2(x))
        return x


class GPT(nn.Module):
    """Guess the next letter."""

    def __init__(self, layers: int = 4) -> None:
        super().__init__()
        self.wte, self.wpe = nn.Embedding(LETTERS, WIDTH), nn.Embedding(TOKENS, WIDTH)
        self.blocks = nn.ModuleList(Block() for _ in range(layers))
        self.ln_f, self.lm_head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, LETTERS, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the logits of each next letter."""
        x = self.wte(tokens) + self.wpe(torch.arange(tokens.shape[1]))
        for block in self.blocks:
            x = block(x)
        logits: Tensor = self.lm_head(self.ln_f(x))
        return logits


def gpt(layers: int = 4) -> chainrule.Recording:
    """Record one backward pass of it."""
    torch.manual_seed(0)
    model = GPT(layers)
    tokens = torch.randint(LETTERS, (2, TOKENS + 1))
    with chainrule.record() as rec:
        logits = model(tokens[:, :-1])
        loss = nn.functional.cross_entropy(logits.reshape(-1, LETTERS), tokens[:, 1:].reshape(-1))
        loss.backward()
    return rec
