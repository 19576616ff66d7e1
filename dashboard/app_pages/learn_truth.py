"""L0 against L1 against L2: what each finds of a truth that is known."""

from dashboard.learn import page, truth

page.show(truth.LESSON)
