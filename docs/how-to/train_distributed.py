"""Train one small network on several processes, and show that averaged gradients are those of the whole batch.

    torchrun --standalone --nproc-per-node 2 train_distributed.py

Every process runs this file. torchrun tells each how many there are, and which one it is.
"""

import argparse
import json
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import allreduce_hook
from torch.nn.parallel import DistributedDataParallel

SAMPLES, RATE, STEPS = 24, 0.1, 20


def network(width: int) -> nn.Module:
    """Make a network; the seed gives every process the same weights."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, width), nn.Tanh(), nn.Linear(width, 1)).double()


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    """Make the whole batch; in real training each process would load its own part."""
    draw = torch.Generator().manual_seed(1)
    x = torch.randn(SAMPLES, 3, generator=draw, dtype=torch.float64)
    return x, x.prod(dim=1, keepdim=True)


def differentiate(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    """Leave the gradients of the mean loss over these samples in the model, and give the loss."""
    model.zero_grad()
    loss = nn.functional.mse_loss(model(x), y)
    loss.backward()
    return loss.item()


def average(model: nn.Module) -> int:
    """Replace each gradient by its mean over all; give the bytes handed over."""
    handed_over = 0
    for weight in model.parameters():
        dist.all_reduce(weight.grad)  # now every process has the sum
        weight.grad /= dist.get_world_size()
        handed_over += weight.grad.nbytes
    return handed_over


def step(model: nn.Module) -> None:
    """Take one step downhill."""
    with torch.no_grad():
        for weight in model.parameters():
            weight -= RATE * weight.grad


def gradients(model: nn.Module) -> torch.Tensor:
    """Give all gradients in one list."""
    return torch.cat([weight.grad.flatten() for weight in model.parameters()])


def largest_over_all(number: torch.Tensor) -> float:
    """Give the largest of the numbers that the processes have."""
    largest = number.clone()
    dist.all_reduce(largest, op=dist.ReduceOp.MAX)
    return largest.item()


def compare(mine: slice) -> dict[str, object]:
    """Hold the averaged gradients of the parts against the gradient of the whole batch."""
    x, y = batch()
    parts, whole = network(4), network(4)
    differentiate(whole, x, y)
    differentiate(parts, x[mine], y[mine])
    part = gradients(parts)
    average(parts)
    return {
        "whole": gradients(whole).tolist(),
        "part": part.tolist(),
        "averaged": gradients(parts).tolist(),
    }


def train(mine: slice) -> dict[str, float]:
    """Train on parts and on the whole, and see how far they, and the processes, have come apart."""
    x, y = batch()
    parts, whole = network(4), network(4)
    for _ in range(STEPS):
        differentiate(parts, x[mine], y[mine])
        average(parts)
        step(parts)
        differentiate(whole, x, y)
        step(whole)
    weights, wanted = (nn.utils.parameters_to_vector(model.parameters()).detach() for model in (parts, whole))
    from_first = weights.clone()
    dist.broadcast(from_first, src=0)
    return {
        "from_whole": largest_over_all((weights - wanted).abs().max()),
        "between_processes": largest_over_all((weights - from_first).abs().max()),
        "loss": nn.functional.mse_loss(parts(x), y).item(),
    }


def wrapped(mine: slice) -> dict[str, float]:
    """Let DistributedDataParallel average, and count what it hands over."""
    x, y = batch()
    by_us, inner = network(4), network(4)
    model = DistributedDataParallel(inner)
    sizes: list[int] = []

    def counted(group, bucket):
        sizes.append(bucket.buffer().nbytes)
        return allreduce_hook(group, bucket)

    model.register_comm_hook(None, counted)
    differentiate(model, x[mine], y[mine])
    differentiate(by_us, x[mine], y[mine])
    average(by_us)
    apart = (gradients(inner) - gradients(by_us)).abs().max()
    largest = largest_over_all(apart)
    return {"apart": largest, "calls": len(sizes), "bytes": sum(sizes)}


def growth(mine: slice) -> list[dict[str, int]]:
    """Count the bytes that each process hands over in one step, as the network grows and as the batch grows."""
    x, y = batch()
    rows = []
    for width in (4, 16, 64, 256, 1024):
        for repeat in (1, 4):
            model = network(width)
            differentiate(model, x[mine].repeat(repeat, 1), y[mine].repeat(repeat, 1))
            weights = sum(weight.numel() for weight in model.parameters())
            rows.append({"weights": weights, "samples": repeat * SAMPLES, "bytes": average(model)})
    return rows


def main() -> None:
    """Run it all, and let the first process say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--save", type=Path, help="write the numbers to this file, as JSON")
    save = parser.parse_args().save
    if not dist.is_torchelastic_launched():
        parser.error("start it by torchrun, which tells each process who it is: see the first lines of this file")
    dist.init_process_group("gloo")
    rank, world = dist.get_rank(), dist.get_world_size()
    if SAMPLES % world:
        parser.error(f"{SAMPLES} samples cannot be shared out evenly among {world} processes; start 2, 3, 4, 6 or 8")
    mine = slice(rank * SAMPLES // world, (rank + 1) * SAMPLES // world)
    found = {
        "processes": world,
        "compare": compare(mine),
        "train": train(mine),
        "wrapped": wrapped(mine),
        "growth": growth(mine),
    }
    if rank == 0:
        first = found["compare"]
        print(f"{world} processes, {SAMPLES // world} samples each. Some gradients:")
        print("the first part   averaged   the whole batch")
        for part, averaged, whole in list(zip(first["part"], first["averaged"], first["whole"], strict=True))[:6]:
            print(f"{part:14.6f} {averaged:10.6f} {whole:17.6f}")
        print(f"after {STEPS} steps, a loss of {found['train']['loss']:.4f}")
        if save:
            save.write_text(json.dumps(found), encoding="utf-8")
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
