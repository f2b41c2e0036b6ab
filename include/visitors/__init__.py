"""Steady visitors of a web app, the journal of what they met, and the sums over it."""
