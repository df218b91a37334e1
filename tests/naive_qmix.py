"""QMIX one slot at a time, written out plainly: the reference for the fused learner."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import elu, linear, one_hot

from marl.batch import EpisodeBatch
from marl.controllers.shared import SharedController
from marl.learners.q import QLearner
from marl.nets.mixers import Qmix


def naive_step(net: SharedController, obs: Tensor, last: Tensor | None, carry: Tensor):
    """One slot with a GRU cell written out. obs [B,A,O], last [B,A] or none, carry [B*A,H]."""
    batch, agents = obs.shape[:2]
    last_hot = torch.zeros(batch, agents, net.action.n)
    if last is not None:
        last_hot = one_hot(last, net.action.n).float()
    ids = torch.eye(agents).expand(batch, agents, agents)
    inputs = torch.cat([obs, last_hot, ids], dim=-1).reshape(batch * agents, -1)
    encoded = torch.relu(net.net.encoder(inputs))
    gru = net.net.memory
    reset_x, update_x, new_x = linear(encoded, gru.weight_ih_l0, gru.bias_ih_l0).chunk(3, -1)
    reset_h, update_h, new_h = linear(carry, gru.weight_hh_l0, gru.bias_hh_l0).chunk(3, -1)
    reset = torch.sigmoid(reset_x + reset_h)
    update = torch.sigmoid(update_x + update_h)
    new = torch.tanh(new_x + reset * new_h)
    carry = (1 - update) * new + update * carry
    return net.net.head(carry).view(batch, agents, -1), carry


def naive_unroll(net: SharedController, batch: EpisodeBatch) -> Tensor:
    """[B,T+1,A,U], one slot after another."""
    carry = torch.zeros(batch.size * net.n_agents, net.net.carry_dim)
    assert batch.started.all()
    last = None
    values = []
    for slot in range(batch.steps + 1):
        out, carry = naive_step(net, batch.obs[:, slot], last, carry)
        values.append(out)
        if slot < batch.steps:
            last = batch.actions[:, slot]
    return torch.stack(values, dim=1)


def naive_mix(mixer: Qmix, values: Tensor, state: Tensor) -> Tensor:
    """One step. values [B,A], state [B,S] -> [B]."""
    weights = mixer.weights_1(state).abs().view(-1, mixer.n_agents, mixer.embed_dim)
    hidden = elu((values[:, :, None] * weights).sum(1) + mixer.bias_1(state))
    return (hidden * mixer.weights_2(state).abs()).sum(1) + mixer.value(state)[:, 0]


def naive_qmix_loss(learner: QLearner, batch: EpisodeBatch) -> Tensor:
    """Double-Q one-step loss, masked mean of squares, step by step."""
    online = naive_unroll(learner.controller, batch)
    target = naive_unroll(learner.target_controller, batch).detach()
    total, count = torch.zeros(()), torch.zeros(())
    for t in range(batch.steps):
        chosen = online[:, t].gather(-1, batch.actions[:, t, :, None])[..., 0]
        joint = naive_mix(learner.mixer, chosen, batch.state[:, t])
        best = online[:, t + 1].detach().clone()
        best[~batch.avail[:, t + 1]] = -9999999
        following = target[:, t + 1].gather(-1, best.argmax(-1, keepdim=True))[..., 0]
        bootstrap = naive_mix(learner.target_mixer, following, batch.state[:, t + 1]).detach()
        alive = 1 - batch.terminated[:, t, 0].float()
        y = batch.reward[:, t, 0] + learner.config.gamma * alive * bootstrap
        mask = batch.filled[:, t, 0].float()
        total = total + (mask * (joint - y) ** 2).sum()
        count = count + mask.sum()
    return total / count
