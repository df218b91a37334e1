"""LAGMA's windows, lists and walk, written slowly from their description: one episode at a time,
whole sequences stored, nothing shared with the code under test."""

from __future__ import annotations

import bisect
import math
from collections import deque


class NaiveLagma:
    """What a latent-goal bonus pays, given the codes and the random numbers."""

    def __init__(self, n_codes, config, gamma):
        self.config, self.gamma = config, gamma
        phantom = [0.0] if config.phantom_zero else []
        self.windows = [deque(phantom, maxlen=config.window) for _ in range(n_codes)]
        self.memory = deque(maxlen=n_codes * config.window)  # of windows=reencoded
        self.lists = [[] for _ in range(n_codes)]  # (priority, sequence, origin), worst first

    def used(self, batch, b):
        """How many slots of episode b count."""
        return batch.steps + 1 if self.config.padding == "included" else int(batch.lengths[b]) + 1

    def returns(self, batch, b):
        found = [0.0] * (batch.steps + 1)
        for t in reversed(range(int(batch.lengths[b]))):
            found[t] = batch.reward[b, t, 0].item() + self.gamma * found[t + 1]
        return found

    def value(self, code):
        window = self.windows[code]
        if not window:
            return None
        mean = sum(window) / len(window)
        variance = sum((one - mean) ** 2 for one in window) / len(window)
        return mean - self.config.spread * math.sqrt(variance)

    def keep_returns(self, batch, codes, episode):
        config, found = self.config, []
        for t in range(batch.steps + 1):
            for b in range(batch.size):
                final = t == int(batch.lengths[b])
                age = episode - int(batch.episode[b])
                if config.max_age is not None and age > config.max_age:
                    continue
                if t < self.used(batch, b) and (config.final_slot or not final):
                    found.append((codes[b][t], self.returns(batch, b)[t]))
        if config.windows == "reencoded":
            self.memory.extend(found)
            found = list(self.memory)
            for window in self.windows:
                window.clear()
                window.extend([0.0] if config.phantom_zero else [])
        for code, value in found:
            self.windows[code].append(value)

    def push(self, code, priority, sequence, origin):
        held = self.lists[code]
        if self.config.dedup:
            held[:] = [item for item in held if item[2] != origin]
        ranks = [item[0] for item in held]
        item = (priority, sequence, origin)
        if len(held) < self.config.k:
            held.insert(bisect.bisect_right(ranks, priority), item)
        elif priority >= ranks[0]:
            held.pop(0)
            held.insert(bisect.bisect_left(ranks[1:], priority), item)

    def draw(self, code, uniform):
        held = self.lists[code]
        if not held:
            return []
        if self.config.sampling == "uniform":
            return held[int(uniform * len(held))][1]
        weights = [math.exp(item[0] - held[-1][0]) for item in held]
        left = uniform * sum(weights)
        for weight, item in zip(weights, held, strict=True):
            left -= weight
            if left < 0:
                return item[1]
        return held[-1][1]

    def expected(self, batch, codes, bootstrap):
        """What code values are compared with, for each code; codes [B][T+1], bootstrap [B][T]."""
        found = {}
        for b, row in enumerate(bootstrap):
            for t in range(int(batch.lengths[b])):
                found.setdefault(codes[b][t + 1], []).append(row[t])
        return {code: sum(values) / len(values) for code, values in found.items()}

    def walk(self, batch, b, codes, bootstrap, uniforms):
        """The bonus of each step of episode b. codes [T+1], bootstrap [T], uniforms [draws]."""
        config, paid = self.config, [0.0] * batch.steps
        returns, slots = self.returns(batch, b), self.used(batch, b)
        reference, drawn = [], 0
        for t in range(slots):
            code, draws = codes[t], t % config.resample_interval == 0
            if t > 0 and (config.pay_on_resample or not draws):
                rest = reference[t - drawn :] if config.in_order else reference
                wanted = code != codes[t - 1] and code in rest
                wanted = wanted and len(self.windows[code]) >= config.min_returns
                ended = bool(batch.terminated[b, t - 1]) and not config.pay_on_terminal
                real = bool(batch.filled[b, t - 1])
                if wanted and real and not ended and self.value(code) is not None:
                    gain = self.value(code) - bootstrap[t - 1]
                    paid[t - 1] = self.gamma * max(gain, 0.0)
            if draws:
                begins = config.final_slot or t < slots - 1
                if begins and (bool(batch["won"][b]) or not config.goal_only):
                    priority = returns[t] if config.priority == "return_to_go" else None
                    if priority is None:
                        priority = self.value(code) or 0.0
                    origin = (int(batch.episode[b]), t)
                    self.push(code, priority, codes[t:slots], origin)
                reference, drawn = self.draw(code, uniforms[t // config.resample_interval]), t
        return paid
