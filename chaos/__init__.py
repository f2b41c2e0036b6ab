"""The crash matrix: releases on a real Airflow whose processes are killed at every call, deferral and task boundary."""
