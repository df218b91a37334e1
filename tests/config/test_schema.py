"""The strict parser: accepted values, and the line for each refused one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import pytest

from marl.algos.qmix import QmixConfig
from marl.config.schema import flatten, option, parse, to_mapping
from marl.config.split import split_parse
from marl.errors import ConfigError, SeveralKeysError, nearest
from marl.run.plan import RunConfig


@dataclass(frozen=True)
class Codebook:
    size: int = option(64, low=1)
    rate: float = option(0.5, above=0.0, high=1.0)


@dataclass(frozen=True)
class Sum:
    kind: ClassVar[str] = "vdn"


@dataclass(frozen=True)
class Mix:
    kind: ClassVar[str] = "qmix"
    embed_dim: int = 32


@dataclass(frozen=True)
class Part:
    codebook: Codebook = Codebook()
    coverage: Literal["none", "all", "timestep"] = "timestep"
    mixer: Mix | Sum = Mix()
    widths: tuple[int, ...] = option((64, 64), low=1)
    pair: tuple[int, str] = (1, "a")
    names: list[str] | None = None
    limit: int | None = option(None, low=1)
    flag: bool = True
    label: str = ""
    place: str = option("results", path=True)
    extra: dict[str, float] | None = None

    def __post_init__(self) -> None:
        if self.limit == 13:
            raise ValueError("limit and label do not go together")
        if self.limit == 14:
            raise ValueError("limit: 14 is one too many")


def refusal(**mapping: object) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(Part, mapping)
    return str(caught.value)


def test_absent_keys_keep_their_defaults():
    assert parse(Part, {"codebook": {"size": 8}}) == Part(codebook=Codebook(size=8))


@pytest.mark.parametrize(
    ("mapping", "expected"),
    [
        ({"codebook": {"rate": "5e-1"}}, Part(codebook=Codebook(rate=0.5))),
        ({"codebook": {"rate": 1}}, Part(codebook=Codebook(rate=1.0))),
        ({"codebook": {"size": 1e2}}, Part(codebook=Codebook(size=100))),
        ({"codebook": {"size": "2e3"}}, Part(codebook=Codebook(size=2000))),
        ({"flag": "false"}, Part(flag=False)),
        ({"coverage": None}, Part(coverage="none")),
        ({"limit": "none"}, Part(limit=None)),
        ({"limit": 3}, Part(limit=3)),
        ({"widths": [1, 2, 3]}, Part(widths=(1, 2, 3))),
        ({"pair": [2, "b"]}, Part(pair=(2, "b"))),
        ({"names": ["a"]}, Part(names=["a"])),
        ({"mixer": {"kind": "vdn"}}, Part(mixer=Sum())),
        ({"mixer": {"embed_dim": 4}}, Part(mixer=Mix(4))),
        ({"extra": {"gravity": 9}}, Part(extra={"gravity": 9.0})),
    ],
)
def test_values_are_converted_where_nothing_is_lost(mapping, expected):
    assert parse(Part, mapping) == expected


def test_converted_numbers_have_the_type_of_the_field():
    part = parse(Part, {"codebook": {"rate": 1, "size": 8.0}})
    assert (type(part.codebook.rate), type(part.codebook.size)) == (float, int)


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        ({"codebok": 1}, "codebok: unknown key; did you mean 'codebook'?"),
        ({"codebook": {"siz": 1}}, "codebook.siz: unknown key; did you mean 'codebook.size'?"),
        ({"size": 1}, "size: unknown key; did you mean 'codebook.size'?"),
        ({"codebook": {"zzz": 1}}, "codebook.zzz: unknown key; known are: rate, size"),
        ({"codebook": 5}, "cannot become 5; set a key inside it, for example codebook.size=..."),
        ({"codebook": {"size": 0}}, "codebook.size: 0 is too small; it must be at least 1"),
        ({"codebook": {"rate": 0}}, "codebook.rate: 0.0 is too small; it must be more than 0"),
        ({"codebook": {"rate": 2}}, "codebook.rate: 2.0 is too large; it must be at most 1"),
        ({"codebook": {"rate": "fast"}}, "expects a number, got 'fast' (a string)"),
        ({"codebook": {"rate": True}}, "expects a number, got True (a boolean)"),
        ({"codebook": {"rate": "nan"}}, "expects a finite number"),
        ({"codebook": {"size": 1.5}}, "codebook.size: expects a whole number, got 1.5"),
        ({"codebook": {"size": True}}, "codebook.size: expects a number, got True"),
        ({"codebook": {"size": None}}, "codebook.size: expects a number, got None"),
        ({"coverage": "timesteps"}, "did you mean 'timestep'?"),
        ({"mixer": {"kind": "qmixx"}}, "mixer.kind: 'qmixx' is not one of ['qmix', 'vdn']"),
        ({"mixer": {"kind": "vdn", "embed_dim": 3}}, "belongs to mixer.kind=qmix, and this is vdn"),
        ({"mixer": {"kid": "vdn"}}, "mixer.kid: unknown key; did you mean 'mixer.kind'?"),
        ({"mixer": "vdn"}, "mixer: is a section; say mixer.kind=vdn"),
        ({"mixer": "vnd"}, "mixer: 'vnd' is not one of ['qmix', 'vdn']; did you mean 'vdn'?"),
        ({"place": " "}, "place: is empty; name a folder, or . for the working directory"),
        ({"kind": "vdn"}, "kind: unknown key; did you mean 'mixer.kind'?"),
        ({"widths": 64}, "widths: expects a list, for example widths=[...]; got 64"),
        ({"widths": [64, 0]}, "widths: 0 is too small"),
        ({"widths": [64, "x"]}, "widths[1]: expects a number"),
        ({"pair": [1]}, "pair: expects 2 values, got 1"),
        ({"flag": 1}, "flag: expects True or False, got 1 (int)"),
        ({"label": 3}, "label: expects a string, got 3 (int)"),
        ({"limit": 13}, "limit and label do not go together"),
        ({"limit": 14}, "limit: 14 is one too many"),
        ({"extra": 3}, "extra: expects a mapping"),
    ],
)
def test_unfit_values_are_refused_with_their_path(mapping, said):
    assert said in refusal(**mapping)


def test_a_mapping_reads_back_as_the_same_config():
    part = Part(mixer=Sum(), widths=(3,), extra={"a": 1.0}, codebook=Codebook(5, 0.1))
    assert parse(Part, to_mapping(part)) == part


@dataclass(frozen=True)
class OwnDefaults:
    codebook: Codebook = Codebook(size=7, rate=0.25)
    mixer: Sum | Mix = Mix(embed_dim=5)


@pytest.mark.parametrize(
    ("mapping", "expected"),
    [
        ({"codebook": {"size": 8}}, OwnDefaults(codebook=Codebook(8, 0.25))),
        ({"mixer": {}}, OwnDefaults()),
        ({"mixer": {"embed_dim": 6}}, OwnDefaults(mixer=Mix(6))),
        ({"mixer": {"kind": "qmix"}}, OwnDefaults()),
        ({"mixer": {"kind": "vdn"}}, OwnDefaults(mixer=Sum())),
    ],
)
def test_a_section_given_in_part_keeps_the_rest_of_its_own_default(mapping, expected):
    assert parse(OwnDefaults, mapping) == expected


@dataclass(frozen=True)
class Derived:
    size: int = 4
    limit: int | None = None

    def __post_init__(self) -> None:
        if self.limit is None:
            object.__setattr__(self, "limit", 2 * self.size)


@dataclass(frozen=True)
class Inside:
    free: Derived = Derived()
    fixed: Derived = Derived(limit=5)


def test_a_default_that_follows_from_another_field_follows_in_a_section_too():
    sizes = {"size": 10}
    parsed = parse(Inside, {"free": sizes, "fixed": sizes})
    assert (parsed.free, parsed.fixed) == (Derived(10, 20), Derived(10, 5))


@dataclass(frozen=True)
class Uniform:
    dist_type: ClassVar[str] = "uniform"
    high: float = 1.0


@dataclass(frozen=True)
class Fixed:
    dist_type: ClassVar[str] = "fixed"
    items: tuple[float, ...] = ()


@dataclass(frozen=True)
class Drawn:
    attack: Uniform | Fixed | None = None


def test_dist_type_may_choose_a_section():
    assert parse(Drawn, {"attack": {"high": 0.5}}) == Drawn(Uniform(0.5))
    fixed = Drawn(Fixed((1.0, 2.0)))
    assert to_mapping(fixed) == {"attack": {"dist_type": "fixed", "items": [1.0, 2.0]}}
    assert parse(Drawn, to_mapping(fixed)) == fixed
    with pytest.raises(ConfigError, match=r"attack.dist_type: 'fix' is not one of .* 'fixed'\?"):
        parse(Drawn, {"attack": {"dist_type": "fix"}})
    with pytest.raises(ConfigError, match=r"items: belongs to attack\.dist_type=fixed"):
        parse(Drawn, {"attack": {"dist_type": "uniform", "items": []}})


def test_flatten_gives_dotted_leaves():
    assert flatten({"a": {"b": 1, "c": {}}, "d": [1]}) == {"a.b": 1, "a.c": {}, "d": [1]}


@dataclass(frozen=True)
class Map:
    map: str = "3m"


def test_one_mapping_is_split_over_its_parts():
    parts = split_parse({"map": "8m", "seed": 3}, {"run": RunConfig, "env": Map})
    assert parts == {"run": RunConfig(seed=3), "env": Map("8m")}


def test_an_unknown_key_is_compared_with_all_parts():
    with pytest.raises(ConfigError, match="mpa: unknown key; did you mean 'map'"):
        split_parse({"mpa": "8m"}, {"run": RunConfig, "env": Map})


def test_all_unknown_keys_are_named_at_once():
    mapping = {"mpa": "8m", "codebook": {"siz": 1, "rate": 5.0}, "names": [], "nmaes": []}
    with pytest.raises(SeveralKeysError) as refusal:
        split_parse(mapping, {"part": Part, "env": Map}, {"mpa": "a file"})
    assert refusal.value.messages == [
        "mpa: unknown key; did you mean 'map'? [a file]",
        "nmaes: unknown key; did you mean 'names'?",
        "codebook.siz: unknown key; did you mean 'codebook.size'?",
    ]
    assert mapping["codebook"] == {"siz": 1, "rate": 5.0}


def test_the_home_folder_stands_for_a_tilde_in_a_path(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert parse(Part, {"place": "~/runs"}).place == "/home/me/runs"
    assert parse(Part, {"label": "~/runs"}).label == "~/runs"


def test_a_name_is_near_whatever_its_case():
    assert nearest("3M", ["2s3z", "3m"]) == "3m"
    assert nearest("QMIX", ["vdn", "qmix"]) == "qmix"
    assert nearest("zzz", ["vdn", "qmix"]) is None


def test_a_refused_value_names_the_file_that_set_it():
    sources = {"codebook.size": "configs/algs/x.yaml", "codebook.rate": "command line"}
    mapping = {"codebook": {"size": 0, "rate": 0.5}}
    with pytest.raises(ConfigError, match=r"\[configs/algs/x.yaml\]"):
        split_parse(mapping, {"part": Part}, sources)


def test_a_key_of_another_part_is_refused_with_that_part():
    with pytest.raises(ConfigError, match="codebook: belongs to recipe lagma"):
        split_parse({"codebook": 1}, {"env": Map}, elsewhere={"codebook": "recipe lagma"})


def test_fields_of_two_parts_may_not_have_one_name():
    with pytest.raises(ConfigError, match="map: is a key of both env and other"):
        split_parse({}, {"env": Map, "other": Map})


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("batch_size_run", "is here num_envs"),
        ("lr", "is here learner.optimizer.lr"),
        ("map_name", "is here map"),
        ("name", "is here --config=NAME, the algorithm"),
        ("mac", "is gone: controllers share"),
        ("use_rnn", "is here agent.kind=rnn or agent.kind=mlp"),
        ("standardise_returns", "is here learner.value_norm"),
    ],
)
def test_pymarl_keys_are_answered_with_ours(key, said):
    with pytest.raises(ConfigError, match=f"unknown key; PyMARL's '{key}' {said}"):
        split_parse({key: 1}, {"run": RunConfig, "env": Map})


def test_pymarls_env_args_are_answered_with_the_keys_at_the_top():
    given = {"env_args": {"map_name": "3m", "seed": 1, "difficulty": "9", "mpa": 2}}
    said = "PyMARL's env_args stand at the top here: map=3m, seed=1, difficulty is game.difficulty"
    with pytest.raises(ConfigError, match=said):
        split_parse(given, {"run": RunConfig, "env": Map})


@pytest.mark.parametrize(
    ("value", "said"),
    [("adam", "'learner.optimizer.kind=adam'"), (3, "'learner.optimizer'")],
)
def test_a_name_in_place_of_a_section_further_down_is_its_kind(value, said):
    with pytest.raises(ConfigError, match=rf"optimizer: unknown key; did you mean {said}\?"):
        split_parse({"optimizer": value}, {"recipe": QmixConfig})
