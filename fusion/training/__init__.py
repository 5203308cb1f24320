"""What the trainers stand on: ensembles on disk, batches, targets, losses, and a run that can be gone on with."""
