"""What runs in a container or a job: ``python -m airflow_provider_pipes.entrypoints.entrypoint``."""
