"""A fixed number of steps across the ends of episodes: rows, statistics, exact continuation."""

from __future__ import annotations

import io
from dataclasses import replace

import gymnasium
import numpy as np
import pytest
import torch
from builders import SMALL, NoiseEnv
from numpy.typing import NDArray
from runners.counting import CountingActor

from marl import seeding
from marl.algos.qmix import QmixConfig
from marl.batch import EpisodeBatch, goal_columns, layout_of
from marl.buffers.transitions import TransitionBuffer
from marl.envs.goals import BitFlipConfig
from marl.envs.gymnasium import GymnasiumConfig
from marl.envs.matrix import MatrixConfig, TwoStepConfig
from marl.envs.smac import Sc2Config
from marl.protocols.acting import Actor, Behaviour, Stopped
from marl.protocols.collecting import Rollout
from marl.protocols.environments import EnvConfig, VecEnv
from marl.protocols.loop import State
from marl.runners.episodes import EpisodeRunner
from marl.runners.evaluation import play
from marl.runners.steps import StepRolloutConfig, StepRunner
from marl.runners.stopwatch import Stopwatch
from marl.seeding import EpisodeSeeds
from marl.spec import Discrete

CPU = torch.device("cpu")
ENVS: dict[str, EnvConfig] = {
    "two_step": TwoStepConfig(),
    "matrix": MatrixConfig(),
    "cartpole": GymnasiumConfig("CartPole-v1"),
    "pendulum": GymnasiumConfig("Pendulum-v1", time_limit=7),
}
every_env = pytest.mark.parametrize("config", ENVS.values(), ids=ENVS)
# With masks that change from step to step, so for actors that look at them.
MASKED: dict[str, EnvConfig] = {**ENVS, "3m": Sc2Config(map="3m")}
every_masked_env = pytest.mark.parametrize("config", MASKED.values(), ids=MASKED)


class Collecting:
    """A runner, an actor, and the numbers that both draw."""

    def __init__(self, env: VecEnv, steps: int, actor: Actor, greedy: bool = False) -> None:
        layout = layout_of(env.spec, actor.columns)
        self.env = env
        self.runner: StepRunner = StepRolloutConfig(steps).build(env, layout, CPU, Stopwatch())
        self.seeds = EpisodeSeeds(5, seeding.TRAIN_EPISODES)
        self.behaviour = Behaviour(actor, rng=torch.Generator().manual_seed(1), greedy=greedy)

    def collect(self) -> Rollout:
        return self.runner.collect(self.behaviour, self.seeds)


def counting(
    config: EnvConfig, num_envs: int, steps: int, greedy: bool = False, first: int = 0
) -> Collecting:
    env = config.build(num_envs, 1)
    return Collecting(env, steps, CountingActor(env.spec, first), greedy)


def recurrent(config: EnvConfig, num_envs: int, steps: int) -> Collecting:
    """Epsilon-greedy on a network with a memory, where actions are discrete."""
    env = config.build(num_envs, 1)
    if not isinstance(env.spec.action, Discrete):
        return Collecting(env, steps, CountingActor(env.spec))
    torch.manual_seed(0)
    return Collecting(env, steps, QmixConfig().build(env.spec, CPU).actor)


def seed_of(episode: int) -> NDArray[np.uint64]:
    return seeding.episode_seeds(5, seeding.TRAIN_EPISODES, episode, 1)


def in_order(batches: list[EpisodeBatch]) -> EpisodeBatch:
    """The single steps of all batches, by episode and time."""
    buffer = TransitionBuffer(batches[0].layout, 10_000)
    for batch in batches:
        buffer.add(batch)
    episodes = buffer.episodes(torch.arange(len(buffer))).episode
    return buffer.episodes(episodes.argsort(stable=True))


def assert_same_batch(one: EpisodeBatch, other: EpisodeBatch) -> None:
    for name in one.layout:
        assert torch.equal(one[name], other[name]), name


def assert_same_rollout(one: Rollout, other: Rollout) -> None:
    assert_same_batch(one.batch, other.batch)
    for name in ("returns", "lengths", "truncated", "intact", "ended"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    assert one.outcomes.keys() == other.outcomes.keys()
    for name, values in one.outcomes.items():
        np.testing.assert_array_equal(values, other.outcomes[name], err_msg=name)


# rows


def test_a_row_is_what_one_episode_has_in_the_collection():
    """Two environments, three steps each, of episodes of two steps; actions 1 and then 0."""
    two = counting(TwoStepConfig(), 2, 3, greedy=True, first=1)
    first = two.collect()
    assert first.batch.episode.tolist() == [0, 2, 1, 3]  # by environment, then time
    assert first.batch.lengths.tolist() == [2, 1, 2, 1]
    assert first.ended.tolist() == [True, False, True, False]
    assert first.batch.started.all()
    assert not first.batch.previous_actions.any()
    assert first.batch.terminated[..., 0].tolist() == [[False, True], [False, False]] * 2
    assert first.batch.actions.tolist() == [[[1, 1], [0, 0]], [[1, 1], [0, 0]]] * 2
    assert (first.steps, two.seeds.following) == (6, 4)
    second = two.collect()
    assert second.batch.episode.tolist() == [2, 4, 3, 5]
    assert second.batch.lengths.tolist() == [1, 2, 1, 2]
    assert second.ended.tolist() == [True] * 4
    assert second.batch.started.tolist() == [False, True, False, True]
    assert second.batch.previous_actions.tolist() == [[1, 1], [0, 0]] * 2
    assert second.batch.actions[0].tolist() == [[0, 0], [0, 0]]  # its second step, and padding
    third = two.collect()
    assert third.batch.episode.tolist() == [6, 8, 7, 9]
    assert third.batch.started.all()  # what began with the last collection's end is a start


def test_the_last_slot_is_what_the_episode_showed_at_its_end():
    batch = counting(TwoStepConfig(), 1, 5, greedy=True, first=1).collect().batch
    table, after, end = [1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]
    assert batch.state.tolist() == [[table, after, end], [table, after, end], [table, after, end]]
    assert batch.filled[..., 0].tolist() == [[True, True], [True, True], [True, False]]
    assert torch.equal(batch.obs, batch.state[:, :, None].expand(-1, -1, 2, -1))
    assert batch.avail[:2].all()
    assert not batch.avail[2, 2].any()  # padding


def test_an_episode_of_one_step_is_a_row_of_one_step():
    rollout = counting(MatrixConfig(), 2, 3, greedy=True).collect()
    assert rollout.batch.episode.tolist() == [0, 2, 4, 1, 3, 5]
    assert rollout.batch.reward[:, 0, 0].tolist() == [11.0] * 6
    assert (rollout.batch.steps, rollout.batch.started.all()) == (1, True)


def test_the_actors_columns_stand_at_their_steps():
    batch = counting(TwoStepConfig(), 1, 5, greedy=True).collect().batch
    assert batch["count"].tolist() == [[0, 1], [0, 1], [0, 0]]


@pytest.mark.parametrize("env_id", ["CartPole-v1", "Pendulum-v1"])
def test_an_episode_cut_off_shows_its_own_last_observation_and_goes_on_counting(env_id):
    config = GymnasiumConfig(env_id, time_limit=4)
    rollout = counting(config, 1, 6, greedy=True).collect()
    batch = rollout.batch
    assert batch.lengths.tolist() == [4, 2]
    assert not batch.terminated.any()  # so that the value of what followed still counts
    assert (rollout.truncated.tolist(), rollout.ended.tolist()) == ([True], [True, False])
    theirs = gymnasium.make(env_id)
    for row, steps in enumerate((4, 2)):
        shown = [theirs.reset(seed=int(seed_of(row)[0]))[0]]
        for action in batch.actions[row, :steps, 0].numpy():
            shown.append(theirs.step(action)[0])
        np.testing.assert_array_equal(batch.obs[row, : steps + 1, 0], np.array(shown))


def test_a_fallen_pole_is_terminated_and_not_truncated():
    class Right(CountingActor):
        def act(self, *arguments):
            acted = super().act(*arguments)
            return acted._replace(actions=torch.ones_like(acted.actions))

    env = GymnasiumConfig("CartPole-v1").build(1, 1)
    rollout = Collecting(env, 12, Right(env.spec)).collect()
    length = int(rollout.lengths[0])
    assert 8 <= length <= 11  # a pole pushed one way falls within 12 steps
    assert rollout.batch.terminated[0, :, 0].nonzero().flatten().tolist() == [length - 1]
    assert rollout.truncated.tolist() == [False]
    assert rollout.batch.obs[0, length, 0, 2].abs() > 0.2094  # 12 degrees, at its own end
    assert rollout.batch.obs[1, 0, 0].abs().max() < 0.05  # the next one's start


# statistics


def test_statistics_are_of_the_episodes_that_ended_and_of_all_their_steps():
    two = counting(TwoStepConfig(), 2, 3, greedy=True)  # actions 0 and then 1: 7 for sure
    first, second = two.collect(), two.collect()
    assert (first.returns.tolist(), first.lengths.tolist()) == ([7.0] * 2, [2] * 2)
    assert (second.returns.tolist(), second.lengths.tolist()) == ([7.0] * 4, [2] * 4)
    assert second.outcomes["optimal"].tolist() == [0.0] * 4
    assert second.truncated.tolist() == [False] * 4
    assert second.intact.tolist() == [True] * 4


def test_a_collection_in_which_no_episode_ended_has_no_statistics():
    rollout = counting(GymnasiumConfig("CartPole-v1"), 2, 3).collect()
    assert rollout.returns.shape == rollout.lengths.shape == rollout.intact.shape == (0,)
    assert rollout.ended.tolist() == [False, False]
    assert rollout.steps == 6


class FragileEnv(NoiseEnv):
    """Episodes of seeds that 3 divides break off at their end."""

    def broken(self) -> NDArray[np.bool_]:
        return (self._left == 0) & (self._seeds % np.uint64(3) == 0)

    def incidents(self) -> dict[str, float]:
        return {"env_episodes_dropped": 1.0}


def test_what_broke_is_neither_learnt_from_nor_counted():
    env = FragileEnv(SMALL, 4)
    fragile = Collecting(env, 30, CountingActor(env.spec))
    fragile.behaviour = Behaviour(QmixConfig().build(SMALL, CPU).actor)  # takes legal actions
    fragile.runner.layout = layout_of(SMALL)
    rollout = fragile.collect()
    ended = rollout.batch.episode[torch.from_numpy(rollout.ended)].tolist()
    assert not any(int(seed_of(episode)[0]) % 3 == 0 for episode in ended)
    broken = len(rollout.intact) - len(rollout.returns)
    assert broken == (~rollout.intact).sum() > 3
    assert len(ended) == len(rollout.returns) > 3
    assert rollout.steps < 4 * 30
    assert fragile.runner.incidents() == {"env_episodes_dropped": 1.0}


# what makes it exact


@every_env
def test_an_episode_is_the_one_that_is_played_whole(config):
    cut = counting(config, 3, 4, greedy=True)
    rollouts = [cut.collect() for _ in range(20)]
    steps = in_order([rollout.batch for rollout in rollouts])
    env = config.build(1, 1)
    actor = cut.behaviour.actor
    whole = EpisodeRunner(env, layout_of(env.spec, actor.columns), CPU, Stopwatch())
    ended = {
        int(number)
        for rollout in rollouts
        for number in rollout.batch.episode[torch.from_numpy(rollout.ended)]
    }
    assert len(ended) >= 3
    for number in sorted(ended)[:10]:
        played = whole.play(Behaviour(actor, greedy=True), seed_of(number), first=number).batch
        ours = steps.map(lambda tensor, of=steps.episode == number: tensor[of])
        assert_same_batch(in_order([played]), ours)


@every_masked_env
def test_pieces_of_three_and_of_six_steps_are_the_same_experience(config):
    short, long = recurrent(config, 3, 3), recurrent(config, 3, 6)
    threes = [short.collect() for _ in range(20)]
    sixes = [long.collect() for _ in range(10)]
    assert_same_batch(
        in_order([part.batch for part in threes]), in_order([part.batch for part in sixes])
    )
    assert short.seeds.following == long.seeds.following > 3
    for name in ("returns", "lengths", "truncated"):
        parts = [np.concatenate([getattr(p, name) for p in run]) for run in (threes, sixes)]
        np.testing.assert_array_equal(*parts)


def saved_and_read(state: State) -> State:
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@every_env
@pytest.mark.parametrize("make", [recurrent, counting])
@pytest.mark.parametrize("collections", [1, 3])
def test_a_runner_restored_amid_episodes_goes_on_exactly(config, make, collections):
    first, second = make(config, 3, 5), make(config, 3, 5)
    for _ in range(collections):
        first.collect()
    for _ in range(2):
        second.collect()  # whatever it did before leaves no trace
    second.runner.load_state_dict(saved_and_read(first.runner.state_dict()))
    second.seeds.following = first.seeds.following
    second.behaviour.rng.set_state(first.behaviour.rng.get_state())
    for _ in range(8):
        assert_same_rollout(second.collect(), first.collect())
    state = [saved_and_read(runner.state_dict()) for runner in (first.runner, second.runner)]
    assert state[0]["seeds"] == state[1]["seeds"]


@every_masked_env
def test_a_restored_runner_needs_nothing_of_the_first_one(config):
    first, second = recurrent(config, 3, 5), recurrent(config, 3, 5)
    for _ in range(3):
        first.collect()
    state = saved_and_read(first.runner.state_dict())
    following, rng = first.seeds.following, first.behaviour.rng.get_state()
    expected = [first.collect() for _ in range(3)]
    second.runner.load_state_dict(state)
    second.seeds.following = following
    second.behaviour.rng.set_state(rng)
    for rollout in expected:
        assert_same_rollout(second.collect(), rollout)


@every_env
@pytest.mark.parametrize("collections", [0, 1, 3])
def test_a_collection_that_is_stopped_leaves_the_state_before_it(config, collections):
    stopped, plain = recurrent(config, 3, 5), recurrent(config, 3, 5)
    for one in (stopped, plain):
        for _ in range(collections):
            one.collect()
    following, drawn = stopped.seeds.following, stopped.behaviour.rng.get_state()
    steps = iter([False, False, False, True])
    stopped.behaviour = replace(stopped.behaviour, stopping=lambda: next(steps))
    with pytest.raises(Stopped):
        stopped.collect()
    again = recurrent(config, 3, 5)
    again.runner.load_state_dict(saved_and_read(stopped.runner.state_dict()))
    again.seeds.following = following
    again.behaviour.rng.set_state(drawn)
    for _ in range(4):
        assert_same_rollout(again.collect(), plain.collect())


def test_a_runner_that_has_not_begun_has_no_state():
    fresh, other = (counting(TwoStepConfig(), 2, 3) for _ in range(2))
    assert fresh.runner.state_dict() == {}
    fresh.runner.load_state_dict({})
    assert_same_rollout(fresh.collect(), other.collect())


def test_another_number_of_environments_is_refused():
    two, three = counting(TwoStepConfig(), 2, 3), counting(TwoStepConfig(), 3, 3)
    two.collect()
    with pytest.raises(ValueError, match="2 episodes ran, 3 are needed"):
        three.runner.load_state_dict(two.runner.state_dict())


@every_masked_env
def test_tests_between_two_collections_change_nothing(config):
    tested, plain = recurrent(config, 2, 5), recurrent(config, 2, 5)
    tester = tested.runner.for_tests(lambda: config.build(3, 1))
    assert tester.env is not tested.env
    for _ in range(4):
        rollouts = play(tester, tested.behaviour.actor, np.arange(4, dtype=np.uint64))
        assert sum(len(rollout.lengths) for rollout in rollouts) == 4
        assert_same_rollout(tested.collect(), plain.collect())


def test_goals_are_stored_where_a_part_asks_for_them():
    env = BitFlipConfig(bits=3).build(2, 1)
    actor = CountingActor(env.spec)
    layout = layout_of(env.spec, [*actor.columns, *goal_columns(env.spec)])
    runner = StepRolloutConfig(8).build(env, layout, CPU, Stopwatch())
    seeds = EpisodeSeeds(5, seeding.TRAIN_EPISODES)
    batch = runner.collect(Behaviour(actor), seeds).batch
    assert batch.size > 2  # episodes ended
    assert torch.equal(batch["goal"], batch.obs[:, :, 0, -3:])
    assert torch.equal(batch["achieved_goal"], batch.obs[:, :, 0, :3])
