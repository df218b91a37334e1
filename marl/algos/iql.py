"""IQL: every agent learns its own value from the shared reward (Tan 1993).

    y_i = r + gamma * (1 - terminated) * Q_target(o_i', argmax Q(o_i', .))
    loss = mean over steps and agents of (Q(o_i, a_i) - y_i)^2

Differs from Tan 1993: deep recurrent networks with shared parameters, replay, target copies and
double-Q, as in PyMARL. As there, an agent that died goes on learning its only action's value.
"""

from __future__ import annotations

from dataclasses import dataclass

from marl.algos.values import ValueRecipeConfig


@dataclass(frozen=True)
class IqlConfig(ValueRecipeConfig):
    """Independent Q-learning: no mixer."""
