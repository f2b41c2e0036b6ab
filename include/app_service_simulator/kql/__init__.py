"""The part of the Kusto Query Language that the simulator's Log Analytics understands.

    Table
    | where … | extend a = … | summarize a = count(), … by b = … | order by a asc | project …

in any order and number. What is not here is refused by name, never answered wrongly. `parser` reads a query,
`pipeline` runs it over rows; `expressions`, `operators`, `functions` and `aggregates` are what they are made of.

https://learn.microsoft.com/kusto/query/
"""
