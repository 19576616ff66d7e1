"""Pruning: a network that keeps only the weights worth their price, compacted into a small ordinary one."""

from dashboard.kit import study_page
from dashboard.pruning import form, view

question = "How much of a neural network can go before it errs more often? Every weight gets a gate, and an open gate has a price."
study_page.show("pruning", "Pruning", question, "Train a network", "Another network", form, view, unit="Epoch")
