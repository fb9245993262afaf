"""Ten small models, each written after its paper as people write them, and one training step of each, recorded."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  # as everybody calls it

import chainrule
from tests.support.gpt import GPT, LETTERS, TOKENS

# ruff: noqa: D101, D102, D103  # the papers say what they are
# mypy: disable-error-code="no-any-return,operator,index,union-attr,assignment,misc,has-type,arg-type"


def gpt() -> chainrule.Recording:
    """Radford et al. 2019."""
    model = GPT(2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    data = torch.randint(0, LETTERS, (4, TOKENS + 1))
    with chainrule.record() as rec:
        x, y = data[:, :-1].contiguous(), data[:, 1:].contiguous()
        logits = model(x)
        loss = F.cross_entropy(logits.view(-1, logits.size(-1)), y.view(-1))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return rec


class Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.scale = heads, (width // heads) ** -0.5
        self.norm = nn.LayerNorm(width)
        self.to_qkv, self.to_out = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(x)
        q, k, v = (t.unflatten(-1, (self.heads, -1)).transpose(1, 2) for t in self.to_qkv(x).chunk(3, dim=-1))
        dots = torch.matmul(q, k.transpose(-1, -2)) * self.scale
        attn = dots.softmax(dim=-1)
        out = torch.matmul(attn, v).transpose(1, 2).flatten(2)
        return self.to_out(out)


class ViT(nn.Module):
    """Dosovitskiy et al. 2021."""

    def __init__(self, width: int = 16, classes: int = 5) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, width, kernel_size=4, stride=4)
        self.cls_token = nn.Parameter(torch.randn(1, 1, width))
        self.pos_embedding = nn.Parameter(torch.randn(1, 5, width))
        self.layers = nn.ModuleList()
        for _ in range(2):
            feed_forward = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 32), nn.GELU(), nn.Linear(32, width))
            self.layers.append(nn.ModuleList([Attention(width, 2), feed_forward]))
        self.mlp_head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, classes))

    def forward(self, img: Tensor) -> Tensor:
        x = self.patch(img).flatten(2).transpose(1, 2)
        cls_tokens = self.cls_token.expand(img.shape[0], -1, -1)
        x = torch.cat((cls_tokens, x), dim=1)
        x += self.pos_embedding
        for attn, ff in self.layers:
            x = attn(x) + x
            x = ff(x) + x
        return self.mlp_head(x[:, 0])


def vit() -> chainrule.Recording:
    model, criterion = ViT(), nn.CrossEntropyLoss(label_smoothing=0.1)
    optimizer = torch.optim.Adam(model.parameters())
    images, labels = torch.randn(3, 3, 8, 8), torch.tensor([0, 1, 4])
    with chainrule.record() as rec:
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()
    return rec


class BasicBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        identity = x
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.downsample is not None:
            identity = self.downsample(x)
        out += identity
        return self.relu(out)


class ResNet(nn.Module):
    """He et al. 2016."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
        self.relu, self.maxpool = nn.ReLU(inplace=True), nn.MaxPool2d(2)
        self.layer1 = nn.Sequential(BasicBlock(8, 8, 1), BasicBlock(8, 8, 1))
        self.layer2 = nn.Sequential(BasicBlock(8, 16, 2), BasicBlock(16, 16, 1))
        self.avgpool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer2(self.layer1(x))
        x = torch.flatten(self.avgpool(x), 1)
        return self.fc(x)


def resnet() -> chainrule.Recording:
    net, criterion = ResNet(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
    inputs, targets = torch.randn(2, 3, 8, 8), torch.tensor([1, 3])
    with chainrule.record() as rec:
        for _ in range(2):
            optimizer.zero_grad()
            outputs = net(inputs)
            loss = criterion(outputs, targets)
            loss.backward()
            optimizer.step()
            predicted = outputs.max(1)[1]
            correct = predicted.eq(targets).sum().item()
            assert correct <= 2
    return rec


class LSTMLanguageModel(nn.Module):
    """Zaremba et al. 2014, of cells."""

    def __init__(self, vocabulary: int = 12, width: int = 8) -> None:
        super().__init__()
        self.embed, self.drop = nn.Embedding(vocabulary, width), nn.Dropout(0.2)
        self.cells = nn.ModuleList([nn.LSTMCell(width, width), nn.LSTMCell(width, width)])
        self.decode = nn.Linear(width, vocabulary)

    def forward(self, tokens: Tensor, state: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        outputs = []
        for token in tokens.unbind(1):
            hidden = self.drop(self.embed(token))
            for i, cell in enumerate(self.cells):
                h, c = cell(hidden, state[i])
                state[i] = (h, c)
                hidden = self.drop(h)
            outputs.append(self.decode(hidden))
        return torch.stack(outputs, dim=1), state


def lstm() -> chainrule.Recording:
    model, width = LSTMLanguageModel(), 8
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    corpus = torch.randint(0, 12, (3, 9))
    with chainrule.record() as rec:
        state = [(torch.zeros(3, width), torch.zeros(3, width)) for _ in range(2)]
        for start in (0, 4):
            source, target = corpus[:, start : start + 4], corpus[:, start + 1 : start + 5]
            state = [(h.detach(), c.detach()) for h, c in state]
            logits, state = model(source, state)
            loss = F.cross_entropy(logits.flatten(0, 1), target.flatten())
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 0.25)
            optimizer.step()
    return rec


class TiedGRU(nn.Module):
    """Press and Wolf 2017: the embedding is the output layer too."""

    def __init__(self, vocabulary: int = 12, width: int = 8) -> None:
        super().__init__()
        self.encoder = nn.Embedding(vocabulary, width)
        self.rnn = nn.GRU(width, width, num_layers=2, batch_first=True)
        self.decoder = nn.Linear(width, vocabulary)
        self.decoder.weight = self.encoder.weight

    def forward(self, tokens: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        output, hidden = self.rnn(self.encoder(tokens), hidden)
        return F.log_softmax(self.decoder(output), dim=-1), hidden


def gru() -> chainrule.Recording:
    model = TiedGRU()
    tokens = torch.randint(0, 12, (3, 6))
    with chainrule.record() as rec:
        hidden = torch.zeros(2, 3, 8)
        log_probabilities, hidden = model(tokens[:, :-1], hidden)
        loss = F.nll_loss(log_probabilities.transpose(1, 2), tokens[:, 1:])
        loss.backward()
        with torch.no_grad():
            for p in model.parameters():
                p.add_(p.grad, alpha=-0.1)
    return rec


class VAE(nn.Module):
    """Kingma and Welling 2014."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc21, self.fc22 = nn.Linear(12, 8), nn.Linear(8, 3), nn.Linear(8, 3)
        self.fc3, self.fc4 = nn.Linear(3, 8), nn.Linear(8, 12)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h1 = F.relu(self.fc1(x))
        return self.fc21(h1), self.fc22(h1)

    def reparameterize(self, mu: Tensor, logvar: Tensor) -> Tensor:
        std = torch.exp(0.5 * logvar)
        eps = torch.randn_like(std)
        return mu + eps * std

    def decode(self, z: Tensor) -> Tensor:
        h3 = F.relu(self.fc3(z))
        return torch.sigmoid(self.fc4(h3))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mu, logvar = self.encode(x.view(-1, 12))
        z = self.reparameterize(mu, logvar)
        return self.decode(z), mu, logvar


def vae() -> chainrule.Recording:
    model = VAE()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def loss_function(recon_x: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        bce = F.binary_cross_entropy(recon_x, x.view(-1, 12), reduction="sum")
        kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
        return bce + kld

    data = torch.rand(4, 3, 4)
    with chainrule.record() as rec:
        optimizer.zero_grad()
        recon_batch, mu, logvar = model(data)
        loss = loss_function(recon_batch, data, mu, logvar)
        loss.backward()
        optimizer.step()
    return rec


def gan() -> chainrule.Recording:
    """Goodfellow et al. 2014, with the layers of Radford et al. 2016: both networks in one block."""
    generator = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(True), nn.Linear(8, 6), nn.Tanh())
    discriminator = nn.Sequential(nn.Linear(6, 8), nn.LeakyReLU(0.2, inplace=True), nn.Linear(8, 1), nn.Sigmoid())
    criterion = nn.BCELoss()
    optimizer_d = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    optimizer_g = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    data = torch.randn(5, 6)
    with chainrule.record() as rec:
        discriminator.zero_grad()
        real = torch.ones(5)
        output = discriminator(data).view(-1)
        loss_real = criterion(output, real)
        loss_real.backward()
        noise = torch.randn(5, 4)
        fake = generator(noise)
        label = torch.zeros(5)
        output = discriminator(fake.detach()).view(-1)
        loss_fake = criterion(output, label)
        loss_fake.backward()
        loss_d = loss_real + loss_fake
        optimizer_d.step()
        generator.zero_grad()
        output = discriminator(fake).view(-1)
        loss_g = criterion(output, real)
        loss_g.backward()
        optimizer_g.step()
        assert loss_d.isfinite()
    return rec


class GraphConvolution(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.randn(inputs, outputs)), nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor, adj: Tensor) -> Tensor:
        support = torch.mm(x, self.weight)
        output = torch.spmm(adj, support) if adj.is_sparse else adj @ support
        return output + self.bias


class GCN(nn.Module):
    """Kipf and Welling 2017."""

    def __init__(self) -> None:
        super().__init__()
        self.gc1, self.gc2 = GraphConvolution(6, 8), GraphConvolution(8, 3)

    def forward(self, x: Tensor, adj: Tensor) -> Tensor:
        x = F.relu(self.gc1(x, adj))
        x = F.dropout(x, 0.5, training=self.training)
        x = self.gc2(x, adj)
        return F.log_softmax(x, dim=1)


def gcn() -> chainrule.Recording:
    model, features, labels = GCN(), torch.randn(10, 6), torch.randint(0, 3, (10,))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-4)
    edges, idx_train = (torch.rand(10, 10) < 0.3).float(), torch.arange(6)
    with chainrule.record() as rec:
        adj = edges + edges.T + torch.eye(10)
        degree = adj.sum(1).pow(-0.5)
        adj = degree[:, None] * adj * degree
        optimizer.zero_grad()
        output = model(features, adj)
        loss_train = F.nll_loss(output[idx_train], labels[idx_train])
        loss_train.backward()
        optimizer.step()
    return rec


class Seq2Seq(nn.Module):
    """Vaswani et al. 2017: an encoder and a decoder with shared embeddings, of PyTorch's own layers."""

    def __init__(self, vocabulary: int = 12, width: int = 8) -> None:
        super().__init__()
        self.shared = nn.Embedding(vocabulary, width)
        self.transformer = nn.Transformer(width, 2, 2, 2, 16, dropout=0.1, batch_first=True)
        self.lm_head = nn.Linear(width, vocabulary, bias=False)
        self.lm_head.weight = self.shared.weight
        self.register_buffer("pe", self.positions(16, width))

    @staticmethod
    def positions(length: int, width: int) -> Tensor:
        angles = torch.arange(length)[:, None] / 10_000 ** (torch.arange(0, width, 2) / width)
        return torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(1)

    def embed(self, tokens: Tensor) -> Tensor:
        return self.shared(tokens) * math.sqrt(self.shared.embedding_dim) + self.pe[: tokens.size(1)]

    def forward(self, src: Tensor, tgt: Tensor) -> Tensor:
        tgt_mask = nn.Transformer.generate_square_subsequent_mask(tgt.size(1))
        hidden = self.transformer(self.embed(src), self.embed(tgt), tgt_mask=tgt_mask)
        return self.lm_head(hidden)


def seq2seq() -> chainrule.Recording:
    model, criterion = Seq2Seq(), nn.CrossEntropyLoss(ignore_index=0)
    src, tgt = torch.randint(1, 12, (3, 5)), torch.randint(1, 12, (3, 6))
    with chainrule.record() as rec:
        logits = model(src, tgt[:, :-1])
        loss = criterion(logits.transpose(1, 2), tgt[:, 1:])
        loss.backward()
    return rec


class S6(nn.Module):
    """Gu and Dao 2023: a state-space layer whose step and matrices depend on the input, scanned one by one."""

    def __init__(self, width: int = 6, state: int = 4) -> None:
        super().__init__()
        self.in_proj, self.out_proj = nn.Linear(width, 2 * width), nn.Linear(width, width)
        self.conv1d = nn.Conv1d(width, width, 3, padding=2, groups=width)
        self.x_proj, self.dt_proj = nn.Linear(width, 1 + 2 * state, bias=False), nn.Linear(1, width)
        self.A_log = nn.Parameter(torch.arange(1.0, state + 1).repeat(width, 1).log())
        self.D = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        length, state = x.shape[1], self.A_log.shape[1]
        x, res = self.in_proj(x).chunk(2, dim=-1)
        x = F.silu(self.conv1d(x.transpose(1, 2))[:, :, :length].transpose(1, 2))
        delta, B, C = self.x_proj(x).split([1, state, state], dim=-1)  # noqa: N806  # the paper's names
        delta = F.softplus(self.dt_proj(delta))
        y = self.selective_scan(x, delta, -torch.exp(self.A_log), B, C)
        return self.out_proj((y + x * self.D) * F.silu(res))

    def selective_scan(self, u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor) -> Tensor:  # noqa: N803
        deltaA = torch.exp(torch.einsum("bld,dn->bldn", delta, A))  # noqa: N806
        deltaB_u = torch.einsum("bld,bln,bld->bldn", delta, B, u)  # noqa: N806
        x, ys = u.new_zeros(u.shape[0], *A.shape), []
        for i in range(u.shape[1]):
            x = deltaA[:, i] * x + deltaB_u[:, i]
            ys.append(torch.einsum("bdn,bn->bd", x, C[:, i]))
        return torch.stack(ys, dim=1)


def state_space() -> chainrule.Recording:
    model, u = S6(), torch.randn(2, 5, 6)
    with chainrule.record() as rec:
        y = model(u)
        loss = (y[:, :-1] - u[:, 1:]).pow(2).mean()
        loss.backward()
    return rec


PAPERS: dict[str, Callable[[], chainrule.Recording]] = {
    made.__name__: made for made in (gpt, vit, resnet, lstm, gru, vae, gan, gcn, seq2seq, state_space)
}
