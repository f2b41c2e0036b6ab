"""Log Analytics' query API, over the requests that the front end served: `service` answers, `tables` has the data.

https://learn.microsoft.com/azure/azure-monitor/logs/api/overview
"""
