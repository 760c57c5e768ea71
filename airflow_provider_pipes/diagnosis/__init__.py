"""What `pipes doctor` looks at; nothing here prints, and Airflow is only asked from outside."""
