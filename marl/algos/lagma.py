"""LAGMA: QMIX, paid for following good trajectories through a quantised state space.

    y = r + r_I + gamma * (1 - terminated) * Q_tot_target(s')
    r_I = gamma * max(C_q(s') - Q_tot_target(s'), 0)  if q(s') != q(s) and q(s') in tau*, else 0

q(s) is the nearest of K codes of a VQ-VAE of the global state; C_q the mean of the last m returns
seen from a code; tau* a trajectory drawn every n_freq slots from the k best seen to start at the
code then current. The codebook is trained by
    |decoder(x + sg[e - x]) - s|^2 + l_vq |sg[x] - e|^2 + l_commit |x - sg[e]|^2
    + l_cvr / |J(t)| * sum_{j in J(t)} |sg[x] - e_j|^2.
Na & Moon 2024, "LAGMA: LAtent Goal-guided Multi-Agent Reinforcement Learning", ICML (PMLR 235),
arXiv:2405.19998; published code: aailabkaist/LAGMA (its newer state of 27 May 2024; the last one
does not parse). Executing is QMIX's: nothing of the below is needed to act.

Where we differ from the paper (P) or the published code (C), and the option that goes back;
configs/algs/lagma_official.yaml sets those marked *.
- reconstruction: mean over the state's numbers, as C; P has the sum
  (bonus.codebook.recon_reduction).
- J(t) with fewer codes than slots: floor(t K / T) in integers; C in floating point, which is off
  by one at times; its first version used code 0 alone.
- J(t) when T does not divide K: the rest goes to the first slots, as C (bonus.codebook.leftovers).
- T in J(t): the longest episode of the batch, as C (bonus.codebook.horizon: limit for all slots).
- padding: never learnt from; C trains on it, stores its zero returns and codes (* bonus.padding).
- codes begin at k-means of the first encodings and learn ten times as fast as the encoder; P and C
  draw them from U[0,1), where one code takes all states for a thousand updates
  (* bonus.codebook.init, code_lr).
- nothing is paid before 300 updates of the codebook, beside the 50,000 steps of P and C
  (* bonus.warmup).
- the final state's return of 0 is not stored, nor a trajectory that begins there; C stores both
  (* bonus.final_slot).
- windows of returns: the mean of what is there, as P, and a code without returns pays nothing;
  C starts each with a return of 0 (* bonus.phantom_zero).
- priority of a trajectory: its own return-to-go, as C; P has C_q (bonus.priority: cq), under
  which all that start at one code in one update rank alike. A code without returns ranks as 0.
- goal-reaching: any trajectory qualifies, as C; P speaks of goals (bonus.goal_only).
- transitions into a slot that draws a new reference: judged by the one before, as P reads; C never
  pays them, a fifth of all (* bonus.pay_on_resample).
- transitions into a terminal state: unpaid, its value is 0; C pays them
  (* bonus.pay_on_terminal).
- a trajectory may be its own reference, as C and P.
- duplicates are kept, as C (bonus.dedup). Membership asks for the code anywhere in the stored
  rest of the episode, not only later than now, as C.
- windows are filled every bonus.update_interval episodes, lists on every update, as C.
- gradient clip of the VQ-VAE: at norm 10, after backward; C clips gradients that are still zero,
  so never (* bonus.codebook.grad_clip: null).
- a code's vq gradient: plain; C divides it by how many states of a slot chose the code
  (* bonus.codebook.gradient: per_code).
- Q in r_I: the double-Q value of the TD target itself, as C; P writes a maximum.
- codes of stored trajectories and returns are not renewed as the codebook moves, as C; of the
  returns they can be (bonus.windows: reencoded).
- nearest codes by the sum of squares itself; C by |e|^2 - 2 x e, wrong once in 70,000 by rounding.
- within P's formula, all off by default: a least number of returns (bonus.min_returns), returns of
  recent episodes alone (bonus.max_age), C_q less a share of their spread (bonus.spread), Q as the
  mean of the code's states (bonus.baseline: code), a weight within 0..1 that falls as the returns
  of paid steps show C_q to be too high (bonus.calibrated), references
  that must still visit the code (bonus.in_order), moving-average codes (bonus.codebook.codes: ema),
  dead codes drawn anew (bonus.codebook.revive_after).
- a grid of rounded numbers in the place of learnt codes, trained by the reconstruction alone
  (bonus.codebook.kind: fsq; marl/quantizers/fsq.py).
- drawing a trajectory: uniform, as C by default; C's other way takes raw priorities as weights,
  ours their softmax (bonus.sampling).
- checkpoints hold windows, lists, optimiser and counters; C's hold codebook and networks alone.
- latent distances: the squared norm, as C and P; C's two others by name (bonus.codebook.loss).
- episodes may be collected in parallel; intervals count episodes, as C, which has one environment.
- left out, all off in every published setting: value-predicting and time-fed decoders, a code for
  empty states, UCB on C_q, paying the trajectory's priority, undiscounted
  sums as priority, separate large batches for the VQ-VAE.
"""

from __future__ import annotations

from dataclasses import dataclass

from marl.algos.qmix import QmixConfig
from marl.intrinsic.config import BonusConfig
from marl.intrinsic.lagma.bonus import LagmaBonusConfig


@dataclass(frozen=True)
class LagmaConfig(QmixConfig):
    """QMIX with a latent-goal bonus; `bonus.kind=lagma` puts it on any other mixer."""

    bonus: BonusConfig = LagmaBonusConfig()
