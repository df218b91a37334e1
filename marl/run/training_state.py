"""What a training is made of: built from its plan, saved in checkpoints, and loaded from them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial

import torch

from marl import seeding
from marl.algos.agent import Timed
from marl.errors import CheckpointError, ConfigError
from marl.nets.threads import set_learner_threads
from marl.protocols.experience import FromFile, StatefulSampler
from marl.protocols.loop import State
from marl.run import checkpoint
from marl.run.counters import Counters
from marl.run.device import pick_device
from marl.run.finite import FiniteWatch
from marl.run.folder import open_folder, write_dataset
from marl.run.memory import MemoryWatch
from marl.run.meter import Meter
from marl.run.opening import check_memory, check_threads
from marl.run.plan import Plan
from marl.run.policy_tests import PolicyTests
from marl.run.starting import take_weights
from marl.run.states import refuse_other_kinds
from marl.runners.stopwatch import Stopwatch
from marl.seeding import EpisodeSeeds
from marl.spec import spec_state


class TrainingState:
    """Everything that a training needs, made from its plan, with its folder of results."""

    def __init__(self, plan: Plan) -> None:
        """ConfigError where recipe and environment don't go together; then no folder is made."""
        self.plan = plan
        self.run = plan.run
        assert plan.run.seed is not None
        self.seed = plan.run.seed
        recipe = plan.recipe
        self.note = recipe.check_length(self.run.t_max) if isinstance(recipe, Timed) else ""
        torch.set_num_threads(self.run.torch_threads)
        set_learner_threads(self.run.learner_threads)
        self.device = pick_device(self.run.device)
        seeding.seed_everything(self.seed)
        try:
            self.env = plan.env.build(self.run.num_envs, self.run.env_threads)
        except MemoryError as error:
            raise ConfigError(
                f"num_envs: no memory for {self.run.num_envs:,} environments"
            ) from error
        try:
            self.agent = plan.recipe.build(self.env.spec, self.device)
            check_threads(plan, self.agent, self.device)
            check_memory(plan, self.agent, self.env.spec)
            len(self.agent.buffer)  # reads a dataset, so that it is refused before a folder is made
            buffer = self.agent.buffer
            self.taken = take_weights(plan, self.agent)
            self.dataset = buffer.file if isinstance(buffer, FromFile) else None
            if self.dataset is not None and not self.agent.sampler.ready(buffer):
                raise ConfigError(f"buffer.path: {self.dataset.path}: {self.agent.waiting()}")
            self.folder = open_folder(plan, self.env.spec.name)
            if self.dataset is not None and plan.run.resume is None:
                write_dataset(self.folder, self.dataset)
        except BaseException:
            self.env.close()
            raise
        self.stopwatch = Stopwatch()
        self.runner = self.agent.rollout.build(
            self.env, self.agent.layout, self.device, self.stopwatch
        )
        self.tests = PolicyTests(plan, self.agent, self.runner, self.device, self.stopwatch)
        self.seeds = EpisodeSeeds(self.seed, seeding.TRAIN_EPISODES)
        self.exploration_rng = seeding.generator(self.seed, seeding.EXPLORATION)
        self.sampling_rng = seeding.generator(self.seed, seeding.SAMPLING)
        self.counters = Counters()
        self.meter = Meter()
        self.watch = FiniteWatch(self.folder)
        self.memory = MemoryWatch(self.agent.buffer)
        # The episodes just played that an update is due for, in order.
        self.owed: deque[int] = deque()
        self.stop_reason = ""
        self.stopping: Callable[[], bool] = lambda: False
        self.saved_at: int | None = None  # t_env of the newest checkpoint

    def close(self) -> None:
        """Free what the environments hold."""
        self.env.close()
        self.tests.close(self.env)

    def save(self) -> None:
        """Write a checkpoint of everything, unless that is done already."""
        if self.saved_at == self.counters.t_env:
            return
        with self.stopwatch.measure("saving"):
            self.watch.weights(self.agent.learner.parameters, self.counters.t_env)
            parts = {"learner": self.agent.learner.state_dict(), "train": self._state()}
            if self.run.save_replay_buffer:
                parts["replay"] = self.agent.buffer.state_dict()
            sampler = self.agent.sampler
            if isinstance(sampler, StatefulSampler) and self._keeps_experience:
                parts["sampler"] = sampler.state_dict()
            models = self.folder / checkpoint.MODELS
            checkpoint.save(models / str(self.counters.t_env), parts)
            checkpoint.prune(models)
        self.saved_at = self.counters.t_env

    @property
    def _keeps_experience(self) -> bool:
        """Whether a run that goes on has its experience again."""
        return self.run.save_replay_buffer or self.dataset is not None

    def _state(self) -> State:
        return {
            "counters": self.counters.state_dict(),
            "schedule": self.agent.schedule.state_dict(),
            "runner": self.runner.state_dict(),
            "exploration_rng": self.exploration_rng.get_state(),
            "sampling_rng": self.sampling_rng.get_state(),
            "owed": list(self.owed),
            "meter": self.meter.state_dict(),
            "evaluations": self.tests.results,
            "spec": spec_state(self.env.spec),
            "dataset": None if self.dataset is None else dict(vars(self.dataset)),
            "replay_rows": len(self.agent.buffer) if self.dataset is None else 0,
        }

    def load(self, parts: dict[str, State]) -> None:
        """Go on from a checkpoint's parts (on the CPU), exactly as if training never stopped."""
        checkpoint.load_into(self._load_train, parts["train"], "counters")
        agent, train = self.agent, parts["train"]
        checkpoint.load_into(agent.schedule.load_state_dict, train["schedule"], "updates")
        checkpoint.load_learner(agent.learner, parts["learner"])
        checkpoint.load_into(self._load_runner, train["runner"], "running episodes")
        if "replay" in parts:
            checkpoint.load_into(agent.buffer.load_state_dict, parts["replay"], "replay")
        if "sampler" in parts and isinstance(agent.sampler, StatefulSampler):
            load = partial(agent.sampler.load_state_dict, buffer=agent.buffer)
            checkpoint.load_into(load, parts["sampler"], "priorities")

    def _load_train(self, train: State) -> None:
        """What is the loop's own."""
        # What is missing was not written yet when the checkpoint was.
        own = {key: value for key, value in self._state().items() if key in train}
        refuse_other_kinds(own, train, "train")
        self._check_dataset(train.get("dataset"))
        self.counters.load_state_dict(train["counters"])
        self.seeds.following = self.counters.episode
        self.exploration_rng.set_state(train["exploration_rng"])
        self.sampling_rng.set_state(train["sampling_rng"])
        self.owed = deque(train.get("owed", []))
        self.meter.load_state_dict(train["meter"])
        self.tests.load_results(train["evaluations"])

    def _load_runner(self, state: State) -> None:
        fresh = self.agent.actor.initial_carry(self.run.num_envs)
        carry = state.get("carry", fresh)
        if {name: (values.shape, values.dtype) for name, values in carry.items()} != {
            name: (values.shape, values.dtype) for name, values in fresh.items()
        }:
            raise ValueError("what the actor remembers has other sizes")
        self.runner.load_state_dict(state)

    def _check_dataset(self, before: State | None) -> None:
        """CheckpointError where the run learnt from another file. before: that file."""
        now = self.dataset
        if before is not None and now is not None and before["sha256"] != now.sha256:
            raise CheckpointError(
                f"buffer.path: {now.path} is not the file that this run learnt from; that was "
                f"{before['path']} with SHA-256 {before['sha256']}: say where it is now"
            )
