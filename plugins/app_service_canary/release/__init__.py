"""The release's logic, pure: no Airflow, no Azure, no network, no clock, no environment."""
