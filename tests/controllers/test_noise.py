"""Deterministic policies stay within the bounds and explore as they are told."""

from __future__ import annotations

import torch

from marl.controllers.noise import DeterministicPolicy, NoiseConfig, NoisyActor
from marl.nets.agents import MlpConfig
from marl.protocols.acting import ObservationTensors
from marl.protocols.loop import Progress
from marl.spec import Continuous, EnvSpec

BOUNDS = Continuous((-2.0, 0.0), (2.0, 10.0))
SPEC = EnvSpec("test/continuous", 1, BOUNDS, obs_dim=4, state_dim=4, episode_limit=50)


def act(noise: NoiseConfig, t_env: int, greedy: bool = False, count: int = 5000) -> torch.Tensor:
    """Actions [count,1,2] for one and the same observation."""
    torch.manual_seed(0)
    actor = NoisyActor(DeterministicPolicy(SPEC, MlpConfig(agent_id=False)), noise)
    obs = torch.ones(count, 1, 4)
    seen = ObservationTensors(obs, obs[:, 0], None)
    rng = torch.Generator().manual_seed(1)
    with torch.no_grad():
        carry = actor.initial_carry(count)
        return actor.act(seen, carry, Progress(t_env=t_env), rng, greedy).actions


def test_first_steps_are_uniform_between_the_bounds():
    actions = act(NoiseConfig(random_steps=10), t_env=9)[:, 0]
    for column, (low, high) in enumerate([(-2.0, 2.0), (0.0, 10.0)]):
        values = actions[:, column]
        assert low <= values.min() < low + 0.01 * (high - low)
        assert high - 0.01 * (high - low) < values.max() <= high
        assert abs(values.mean() - (low + high) / 2) < 0.02 * (high - low)


def test_later_steps_are_the_policys_with_noise_of_each_actions_range():
    greedy = act(NoiseConfig(random_steps=10), t_env=10, greedy=True)[:, 0]
    noisy = act(NoiseConfig(random_steps=10, std=0.1), t_env=10)[:, 0]
    assert (greedy == greedy[0]).all()
    deviation = (noisy - greedy).std(0)
    assert torch.allclose(deviation, torch.tensor([0.2, 0.5]), rtol=0.05)


def test_noise_never_leaves_the_bounds():
    actions = act(NoiseConfig(random_steps=0, std=3.0), t_env=0)[:, 0]
    assert (actions >= torch.tensor(BOUNDS.low)).all()
    assert (actions <= torch.tensor(BOUNDS.high)).all()


def test_a_share_of_actions_is_uniform_for_good():
    greedy = act(NoiseConfig(random_steps=0), t_env=10**6, greedy=True)[:, 0]
    actions = act(NoiseConfig(random_steps=0, std=0.0, random_share=0.3), t_env=10**6)[:, 0]
    own = (actions == greedy).all(-1)
    assert abs(own.float().mean() - 0.7) < 0.03
    uniform = actions[~own]
    for column, (low, high) in enumerate([(-2.0, 2.0), (0.0, 10.0)]):
        assert low <= uniform[:, column].min() < low + 0.01 * (high - low)
        assert high - 0.01 * (high - low) < uniform[:, column].max() <= high
    assert (act(NoiseConfig(random_share=1.0), t_env=10**6, greedy=True)[:, 0] == greedy).all()
