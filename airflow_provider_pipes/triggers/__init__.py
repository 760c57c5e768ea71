"""What waits in Airflow's triggerer for jobs that run elsewhere."""
