"""Canary releases of Azure App Service web apps, as Airflow operators, sensors, triggers and one hook."""
