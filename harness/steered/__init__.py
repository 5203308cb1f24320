"""Drives that somebody else steers, step by step: the simulation and its client live in a process of their own."""
