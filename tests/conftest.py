"""One thread a process: the tests run in as many processes as there are cores."""

import os

import torch

os.environ["OMP_NUM_THREADS"] = "1"
torch.set_num_threads(1)
