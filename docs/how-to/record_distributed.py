"""Record a step of DistributedDataParallel in each process: its own gradient, and the mean that DDP leaves.

torchrun --standalone --nproc-per-node 2 record_distributed.py
"""

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

import chainrule

dist.init_process_group("gloo")
# each process has a sample of its own: 1, 2, ...
x = torch.tensor([[1.0 + dist.get_rank()]])
line = nn.Linear(1, 1, bias=False)
nn.init.ones_(line.weight)
model = DistributedDataParallel(line)

with chainrule.record() as rec:
    loss = ((model(x) - 2 * x) ** 2).mean()
    loss.backward()

found = [(0.0, 0.0)] * dist.get_world_size()
dist.all_gather_object(found, (rec.grad(line.weight).item(), line.weight.grad.item()))
if dist.get_rank() == 0:
    for process, (own, left) in enumerate(found):
        print(f"process {process}: rec.grad {own:g}, .grad {left:g}")
dist.destroy_process_group()
