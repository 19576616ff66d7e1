"""Pruning a network in a plane: a boundary that stays while units go."""

from dashboard.learn import network, page

page.show(network.LESSON)
