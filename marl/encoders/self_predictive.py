"""iQRL's encoder: latents that predict their own future, kept apart by rounding them.

    z_0 = round(e(o_t)),    z_h+1 = round(z_h + d(z_h, a_t+h))
    target_h+1 = round(e_target(o_t+h+1))
    loss = -(1 / H) * sum over h < H of decay^h * mean over rows of m_h * cos(z_h+1, target_h+1)
    e_target <- (1 - tau) * e_target + tau * e,            with each update

m_h is 1 for a real step and 0 in the padding. Nothing is decoded and no reward is predicted; what
keeps latents from all becoming the same is finite scalar quantisation. Policy and critics see
round(e(o)) of the online encoder, and never change it. Scannell et al. 2024 (iQRL,
arXiv:2406.02696). Options that the paper tries: the squared error instead of the cosine, a
projection of both latents, a head for the reward, a decoder, d without the residual, no rounding.

Differs from the published code: it adds the cosine and descends the sum, which drives predictions
away; here it is subtracted, as the text says. The last step of an episode counts: the observation
after it is the true one. `layer_norm` and Mish as there; weights begin as torch's Linear (the
orthogonal ones that it asks for are never set).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity

from marl.batch import EpisodeBatch
from marl.config.schema import option
from marl.encoders.config import ENCODERS, EncoderConfig
from marl.encoders.latent import (
    LatentDynamics,
    LatentEncoder,
    Rounding,
    codes_in_effect,
    effective_rank,
)
from marl.learners.optimizers import AdamConfig, OptimizerConfig
from marl.nets.agents import perceptron
from marl.nets.optimizing import load_optimizer
from marl.nets.soft_update import soft_update
from marl.protocols.loop import Metrics, State
from marl.quantizers.fsq import check_levels
from marl.spec import EnvSpec


@ENCODERS.add
@dataclass(frozen=True)
class SelfPredictiveConfig(EncoderConfig):
    """iQRL's encoder; the paper's values are the defaults."""

    kind: ClassVar[str] = "self_predictive"
    groups: int = option(512, low=1, high=65536)  # latent_dim of the paper; Z = groups * levels
    levels: tuple[int, ...] = option((8, 8), low=2, high=1000)  # of each number; (): no rounding
    hidden_dims: tuple[int, ...] = option((256,), low=1, high=4096)  # of the encoder
    dynamics_dims: tuple[int, ...] = option((512, 512), low=1, high=4096)
    horizon: int = option(5, low=1, high=1000)  # H, steps that are predicted
    decay: float = option(0.9, above=0.0, high=1.0)  # weight of each further step
    residual: bool = True  # the dynamics give the change of a latent
    tau: float = option(0.005, above=0.0, high=1.0)  # share of the online weights in the target's
    distance: Literal["cosine", "squared"] = "cosine"
    projection: int = option(0, low=0, high=4096)  # numbers that both are compared in; 0: all Z
    reward_weight: float = option(0.0, low=0.0)  # of a head that predicts the reward; 0: none
    decoder_weight: float = option(0.0, low=0.0)  # of a decoder of the observation; 0: none
    optimizer: OptimizerConfig = AdamConfig(
        lr=0.0001, eps=0.00000001, weight_decay=0.01, fused=True
    )
    grad_norm_clip: float = option(20.0, above=0.0)
    rank_interval: int = option(1000, low=1)  # updates between two looks at the latents' rank

    def __post_init__(self) -> None:
        if self.levels:
            check_levels(self.levels)

    @property
    def slices(self) -> int:
        return self.horizon

    def build(self, spec: EnvSpec, device: torch.device) -> SelfPredictive:
        return SelfPredictive(spec, self, device)


class SelfPredictive:
    """Learns latents from slices; all agents share it."""

    def __init__(self, spec: EnvSpec, config: SelfPredictiveConfig, device: torch.device) -> None:
        self.config = config
        self.slices = config.horizon
        rounding = Rounding(config.levels)
        encoder = LatentEncoder(spec.obs_dim, config.hidden_dims, config.groups, rounding)
        width = self.width = encoder.width
        dims, action_dim = config.dynamics_dims, spec.action_width
        nets: dict[str, nn.Module] = {
            "encoder": encoder,
            "dynamics": LatentDynamics(width, action_dim, dims, rounding, config.residual),
        }
        if config.projection:
            nets["projection"] = perceptron(width, dims, config.projection, "mish", True)
        if config.reward_weight > 0.0:
            nets["reward"] = perceptron(width + action_dim, dims, 1, "mish", True)
        if config.decoder_weight > 0.0:
            nets["decoder"] = perceptron(width, config.hidden_dims, spec.obs_dim, "mish", True)
        self.nets = nn.ModuleDict(nets).to(device)
        followed: dict[str, nn.Module] = {"encoder": encoder}
        if config.projection:
            followed["projection"] = nets["projection"]
        self.targets = nn.ModuleDict(copy.deepcopy(followed)).requires_grad_(False)
        self.parameters = [*self.nets.parameters()]
        self.optimizer = config.optimizer.build(self.parameters)
        self.updates = 0
        self.last_rank = torch.zeros((), device=device)

    @torch.no_grad()
    def encode(self, obs: Tensor) -> Tensor:
        return self.nets["encoder"](obs).latents

    def encoded(self, batch: EpisodeBatch) -> EpisodeBatch:
        return EpisodeBatch(batch.layout, {**batch.columns, "obs": self.encode(batch.obs)})

    def learn(self, batch: EpisodeBatch) -> Metrics:
        """One gradient step on the first H steps of each row, and the target's after it."""
        loss, metrics = self.loss(batch)
        self.optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.parameters, self.config.grad_norm_clip)
        self.optimizer.step()
        online = [one for name in self.targets for one in self.nets[name].parameters()]
        soft_update(self.targets.parameters(), online, self.config.tau)
        if self.updates % self.config.rank_interval == 0:
            self.last_rank = effective_rank(self.encode(batch.obs[:, 0]).flatten(0, 1))
        self.updates += 1
        return {
            **metrics,
            "latent_loss": loss.detach(),
            "latent_grad_norm": norm,
            "latent_rank": self.last_rank,
        }

    def loss(self, batch: EpisodeBatch) -> tuple[Tensor, Metrics]:
        """What the encoder and its heads descend, and what it is made of."""
        config = self.config
        horizon, actions = config.horizon, batch.actions  # [B,T,A,D]
        kept = batch.filled[:, :horizon].float()  # [B,H,1], for all agents
        with torch.no_grad():
            targets = self._compared(
                self.targets, self.targets["encoder"](batch.obs[:, 1:]).latents
            )
        first = self.nets["encoder"](batch.obs[:, 0])
        latents, found = first.latents, []  # [B,A,Z]
        loss = latents.new_zeros(())
        for step in range(horizon):
            before, latents = latents, self.nets["dynamics"](latents, actions[:, step])
            predicted = self._compared(self.nets, latents)
            apart = self._apart(predicted, targets[:, step])  # [B,A]
            found.append(apart.detach())
            if "reward" in self.nets:
                paid = self.nets["reward"](torch.cat([before, actions[:, step]], dim=-1))[..., 0]
                apart = apart + config.reward_weight * (paid - batch.reward[:, step]).square()
            if "decoder" in self.nets:
                shown = (self.nets["decoder"](latents) - batch.obs[:, step + 1]).square().mean(-1)
                apart = apart + config.decoder_weight * shown
            loss = loss + config.decay**step / horizon * (kept[:, step] * apart).mean()
        error = (torch.stack(found, dim=1) * kept).mean() / kept.mean().clamp(min=1e-8)
        metrics = {"latent_error": error}
        if first.codes is not None:
            metrics["fsq_codes_in_effect"] = codes_in_effect(first.codes)
        return loss, metrics

    def _compared(self, nets: nn.ModuleDict, latents: Tensor) -> Tensor:
        """Latents as they are compared: projected, where there is a projection."""
        return nets["projection"](latents) if "projection" in nets else latents

    def _apart(self, predicted: Tensor, target: Tensor) -> Tensor:
        """How far predictions [B,A,Z] are from their targets, [B,A]."""
        if self.config.distance == "cosine":
            return -cosine_similarity(predicted, target, dim=-1, eps=1e-6)
        return (predicted - target).square().mean(-1)

    def state_dict(self) -> State:
        return {
            "nets": self.nets.state_dict(),
            "targets": self.targets.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "updates": self.updates,
            "last_rank": self.last_rank,
        }

    def load_state_dict(self, state: State) -> None:
        self.nets.load_state_dict(state["nets"])
        self.targets.load_state_dict(state["targets"])
        load_optimizer(self.optimizer, state["optimizer"])
        self.updates = int(state["updates"])
        self.last_rank = state["last_rank"]
