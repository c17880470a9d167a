"""Training with Lightning: recipes, optimizers, resumable fitting, snapshots."""
