"""YAML files: found by name, merged in order, refused with file and line, written with sources."""

from __future__ import annotations

import re

import pytest

from marl.config import files as configfiles
from marl.config import pymarl
from marl.config.files import Layers, available, chain, dump, find, read, read_sources
from marl.config.schema import dotted_keys, field_types, parse, to_mapping
from marl.config.split import split_parse
from marl.envs.registry import ENVS
from marl.errors import ConfigError
from marl.registry import recipes
from marl.run.plan import RunConfig


@pytest.fixture
def configs(tmp_path, monkeypatch):
    """An empty configs/ folder."""
    for name in ("algs", "envs"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(configfiles, "CONFIGS", tmp_path)
    monkeypatch.setattr(configfiles, "ROOT", tmp_path.parent)
    return tmp_path


def layers_of(env: str, alg: str) -> Layers:
    layers = Layers()
    layers.lay(read(configfiles.CONFIGS / "default.yaml"), "configs/default.yaml")
    for flag, name in (("env-config", env), ("config", alg)):
        for path, content in chain(flag, find(flag, name)):
            layers.lay(content, configfiles.display_path(path))
    return layers


def test_a_later_layer_wins_inside_sections_too():
    layers = Layers()
    layers.lay({"a": {"x": 1, "y": 2}, "b": 1}, "first")
    layers.lay({"a": {"y": 3}}, "second")
    assert layers.values == {"a": {"x": 1, "y": 3}, "b": 1}
    assert layers.sources == {"a.x": "first", "a.y": "second", "b": "first"}


def test_a_section_of_another_kind_starts_afresh():
    layers = Layers()
    layers.lay({"agent": {"kind": "rnn", "width": 8, "ids": True}}, "first")
    layers.lay({"agent": {"kind": "rnn", "width": 9}}, "second")
    assert layers.values == {"agent": {"kind": "rnn", "width": 9, "ids": True}}
    layers.lay({"agent": {"kind": "mlp", "layers": 2}}, "third")
    assert layers.values == {"agent": {"kind": "mlp", "layers": 2}}
    assert layers.sources == {"agent.kind": "third", "agent.layers": "third"}


def test_laying_does_not_change_the_layers_below():
    first = {"a": {"x": 1}}
    layers = Layers()
    layers.lay(first, "first")
    layers.lay({"a": {"x": 2}}, "second")
    assert first == {"a": {"x": 1}}


def test_extends_starts_from_the_other_file(configs):
    (configs / "algs" / "base.yaml").write_text("recipe: qmix\nlearner: {gamma: 0.9}\n")
    (configs / "algs" / "child.yaml").write_text("extends: base\nlearner: {double_q: false}\n")
    names = [path.stem for path, _ in chain("config", find("config", "child"))]
    assert names == ["base", "child"]


def test_extending_in_a_circle_is_refused(configs):
    (configs / "algs" / "a.yaml").write_text("extends: b\n")
    (configs / "algs" / "b.yaml").write_text("extends: a\n")
    with pytest.raises(ConfigError, match="form a circle"):
        chain("config", find("config", "a"))


def test_extending_an_unknown_file_is_refused_with_both_names(configs):
    (configs / "algs" / "a.yaml").write_text("extends: bb\n")
    with pytest.raises(ConfigError, match=r"a\.yaml: extends: --config: no .*bb\.yaml"):
        chain("config", find("config", "a"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [1\nb: 2\n", "bad.yaml:2: "),
        ("a: 1\nb: 2\na: 3\n", "bad.yaml:3: the key 'a' stands here twice"),
        ("s:\n  x: 1\n  x: 2\n", "bad.yaml:3: the key 'x' stands here twice"),
        ("- 1\n", "expects a mapping"),
        ("text\n", "expects a mapping"),
        ("1: 2\n", "the key 1 is no name"),
        ("a: !!python/object/apply:os.system [true]\n", "bad.yaml:1: "),
    ],
)
def test_a_bad_file_is_refused_with_its_line(tmp_path, text, said):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read(path)
    assert said in str(caught.value)


def test_an_empty_file_is_an_empty_mapping(tmp_path):
    (tmp_path / "empty.yaml").write_text("# nothing\n")
    assert read(tmp_path / "empty.yaml") == {}


def test_an_unknown_name_gets_the_nearest_one(configs):
    (configs / "algs" / "lagma.yaml").write_text("recipe: lagma\n")
    with pytest.raises(ConfigError, match="did you mean 'lagma'"):
        find("config", "lagmaa")
    with pytest.raises(ConfigError, match="there are: lagma"):
        find("config", "zzz")


def test_a_path_to_a_file_is_taken_as_it_is(tmp_path):
    (tmp_path / "mine.yaml").write_text("recipe: qmix\n")
    assert find("config", str(tmp_path / "mine.yaml")) == tmp_path / "mine.yaml"
    with pytest.raises(ConfigError, match="there is no file"):
        find("config", str(tmp_path / "yours.yaml"))


def test_a_dumped_configuration_reads_back_with_values_and_sources(tmp_path):
    values = {"a": {"x": 1e-05, "y": "# not a comment"}, "b": None, "c": [1, "two"], "d": ""}
    sources = {
        "a.x": "command line",
        "a.y": "configs/algs/q.yaml",
        "b": "drawn",
        "c": "x",
        "d": "y",
    }
    path = tmp_path / "config.yaml"
    path.write_text(dump(values, sources))
    assert read(path) == values
    assert read_sources(path.read_text()) == sources


def name_dataset(values: dict) -> None:
    """Name a run to learn from, where there must be one, which the user alone can name."""
    buffer = values.get("buffer", {})
    if buffer.get("kind") == "dataset":
        buffer["path"] = "a_run"


@pytest.mark.parametrize("alg", available("config"))
def test_every_algorithm_file_parses(alg):
    layers = layers_of("sc2", alg)
    recipe, env = layers.values.pop("recipe"), layers.values.pop("env")
    name_dataset(layers.values)
    split_parse(layers.values, {"run": RunConfig, "env": ENVS[env], "recipe": recipes()[recipe]})


def kindless(given: dict, parsed: dict, path: str = "") -> list[str]:
    """The sections of `given` that have kinds and do not name theirs."""
    found = []
    for key, value in given.items():
        if isinstance(value, dict) and isinstance(parsed.get(key), dict):
            if "kind" in parsed[key] and "kind" not in value:
                found.append(f"{path}{key}")
            found += kindless(value, parsed[key], f"{path}{key}.")
    return found


@pytest.mark.parametrize("alg", available("config"))
def test_a_section_that_has_kinds_names_its_own(alg):
    """Or else another kind on the command line would keep what was set for this one."""
    values = layers_of("sc2", alg).values
    name_dataset(values)
    recipe = recipes()[values["recipe"]]
    given = {key: value for key, value in values.items() if key in field_types(recipe)}
    assert not kindless(given, to_mapping(parse(recipe, given)))


@pytest.mark.parametrize("env_config", [n for n in available("env-config") if n != "offline"])
def test_every_environment_file_parses(env_config):
    layers = layers_of(env_config, "qmix")
    recipe, env = layers.values.pop("recipe"), layers.values.pop("env")
    split_parse(layers.values, {"run": RunConfig, "env": ENVS[env], "recipe": recipes()[recipe]})


@pytest.mark.parametrize("env", ENVS)
@pytest.mark.parametrize("recipe", recipes())
def test_run_environment_and_recipe_have_no_key_in_common(env, recipe):
    split_parse({}, {"run": RunConfig, "env": ENVS[env], "recipe": recipes()[recipe]})


def test_default_yaml_sets_every_key_of_the_run():
    content = read(configfiles.CONFIGS / "default.yaml")
    assert set(content) == set(RunConfig.__dataclass_fields__)


def test_pymarl_hints_name_what_exists():
    known = set()
    for part in (RunConfig, *ENVS.values(), *recipes().values()):
        known |= set(dotted_keys(part))
    for key, target in (*pymarl.KEYS.items(), *pymarl.GAME_KEYS.items()):
        name = re.split(r"[\s=:]", target)[0]
        assert name in known or name in ("gone", "a", "--config"), f"{key} -> {target}"
    assert set(pymarl.ALGORITHMS.values()) <= set(available("config"))
    for target in pymarl.ENVIRONMENTS.values():
        assert set(re.findall(r"--env-config=(\w+)", target)) <= set(available("env-config"))


# The names that epymarl's default.yaml and algorithms' files have and ours do not.
EPYMARL = """
runner mac common_reward reward_scalarisation env_args batch_size_run test_nepisode test_greedy
runner_log_interval learner_log_interval use_cuda buffer_cpu_only use_tensorboard use_wandb
save_model save_model_interval checkpoint_path evaluate render local_results_path gamma
batch_size buffer_size lr optim_alpha optim_eps grad_norm_clip add_value_last_step hidden_dim
obs_agent_id obs_last_action repeat_id hypergroup use_rnn target_update_interval_or_tau
standardise_rewards standardise_returns obs_individual_obs agent_output_type action_selector
critic_type q_nstep mask_before_softmax entropy_coef epsilon_start epsilon_finish
epsilon_anneal_time evaluation_epsilon double_q eps_clip epochs mixing_embed_dim hypernet_layers
hypernet_embed name
"""


def test_every_key_of_epymarls_is_answered():
    assert [key for key in EPYMARL.split() if key not in pymarl.KEYS] == []


@pytest.mark.parametrize(
    ("flag", "name", "said"),
    [
        ("config", "maa2c", "PyMARL's 'maa2c' is not here; the nearest is --config=mappo"),
        ("config", "coma_ns", "PyMARL's 'coma_ns' is not here; the nearest is --config=mappo"),
        ("config", "ippo_ns", "all agents share their parameters here, as in --config=ippo"),
        ("config", "qmix_large", "PyMARL's 'qmix_large' is not here; the nearest is --config=qmix"),
        ("config", "QMIX", "did you mean 'qmix'?"),
        ("env-config", "gymma", "PyMARL's 'gymma' is here --env-config=gymnasium with env_id=..."),
        ("env-config", "stag_hunt", "PyMARL's 'stag_hunt' is not here"),
        ("env-config", "sc2_gen_zerg", "here --env-config=sc2v2 with map=10gen_zerg"),
        ("env-config", "zerg_5_vs_5", "here --env-config=sc2v2 with map=zerg_5_vs_5"),
    ],
)
def test_pymarls_names_of_files_are_answered(flag, name, said):
    with pytest.raises(ConfigError, match=re.escape(said)):
        find(flag, name)


def test_a_file_in_the_home_folder_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine.yaml").write_text("")
    assert find("config", "~/mine.yaml") == tmp_path / "mine.yaml"
