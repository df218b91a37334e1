"""The framework from Python: plan, train, evaluate, load a policy and act with it.

Settings are the keys of the command line: `map="3m"`, `bonus={"kind": "lagma"}`, or with dots
`**{"bonus.kind": "lagma"}`. What run.py refuses raises marl.errors.UserError with the same line.
"""

from __future__ import annotations

from pathlib import Path

from marl.cli.arguments import Arguments
from marl.cli.resolve import make_env_config, make_plan
from marl.config.files import merge
from marl.envs import contract
from marl.errors import ConfigError
from marl.log.summary import Summary
from marl.protocols.environments import EnvConfig
from marl.run import evaluate as evaluation
from marl.run import policy as policies
from marl.run import train as training
from marl.run.plan import Plan
from marl.run.policy import Policy
from marl.run.trainer import Trainer

__all__ = [
    "Plan",
    "Policy",
    "Summary",
    "check_env",
    "evaluate",
    "load_policy",
    "plan",
    "resume",
    "train",
]


def plan(config: str, env_config: str, **settings: object) -> Plan:
    """A training, as `run.py --config=... --env-config=... with ...` would make it.

    config, env_config: names of files in configs/, or paths of YAML files.
    """
    return make_plan(Arguments("train", config, env_config, nested(settings), {}))


def train(plan: Plan) -> Summary:
    """Train into a new folder of results, with checkpoints and metrics as run.py writes them."""
    return training.train(Trainer(plan))


def resume(folder: Path | str, **settings: object) -> Summary:
    """Go on with a run exactly where it stopped; settings: e.g. a larger t_max."""
    updates = nested({"resume": str(folder), **settings})
    return train(make_plan(Arguments("train", None, None, updates, {})))


def evaluate(checkpoint: Path | str, **settings: object) -> dict[str, float]:
    """Play greedy episodes of a run's policy; the means, e.g. test_return_mean.

    checkpoint: a run's folder or one of its models/<t_env>; settings: e.g. episodes=32.
    """
    return evaluation.evaluate(_recorded(checkpoint, settings))


def load_policy(checkpoint: Path | str, **settings: object) -> Policy:
    """A run's trained policy. checkpoint: as for `evaluate`.

    `policy.session(num_envs)` acts with it, `policy.make_env(num_envs)` makes environments like
    those that it was trained in.
    """
    return policies.load_policy(_recorded(checkpoint, settings))


def check_env(env: EnvConfig | str, num_envs: int = 3, **settings: object) -> None:
    """Ask an environment for what `VecEnv` promises; EnvError in one line where it does not hold.

    env: its options, or a name as of --env-config, then with settings.
    """
    if isinstance(env, str):
        env = make_env_config(env, nested(settings))
    elif settings:
        raise ConfigError(f"{', '.join(settings)}: settings go with a name, and {env} has its own")
    contract.check(env.build, num_envs)


def nested(settings: dict[str, object]) -> dict[str, object]:
    """Settings with dotted keys as sections inside one another: {"a.b": 1} -> {"a": {"b": 1}}."""
    updates: dict[str, object] = {}
    for key, value in settings.items():
        if not all(part.isidentifier() for part in key.split(".")):
            raise ConfigError(f"{key!r}: is no name of a setting, for example 'bonus.kind'")
        section: object = value
        for part in reversed(key.split(".")):
            section = {part: section}
        assert isinstance(section, dict)
        merge(updates, section)
    return updates


def _recorded(checkpoint: Path | str, settings: dict[str, object]) -> Plan:
    updates = nested({"checkpoint": str(checkpoint), **settings})
    return make_plan(Arguments("evaluate", None, None, updates, {}))
