"""What users write: steps, pipelines, and what a step may ask while it runs."""
