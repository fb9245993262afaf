"""Training loops of many kinds that are as they should be: each function makes one, and returns what takes a step."""
# ruff: noqa: D101, D102, D103  # the names say what they are

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterable
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # as everybody calls it
from torch import Tensor, nn

Step = Callable[[], Any]
HEALTHY: list[Callable[[], Step]] = []


def healthy(make: Callable[[], Step]) -> Callable[[], Step]:
    HEALTHY.append(make)
    return make


def mlp(*sizes: int, between: type[nn.Module] = nn.ReLU) -> nn.Sequential:
    layers = [layer for a, b in itertools.pairwise(sizes) for layer in (nn.Linear(a, b), between())]
    return nn.Sequential(*layers[:-1])


def descent(weights: Iterable[Tensor], loss_of: Callable[[], Any], clip: float = 0, rate: float = 0.01) -> Step:
    """Make the usual step, with Adam."""
    held = list(weights)
    optimizer = torch.optim.Adam(held, rate)

    def step() -> None:
        optimizer.zero_grad()
        loss_of().backward()
        if clip:
            nn.utils.clip_grad_norm_(held, clip)
        optimizer.step()

    return step


def x(size: int = 6, count: int = 8) -> Tensor:
    return torch.randn(count, size)


def y(count: int = 8) -> Tensor:
    return torch.randint(0, 3, (count,))


def classify(net: nn.Module, batch: Callable[[], Tensor] = x) -> Step:
    return descent([w for w in net.parameters() if w.requires_grad], lambda: F.cross_entropy(net(batch()), y()))


class Block(nn.Module):
    def __init__(self, *layers: nn.Module, scale: float = 1) -> None:
        super().__init__()
        self.layers, self.scale = nn.Sequential(*layers), nn.Parameter(torch.full((6,), float(scale)))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.scale * torch.as_tensor(self.layers(x))


@healthy
def both_turns_of_a_gan() -> Step:
    make, judge = mlp(4, 16, 6), mlp(6, 16, 1)
    optimizers = [torch.optim.Adam(net.parameters()) for net in (judge, make)]

    def step() -> None:
        fake = make(x(4))
        for optimizer, fakes in zip(optimizers, (fake.detach(), fake), strict=True):
            optimizer.zero_grad()
            real = F.softplus(-judge(x())).mean() if fakes is not fake else 0
            (F.softplus(judge(fakes) * (1 if fakes is not fake else -1)).mean() + real).backward()
            optimizer.step()

    return step


@healthy
def the_turn_of_a_critic_with_a_penalty() -> Step:
    make, critic = mlp(4, 16, 6), mlp(6, 16, 1, between=nn.Tanh)

    def loss() -> Any:
        real, fake = x(), make(x(4)).detach()
        between = ((real + fake) / 2).requires_grad_()
        (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
        return torch.as_tensor(critic(fake).mean() - critic(real).mean() + 10 * (slope.norm(dim=1) - 1).square().mean())

    return descent(critic.parameters(), loss)


@healthy
def three_tasks_of_maml() -> Step:
    net = nn.Linear(4, 3)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)

    def step() -> None:
        optimizer.zero_grad()
        for _ in range(3):
            inner = F.cross_entropy(net(x(4)), y())
            slopes = torch.autograd.grad(inner, list(net.parameters()), create_graph=True)
            weight, bias = (held - 0.1 * slope for held, slope in zip(net.parameters(), slopes, strict=True))
            F.cross_entropy(F.linear(x(4), weight, bias), y()).backward()
        optimizer.step()

    return step


@healthy
def the_turn_of_a_generator() -> Step:
    make, judge = mlp(4, 16, 6), mlp(6, 16, 1)
    return descent(make.parameters(), lambda: F.softplus(-judge(make(x(4)))).mean())


@healthy
def q_learning_with_a_target_network() -> Step:
    value = mlp(4, 32, 3)
    target = copy.deepcopy(value)

    def loss() -> Any:
        with torch.no_grad():
            goal = torch.randn(8) + 0.9 * target(x(4)).max(1).values
            for slow, fast in zip(target.parameters(), value.parameters(), strict=True):
                slow.lerp_(fast, 0.01)
        return F.smooth_l1_loss(value(x(4)).gather(1, y()[:, None]).squeeze(1), goal)

    return descent(value.parameters(), loss, clip=10)


@healthy
def a_policy_by_its_score() -> Step:
    policy = mlp(4, 16, 2)

    def loss() -> Any:
        chosen = torch.distributions.Normal(policy(x(4)), 1.0)
        action = chosen.sample()
        reward = -(action - 1).square().sum(-1)
        return -(chosen.log_prob(action).sum(-1) * (reward - reward.mean())).mean()

    return descent(policy.parameters(), loss)


@healthy
def an_actor_and_its_critic() -> Step:
    actor, critic = mlp(4, 16, 3), mlp(4, 16, 1)

    def loss() -> Any:
        states = x(4)
        chosen, value = torch.distributions.Categorical(logits=actor(states)), critic(states).squeeze(1)
        action = chosen.sample()
        reward = torch.tensor([float(one == 1) for one in action.tolist()])
        score = chosen.log_prob(action) * (reward - value.detach())
        return -score.mean() + F.mse_loss(value, reward) - 0.01 * chosen.entropy().mean()

    return descent([*actor.parameters(), *critic.parameters()], loss, clip=0.5)


@healthy
def a_policy_that_is_clipped() -> Step:
    policy = mlp(4, 16, 3)

    def loss() -> Any:
        states, worth = x(4), torch.randn(8)
        with torch.no_grad():
            before = torch.distributions.Categorical(logits=policy(states))
            action = before.sample()
        ratio = (
            torch.distributions.Categorical(logits=policy(states)).log_prob(action) - before.log_prob(action)
        ).exp()
        return -torch.min(ratio * worth, ratio.clamp(0.8, 1.2) * worth).mean()

    return descent(policy.parameters(), loss)


@healthy
def an_autoencoder_that_draws() -> Step:
    encode, decode = mlp(6, 16, 4), mlp(2, 16, 6)

    def loss() -> Any:
        points = x()
        mean, spread = encode(points).chunk(2, 1)
        drawn = torch.distributions.Normal(mean, (spread / 2).exp())
        back = torch.distributions.kl_divergence(drawn, torch.distributions.Normal(0.0, 1.0)).mean()
        return F.mse_loss(decode(drawn.rsample()), points) + back

    return descent([*encode.parameters(), *decode.parameters()], loss)


@healthy
def accumulation_that_is_divided() -> Step:
    net = mlp(6, 16, 3)
    optimizer = torch.optim.SGD(net.parameters(), 0.1)

    def step() -> None:
        for _ in range(3):
            (F.cross_entropy(net(x()), y()) / 3).backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()

    return step


@healthy
def two_losses_on_one_graph() -> Step:
    net = mlp(6, 16, 3)
    optimizer = torch.optim.SGD(net.parameters(), 0.1)

    def step() -> None:
        optimizer.zero_grad()
        out = net(x())
        F.cross_entropy(out, y()).backward(retain_graph=True)
        (out.square().mean() / 100).backward()
        optimizer.step()

    return step


@healthy
def half_precision_with_a_scaler() -> Step:
    net, points, goal = mlp(16, 32, 1), x(16, 32), torch.randn(32, 1)
    optimizer, scaler = torch.optim.Adam(net.parameters()), torch.amp.GradScaler("cpu")

    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.float16):
            loss = F.mse_loss(net(points), goal)
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()

    return step


@healthy
def adapters_that_begin_at_zero() -> Step:
    base, down, up, head = nn.Linear(6, 6), nn.Linear(6, 2, bias=False), nn.Linear(2, 6, bias=False), nn.Linear(6, 3)
    nn.init.zeros_(up.weight)
    base.requires_grad_(False)
    weights = [*down.parameters(), *up.parameters(), *head.parameters()]
    return descent(weights, lambda: F.cross_entropy(head(torch.relu(base(points := x()) + up(down(points)))), y()))


@healthy
def a_residual_block_that_begins_at_zero() -> Step:
    last = nn.Linear(12, 6)
    nn.init.zeros_(last.weight)
    return classify(nn.Sequential(Block(nn.Linear(6, 12), nn.ReLU(), last), nn.Linear(6, 3)))


@healthy
def a_block_that_is_scaled_down() -> Step:
    blocks = [Block(nn.LayerNorm(6), nn.Linear(6, 12), nn.GELU(), nn.Linear(12, 6), scale=1e-5) for _ in range(2)]
    return classify(nn.Sequential(*blocks, nn.Linear(6, 3)))


@healthy
def a_norm_that_begins_at_zero() -> Step:
    norm = nn.BatchNorm1d(6)
    nn.init.zeros_(norm.weight)
    return classify(nn.Sequential(Block(nn.Linear(6, 6, bias=False), norm), nn.Linear(6, 3)))


@healthy
def a_hinge_that_is_satisfied() -> Step:
    net, points, side = nn.Linear(2, 1), torch.tensor([[1.0, 0], [-1, 0], [2, 1]]), torch.tensor([1.0, -1, 1])
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[9.0, 0.0]]))
    return descent(net.parameters(), lambda: torch.relu(1 - side * net(points).squeeze(1)).mean())


@healthy
def a_slow_copy() -> Step:
    net = mlp(6, 16, 3)
    slow, step = torch.optim.swa_utils.AveragedModel(net), classify(net)
    return lambda: step() or slow.update_parameters(net)  # type: ignore[func-returns-value]


@healthy
def features_that_are_frozen() -> Step:
    body, head = mlp(6, 16, 8), nn.Linear(8, 3)

    def features() -> Tensor:
        with torch.no_grad():
            return torch.as_tensor(body(x()))

    return classify(head, features)


@healthy
def a_head_on_a_body_that_stays() -> Step:
    net = nn.Sequential(mlp(6, 16, 8), nn.ReLU(), nn.Linear(8, 3))
    return descent(net[2].parameters(), lambda: F.cross_entropy(net(x()), y()))


@healthy
def words_with_padding() -> Step:
    words = lambda: torch.randint(0, 50, (8, 7))  # noqa: E731
    return classify(nn.Sequential(nn.Embedding(50, 4, padding_idx=0), nn.Flatten(), nn.Linear(28, 3)), words)


@healthy
def words_with_sparse_gradients() -> Step:
    words, head = nn.Embedding(40, 4, sparse=True), nn.Linear(4, 3)
    optimizer = torch.optim.SGD([*words.parameters(), *head.parameters()], 0.1)

    def step() -> None:
        optimizer.zero_grad()
        F.cross_entropy(head(words(torch.randint(0, 40, (8,)))), y()).backward()
        optimizer.step()

    return step


@healthy
def a_state_that_is_carried_on() -> Step:
    cell, head, state = nn.GRU(3, 5), nn.Linear(5, 1), [torch.zeros(1, 2, 5)]

    def loss() -> Any:
        out, after = cell(torch.randn(4, 2, 3), state[0])
        state[0] = after.detach()
        return torch.as_tensor(head(out).square().mean())

    return descent([*cell.parameters(), *head.parameters()], loss)


@healthy
def biases_before_a_norm() -> Step:
    layers = nn.Conv2d(3, 4, 3), nn.InstanceNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3)
    return classify(nn.Sequential(*layers), lambda: torch.randn(8, 3, 6, 6))


@healthy
def a_step_that_runs_the_passes() -> Step:
    net, points, goal = nn.Linear(3, 1), x(3), torch.randn(8, 1)
    optimizer = torch.optim.LBFGS(net.parameters(), max_iter=3)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = F.mse_loss(net(points), goal)
        loss.backward()
        return loss

    return lambda: optimizer.step(closure)


@healthy
def a_jacobian_that_is_learned() -> Step:
    net = mlp(3, 8, 1, between=nn.Tanh)

    def loss() -> Any:
        slopes = torch.autograd.functional.jacobian(lambda points: net(points).sum(), x(3), create_graph=True)
        return (slopes.square().sum(1) - 1).square().mean()

    return descent(net.parameters(), loss)


@healthy
def codes_straight_through() -> Step:
    encode, codes, decode = nn.Linear(6, 4), nn.Embedding(8, 4), nn.Linear(4, 6)

    def loss() -> Any:
        code = encode(points := x())
        near = codes(torch.cdist(code, codes.weight).argmin(1))
        back = F.mse_loss(decode(code + (near - code).detach()), points)
        return back + F.mse_loss(near, code.detach()) + F.mse_loss(code, near.detach())

    return descent([*encode.parameters(), *codes.parameters(), *decode.parameters()], loss)


@healthy
def experts_that_are_chosen() -> Step:
    class Experts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gate, self.experts = nn.Linear(6, 4), nn.ModuleList([nn.Linear(6, 3) for _ in range(4)])

        def forward(self, points: Tensor) -> Tensor:
            weight, best = self.gate(points).softmax(1).max(1)
            return torch.stack([w * self.experts[i](p) for w, i, p in zip(weight, best.tolist(), points, strict=True)])

    net = Experts()
    return descent(net.parameters(), lambda: F.cross_entropy(net(x(count=3)), y(3)))


@healthy
def attacks_to_learn_from() -> Step:
    net = mlp(6, 16, 3)

    def loss() -> Any:
        points, goal = x().requires_grad_(), y()
        (slope,) = torch.autograd.grad(F.cross_entropy(net(points), goal), points)
        return F.cross_entropy(net((points + 0.1 * slope.sign()).detach()), goal)

    return descent(net.parameters(), loss)


@healthy
def an_input_that_learns() -> Step:
    net, point = mlp(6, 16, 3), torch.randn(1, 6, requires_grad=True)
    return descent([point], lambda: net(point).square().mean())


@healthy
def steps_inside_of_the_pass() -> Step:
    net = mlp(6, 16, 3)
    optimizers = {weight: torch.optim.SGD([weight], 0.1) for weight in net.parameters()}
    for weight in optimizers:
        weight.register_post_accumulate_grad_hook(lambda w: optimizers[w].step() or optimizers[w].zero_grad())
    return lambda: F.cross_entropy(net(x()), y()).backward()


@healthy
def numbers_that_are_printed() -> Step:
    net, seen = mlp(6, 16, 3), list[float]()
    step = classify(net)
    return lambda: step() or seen.append(sum(w.grad.norm().item() for w in net.parameters() if w.grad is not None))  # type: ignore[func-returns-value]
