"""The Airflow operators that generated DAG files are made of."""
