"""Choosing households: gates close, weights grow, totals meet their lines."""

from dashboard.learn import households, page

page.show(households.LESSON)
