"""Path rules: mined from training facts, applied as a model, and shown as explanations."""
