"""A Prometheus that has scraped an exporter of the front end's requests: `service` answers, `promql` reads the
queries, `series` has the samples.

https://prometheus.io/docs/prometheus/latest/querying/api/
"""
