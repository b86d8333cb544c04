"""A stand-in for the GPU's fleet of trials, which the CPU trains: for tests of what is around it."""

from types import SimpleNamespace

import numpy as np

from gdbench.kernels import steps
from gdbench.kernels.compile.cuda import Card
from gdbench.kernels.gpu.members import Found

CARD = Card("Stand-in", (9, 0), 1, 232_448, 233_472, 2**30)


class CpuFleet:
    """Trains its members side by side, some steps a launch, and ends none by itself: `Fleet` need not either.

    made: how many members each fleet had. launched: is called before each launch with the fleet, and may raise.
    """

    STEPS = 4
    made: list[int] = []  # noqa: RUF012
    launched = staticmethod(lambda fleet: None)
    compiled = staticmethod(lambda capability: None)

    def __init__(self, problem, members, *, rules=(), largest=0):
        assert {m.rule.name for m in members} <= {rule.name for rule in rules}
        assert largest >= max(m.batch_size for m in members)
        self.members, self.card, self.kernel = list(members), CARD, SimpleNamespace(image=self.compiled)
        self.seconds, self.launches, self.ended = np.zeros(len(members)), 0, set()
        self.trainings = [
            problem.begin(seed=m.seed, batch_size=m.batch_size, clip_norm=m.clip_norm, clip_value=m.clip_value)
            for m in members
        ]
        pairs = zip(members, self.trainings, strict=True)
        self.walks = [steps.begin(m.rule, m.settings, training, m.rates) for m, training in pairs]
        if members[0].points != [0]:  # which is how what is only compiled is looked at
            type(self).made.append(len(members))

    @property
    def running(self):
        return any(not self._over(i) for i in range(len(self.members)))

    def _over(self, i):
        return i in self.ended or (self.launches > 0 and self.trainings[i].steps >= self.members[i].steps)

    def advance(self):
        if self.members[0].points != [0]:
            type(self).launched(self)
        over = [self._over(i) for i in range(len(self.members))]
        first, self.launches = self.launches == 0, self.launches + 1
        for i, (member, training, walk) in enumerate(zip(self.members, self.trainings, self.walks, strict=True)):
            if over[i]:
                continue
            if first:
                yield Found(i, 0, training.evaluate(), np.nan)
            for _ in range(min(self.STEPS, member.steps - training.steps)):
                walk.advance(1)
                self.seconds[i] += 1.0
                if training.steps in member.points:
                    yield Found(i, training.steps, training.evaluate(), walk.lr)

    def end(self, member):
        self.ended.add(member)
