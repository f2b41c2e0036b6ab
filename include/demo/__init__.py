"""The program behind `make release`: a canary release from nothing to the report, on one machine.

It starts the App Service simulator, steady visitors and Airflow, triggers the release, shows it live, asks
for the approval and reports. Nothing here is needed to release a real app: that is `plugins/` and `dags/`.

Read `story` for the order of things; everything else is one noun each.
"""
