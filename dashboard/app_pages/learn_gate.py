"""A gate: what is learnt of it, how it falls, and what is read at test time."""

from dashboard.learn import gate, page

page.show(gate.LESSON)
