"""Scripts that run inside a parent image while an image is built, with its Python and nothing else."""
