"""What `simulator.determinism`, `simulator.stress` and `simulator.fuzz` share: clients that try the server out."""
