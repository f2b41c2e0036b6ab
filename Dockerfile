# Airflow with this project in it. The slim image holds Airflow's core alone, so what runs here is our lock,
# as it was tested, and not a mixture of it with the hundred packages of the full image.
FROM apache/airflow:slim-3.3.2-python3.12

# The drivers of the metadata database, synchronous and asynchronous, are only needed where it is PostgreSQL.
COPY requirements.txt requirements-postgresql.txt constraints.txt /tmp/
RUN pip install --no-cache-dir \
      --requirement /tmp/requirements.txt --requirement /tmp/requirements-postgresql.txt \
      --constraint /tmp/constraints.txt

# A new named volume takes its owner from the directory it is mounted over; without one it would be root's.
RUN mkdir -p /opt/airflow/logs /opt/airflow/simulator

# Release files are not part of the image: they are mounted, so that a new policy needs no new image.
COPY --chown=airflow:0 plugins /opt/airflow/plugins
COPY --chown=airflow:0 dags /opt/airflow/dags
