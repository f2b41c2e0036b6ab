"""Looking: tasks that wait for a state of the world without changing it."""
