"""The airflow orchestrator: a pipeline as one static DAG file; import the module that you need."""
