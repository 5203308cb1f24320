"""The simulated world: actors, their motion, contacts, traffic lights and the sensors that need no picture."""
