"""The line-world: data that mostly goes the wrong way; to match it fails, its support leads on.

Kumar et al. 2019 (arXiv:1906.00949), section 4: between start and goal the data's policy takes the
wrong action with probability 0.9. Here actions are numbers: those above 0 go right and the others
left, and one beyond 1.5 in size, where there is no data, falls off the line for good.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from marl.algos.agent import Agent, RecipeConfig
from marl.batch import EpisodeBatch, layout_of
from marl.buffers.samplers import SliceSamplerConfig
from marl.learners.actor_critic.support import MmdConfig, SupportConfig
from marl.learners.cloning import CloningConfig
from marl.learners.optimizers import AdamConfig
from marl.nets.agents import MlpConfig
from marl.nets.critics import CriticConfig
from marl.nets.vae import VaeConfig
from marl.protocols.acting import ObservationTensors
from marl.protocols.loop import Progress
from marl.single_agent.actor_critic.td3 import Td3Config
from marl.single_agent.offline.bc import BcConfig
from marl.single_agent.offline.bear import BearConfig
from marl.spec import Continuous, EnvSpec

CPU = torch.device("cpu")
GOAL = 5  # the place that pays 1 and ends the episode; 0 is the start
SPEC = EnvSpec("test/line", 1, Continuous((-2.0,), (2.0,)), GOAL, GOAL, 3 * GOAL)
WRONG = 0.9  # share of the data's actions
NET = MlpConfig(hidden_dims=(64, 64), agent_id=False, last_action=False)
SAMPLER = SliceSamplerConfig(batch_size=64, start=64)
ADAM = AdamConfig(lr=0.001, eps=1e-8)


def moved(place: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
    """Where the actions lead, and whether they fall, [N] each."""
    after = torch.where(action > 0, place + 1, (place - 1).clamp(min=0))
    return after, action.abs() > 1.5


def shown(place: Tensor) -> Tensor:
    """[N,O]: which place it is; the goal is nowhere."""
    return torch.nn.functional.one_hot(place, GOAL + 1)[..., :GOAL].float()


def data(count: int) -> EpisodeBatch:
    """Steps from all places alike; the wrong ones go left, and all are of 0.5 to 1 in size."""
    rng = torch.Generator().manual_seed(0)
    place = torch.randint(GOAL, (count,), generator=rng)
    size = 0.5 + 0.5 * torch.rand(count, generator=rng)
    wrong = torch.rand(count, generator=rng) < WRONG
    action = torch.where(wrong, -size, size)
    after, fell = moved(place, action)
    assert not fell.any()
    batch = EpisodeBatch.zeros(layout_of(SPEC), count, 1)
    batch.obs[:, 0, 0], batch.obs[:, 1, 0] = shown(place), shown(after)
    batch.actions[:, 0, 0, 0] = action
    batch.reward[:, 0, 0] = (after == GOAL).float()
    batch.terminated[:, 0, 0] = after == GOAL
    batch.filled.fill_(True)
    return batch


def taught(recipe: RecipeConfig, updates: int) -> Agent:
    torch.manual_seed(0)
    agent = recipe.build(SPEC, CPU)
    agent.buffer.add(data(4000))
    rng = torch.Generator().manual_seed(0)
    for update in range(updates):
        agent.learner.update(agent.sampler.sample(agent.buffer, rng), Progress(update=update))
    return agent


def walk(agent: Agent) -> list[int]:
    """The places of one greedy episode; it ends at the goal, at the limit, or with a fall to -1."""
    places = [0]
    while places[-1] not in (GOAL, -1) and len(places) <= SPEC.episode_limit:
        place = torch.tensor(places[-1:])
        obs = shown(place)
        observation = ObservationTensors(obs[:, None], obs, None)
        carry = agent.actor.initial_carry(1)
        acted = agent.actor.act(observation, carry, Progress(), torch.Generator(), greedy=True)
        after, fell = moved(place, acted.actions[:, 0, 0])
        places.append(-1 if fell.item() else int(after))
    return places


@pytest.mark.parametrize("policy", ["deterministic", "squashed", "stochastic"])
def test_matching_the_data_never_reaches_the_goal(policy):
    recipe = BcConfig(
        agent=NET, policy=policy, learner=CloningConfig(optimizer=ADAM), sampler=SAMPLER
    )
    assert walk(taught(recipe, 400)) == [0] * (SPEC.episode_limit + 1)


def bear(divergence: MmdConfig) -> BearConfig:
    return BearConfig(
        agent=NET,
        critic=CriticConfig(hidden_dims=(64, 64)),
        vae=VaeConfig(hidden_dims=(64, 64)),
        sampler=SAMPLER,
        learner=SupportConfig(
            gamma=0.9,
            warm_up=300,
            divergence=divergence,
            actor_optimizer=ADAM,
            critic_optimizer=ADAM,
            vae_optimizer=ADAM,
            dual_optimizer=replace(ADAM, lr=0.01),
        ),
    )


def test_keeping_to_the_datas_support_finds_the_way():
    agent = taught(bear(MmdConfig(kernel="gaussian", sigma=1.0, threshold=0.7)), 1500)
    assert walk(agent) == [*range(GOAL + 1)]


def test_without_a_constraint_the_actor_goes_where_no_data_is():
    recipe = Td3Config(agent=NET, critic=CriticConfig(hidden_dims=(64, 64)), sampler=SAMPLER)
    recipe = replace(recipe, learner=replace(recipe.learner, gamma=0.9))
    assert walk(taught(recipe, 1500))[-1] == -1
