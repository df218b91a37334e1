"""A codebook trained alone."""

import torch

from marl.quantizers.alone import train_alone
from marl.quantizers.vq import VectorQuantizer
from marl.quantizers.vq_learner import VqConfig, VqLearner


def test_it_learns_from_whole_episodes_drawn_anew(monkeypatch):
    torch.manual_seed(0)
    episode, slot = torch.tensor([0, 0, 0, 1, 1, 2, 2]), torch.tensor([0, 1, 2, 0, 1, 0, 1])
    states = torch.arange(7.0)[:, None].repeat(1, 3)
    config = VqConfig(size=4, dim=2, hidden_dim=8)
    learner = VqLearner(VectorQuantizer(3, 4, 2, 8), config, "timestep", 3)
    seen = []
    step = learner.step

    def watched(some, slots_of, slots):
        seen.append((some[:, 0].int().tolist(), slots))
        return step(some, slots_of, slots)

    monkeypatch.setattr(learner, "step", watched)
    train_alone(learner, states, slot, episode, 20, 2, torch.Generator().manual_seed(0))
    pairs = {(0, 1, 2, 3, 4): 3, (0, 1, 2, 5, 6): 3, (3, 4, 5, 6): 2}  # two of three, T + 1
    assert learner.upkeep.steps == len(seen) == 20
    assert {tuple(rows): slots for rows, slots in seen} == pairs
