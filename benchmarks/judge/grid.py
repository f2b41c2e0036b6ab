"""Which releases are simulated."""

from __future__ import annotations

from benchmarks.judge.worlds import World

PLAN = (5.0, 10.0, 25.0, 50.0)
LOW = (10, 20, 30, 60)
"""Requests a minute of which a tenth, 1 to 6, are the canary's."""

HEALTHY = (
    *(
        World(f"{total} a minute at {weight:g} %", total, (weight,))
        for total, weight in ((600, 5.0), (600, 10.0), (6000, 5.0))
    ),
    *(World(f"{total} a minute at 10 %", total, (10.0,)) for total in LOW),
    *(
        World(f"{total} a minute at {weight:g} %, 10 minutes", total, (weight,), minutes=10)
        for total, weight in ((600, 5.0), (60, 10.0))
    ),
    *(
        World(f"{total} a minute at 10 %, an app that fails {100 * rate:g} %", total, (10.0,), canary=rate, stable=rate)
        for total in LOW
        for rate in (0.02, 0.05)
    ),
    World("60 a minute, 5/10/25/50 %", 60, PLAN),
    World("600 a minute, 5/10/25/50 %", 600, PLAN),
    World("600 a minute at 10 %, errors drift to 4 times", 600, (10.0,), drift=4),
    World("60 a minute, 5/10/25/50 %, errors drift to 4 times", 60, PLAN, drift=4),
    World("600 a minute, 5/10/25/50 %, a wave of 80 %", 600, PLAN, wave=0.8),
    World("600 a minute at 10 %, bursts of 30 % errors", 600, (10.0,), burst=0.3),
    World("60 a minute, 5/10/25/50 %, bursts of 30 % errors", 60, PLAN, burst=0.3),
    World("600 a minute, 5/10/25/50 %, sticky users", 600, PLAN, sticky=True),
)
"""Both versions fail alike: 0.5 %, or what the app always fails, or whatever the moment brings."""

WORSE = (
    World("600 a minute at 5 %: 2 %", 600, (5.0,), canary=0.02),
    World("600 a minute at 10 %: 5 %", 600, (10.0,), canary=0.05),
    World("6000 a minute at 5 %: 2 %", 6000, (5.0,), canary=0.02),
    World("600 a minute at 5 %, 10 minutes: 20 %", 600, (5.0,), canary=0.2, minutes=10),
    World("60 a minute at 10 %, 10 minutes: 5 %", 60, (10.0,), canary=0.05, minutes=10),
    World("60 a minute at 10 %, 10 minutes: 20 %", 60, (10.0,), canary=0.2, minutes=10),
    *(
        World(f"{total} a minute at 10 %: {100 * rate:g} %", total, (10.0,), canary=rate)
        for total in LOW
        for rate in (0.02, 0.05, 0.2)
    ),
    *(
        World(f"{total} a minute, 5/10/25/50 %: {100 * rate:g} %", total, PLAN, canary=rate)
        for total in (60, 600)
        for rate in (0.02, 0.05)
    ),
    World("600 a minute at 10 %, errors drift to 4 times: 4 times those", 600, (10.0,), canary=0.02, drift=4),
    World("600 a minute at 10 %, bursts: 4 times the errors", 600, (10.0,), canary=0.02, burst=0.3),
    World("600 a minute, 5/10/25/50 %, sticky users: 2 %", 600, PLAN, canary=0.02, sticky=True),
)
"""The canary's error rate is named; the stable version's is 0.5 % at the same moment."""

SLOWER = tuple(
    World(
        f"{total} a minute at 10 %, spread {spread:g}: {f'+{100 * slower:g} %' if slower else 'the same'}",
        total,
        (10.0,),
        slower=slower,
        spread=spread,
    )
    for total in (60, 600)
    for spread in (0.4, 1.0)
    for slower in (0.0, 0.1, 0.2, 0.5)
)
"""Latencies are lognormal around 100 ms; the spread is the standard deviation of their logarithm, 1 is a heavy tail."""
