"""One thread: the models are tiny, and the machines that test are shared."""

try:
    import torch
except ImportError:
    pass
else:
    torch.set_num_threads(1)
