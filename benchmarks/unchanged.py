"""Show that a change of structure left all numbers the same.

    python benchmarks/unchanged.py record before.json                   # in the older tree
    python benchmarks/unchanged.py compare before.json                  # in the newer one
    python benchmarks/unchanged.py record before.json --tree <folder>   # of another checkout

Records battles (SHA-256 of all observations, states, masks and rewards of seeded random play, on
maps of both challenges) and short trainings with a fixed seed (every logged metric, and the SHA-256
of every tensor of the checkpoint's networks, whatever the tensors are called). Both use
public entries alone: run.py, and the drop-in classes for the official clients.

Trainings are equal bit for bit on one machine with the same torch; another processor may round in
another order. Battles are the same everywhere.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
V1_MAPS = ("3m", "2s3z", "3s_vs_5z", "MMM2", "2c_vs_64zg", "so_many_baneling", "1c3s5z", "corridor")
V2_MAPS = ("10gen_terran", "10gen_protoss", "10gen_zerg")
EPISODES = 2
ON_3M = (
    "sc2",
    "map=3m",
    "t_max=3000",
    "test_interval=1500",
    "test_episodes=4",
    "epsilon.anneal=2000",
)
TRAININGS: dict[str, tuple[str, ...]] = {
    "iql": ON_3M,
    "vdn": ON_3M,
    "qmix": ON_3M,
    "lagma": (*ON_3M, "bonus.start=500"),
    "dqn": ("gymnasium", "t_max=5000", "test_interval=2500", "test_episodes=4"),
    "qmix on sc2v2": ("sc2v2", "map=terran_5_vs_5", "t_max=2500", "test_interval=2500"),
}
# Depends on the time of day or on the machine.
NOT_COMPARED = ("time", "steps_per_second")


def battle_hash(map_name: str, generated: bool) -> str:
    """SHA-256 of two episodes of seeded random play."""
    import numpy as np

    if generated:
        from marl.envs.smacv2_api import StarCraftCapabilityEnvWrapper

        race = map_name.removeprefix("10gen_")
        env: Any = StarCraftCapabilityEnvWrapper(
            capability_config=_capabilities(race), map_name=map_name, seed=1
        )
    else:
        from marl.envs.smac_api import StarCraft2Env

        env = StarCraft2Env(map_name=map_name, seed=1)
    digest, rng = hashlib.sha256(), np.random.default_rng(0)
    for _ in range(EPISODES):
        env.reset()
        over = False
        while not over:
            masks = np.array(env.get_avail_actions())
            _see(digest, np.array(env.get_obs()), np.array(env.get_state()), masks)
            actions = [int(rng.choice(np.flatnonzero(mask))) for mask in masks]
            reward, over, _ = env.step(actions)
            digest.update(np.float64(reward).tobytes())
    env.close()
    return digest.hexdigest()


def _see(digest: Any, *arrays: Any) -> None:
    for array in arrays:
        digest.update(array.tobytes())


def _capabilities(race: str) -> dict[str, Any]:
    """The published configuration of five against five."""
    types = {
        "terran": (["marine", "marauder", "medivac"], [0.45, 0.45, 0.1]),
        "protoss": (["stalker", "zealot", "colossus"], [0.45, 0.45, 0.1]),
        "zerg": (["zergling", "baneling", "hydralisk"], [0.45, 0.1, 0.45]),
    }[race]
    sizes = {"n_units": 5, "n_enemies": 5}
    return {
        **sizes,
        "team_gen": {
            "dist_type": "weighted_teams",
            "unit_types": types[0],
            "weights": types[1],
            "observe": True,
        },
        "start_positions": {
            "dist_type": "surrounded_and_reflect",
            "p": 0.5,
            "map_x": 32,
            "map_y": 32,
        },
    }


def training(name: str, settings: tuple[str, ...], tree: Path, folder: Path) -> dict[str, Any]:
    """The metrics and the weights of a training of `tree`."""
    env_config, *updates = settings
    if (tree / "marl" / "intrinsic" / "latent_goal.py").exists():  # its keys of then
        updates = [word.replace("bonus.", "intrinsic.") for word in updates]
    command = [
        sys.executable,
        "run.py",
        f"--config={name.split()[0]}",
        f"--env-config={env_config}",
    ]
    common = ["seed=1", "num_envs=4", "log_interval=500", f"results_dir={folder}"]
    options = ["progress_bar=False", "tensorboard=False", "device=cpu"]
    subprocess.run(
        [*command, "with", *updates, *common, *options],
        cwd=tree,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    run = next(folder.rglob("metrics.jsonl")).parent
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    kept = [
        {k: v for k, v in line.items() if k not in NOT_COMPARED and not k.startswith("time_")}
        for line in lines
    ]
    newest = max((run / "models").iterdir(), key=lambda path: int(path.name))
    return {"metrics": kept, "weights": weight_hashes(newest / "learner.pt")}


def weight_hashes(path: Path) -> list[str]:
    """SHA-256 of every tensor in the file, sorted: names and order may change, values may not."""
    import torch

    found: list[str] = []

    def visit(value: object) -> None:
        if isinstance(value, torch.Tensor):
            data = value.detach().contiguous().cpu()
            found.append(hashlib.sha256(data.numpy().tobytes()).hexdigest()[:16])
        elif isinstance(value, dict):
            for item in value.values():
                visit(item)
        elif isinstance(value, list | tuple):
            for item in value:
                visit(item)

    visit(torch.load(path, map_location="cpu", weights_only=True))
    return sorted(found)


def record(tree: Path) -> dict[str, Any]:
    """All battles and trainings of `tree`."""
    code = (
        "import json, runpy, sys; sys.path.insert(0, '.');"
        f"m = runpy.run_path({str(Path(__file__).resolve())!r});"
        "print(json.dumps({n: m['battle_hash'](n, n in m['V2_MAPS'])"
        " for n in m['V1_MAPS'] + m['V2_MAPS']}))"
    )
    out = subprocess.run([sys.executable, "-c", code], cwd=tree, check=True, capture_output=True)
    result: dict[str, Any] = {"battles": json.loads(out.stdout.splitlines()[-1]), "trainings": {}}
    print(f"{len(result['battles'])} maps played", flush=True)
    for name, settings in TRAININGS.items():
        with tempfile.TemporaryDirectory() as folder:
            result["trainings"][name] = training(name, settings, tree, Path(folder))
        print(f"trained {name}", flush=True)
    return result


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """The differences, a line each."""
    lines = [
        f"battles on {name}: {'differ' if name in new['battles'] else 'missing'}"
        for name, found in old["battles"].items()
        if new["battles"].get(name) != found
    ]
    for name, before in old["trainings"].items():
        after = new["trainings"][name]
        for row, (one, two) in enumerate(zip(before["metrics"], after["metrics"], strict=True)):
            shared = one.keys() & two.keys()
            changed = sorted(key for key in shared if one[key] != two[key])
            if changed:
                most = max(abs(one[key] - two[key]) / max(abs(one[key]), 1e-12) for key in changed)
                lines.append(
                    f"training {name}, from line {row} on: {', '.join(changed)} differ "
                    f"(by {most:.0e} of their value there)"
                )
                break
        gone = {k for line in before["metrics"] for k in line}
        gone -= {k for line in after["metrics"] for k in line}
        if gone:
            lines.append(f"training {name}: no longer logged: {', '.join(sorted(gone))}")
        missing = _without(before["weights"], after["weights"])
        if missing:
            lines.append(f"training {name}: {missing} of {len(before['weights'])} tensors differ")
    return lines


def _without(before: list[str], after: list[str]) -> int:
    """The number of items of `before` without an equal in `after`."""
    left = list(after)
    for item in before:
        if item in left:
            left.remove(item)
    return len(before) - (len(after) - len(left))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("action", choices=("record", "compare"))
    parser.add_argument("file", type=Path)
    parser.add_argument("--tree", type=Path, default=ROOT, help="the checkout to run")
    arguments = parser.parse_args()
    found = record(arguments.tree.resolve())
    if arguments.action == "record":
        arguments.file.write_text(json.dumps(found, indent=1))
        return 0
    lines = differences(json.loads(arguments.file.read_text()), found)
    print("\n".join(lines) or "unchanged, bit for bit")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
