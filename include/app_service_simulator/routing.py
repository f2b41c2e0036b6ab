"""Which slot answers a request to a production host: rules, routing cookie, query parameter and dice. Pure.

https://learn.microsoft.com/azure/app-service/deploy-staging-slots, "Route production traffic".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

ROUTING_NAME = "x-ms-routing-name"
"""Cookie and query parameter that name where a visitor belongs: a rule's name, or `self`."""

DICE_COOKIE = "TiPMix"
"""Cookie that carries the roll, for information: it is written, never read."""

PRODUCTION = "self"
"""The routing name of the production slot."""

COOKIE_LIFE = 3600.0
"""Azure seconds a visitor stays pinned, counted from the first response: the cookie is never renewed."""


@dataclass(frozen=True)
class Rule:
    """One ramp-up rule of a production host.

    `name`: what visitors' cookies will say, normally the slot's name.
    `action_host_name`: the host that answers instead. Nothing checks that it exists.
    `percentage`: percent of the new visitors, 0 to 100. With 0 only those who ask for it by name go there.
    """

    name: str
    action_host_name: str
    percentage: float


@dataclass(frozen=True)
class Decision:
    """Where a request goes.

    `rule`: whose host answers; None is production itself.
    `cookies`: names and values to set, in the order App Service sets them.
    """

    rule: Rule | None
    cookies: tuple[tuple[str, str], ...] = ()


TO_PRODUCTION = Decision(None)


def decide(
    rules: Sequence[Rule],
    *,
    asked: str | None = None,
    pinned: str | None = None,
    roll: float,
    former: Mapping[str, Rule] | None = None,
    unknown_is_rerolled: bool = True,
) -> Decision:
    """Decides one request to a production host.

    `asked` is the query parameter's value, `pinned` the routing cookie's, `roll` a number from 0 up to but
    not including 100. A roll below the first rule's percentage goes to the first rule, one below the sum of
    the first two to the second, and so on; the rest stays in production.

    `former` are rules of the past, by name, whose cookies are still honoured; leave it out if they are not.
    `unknown_is_rerolled`: a cookie naming no rule is replaced by a new roll; if False, production answers.
    """
    known = {rule.name: rule for rule in rules}
    # Without a rule the parameter is ignored; a rule of 0 % is enough for it to work.
    if asked is not None and rules and (asked == PRODUCTION or asked in known):
        return Decision(known.get(asked), ((ROUTING_NAME, asked),))
    if pinned is not None:
        if pinned == PRODUCTION:
            return TO_PRODUCTION
        rule = known.get(pinned) or (former or {}).get(pinned)
        if rule is not None:
            return Decision(rule)
        if not unknown_is_rerolled:
            return TO_PRODUCTION
    if not rules:
        return TO_PRODUCTION
    rule = _rolled(rules, roll)
    return Decision(rule, ((DICE_COOKIE, repr(roll)), (ROUTING_NAME, rule.name if rule else PRODUCTION)))


def _rolled(rules: Sequence[Rule], roll: float) -> Rule | None:
    limit = 0.0
    for rule in rules:
        limit += rule.percentage
        if roll < limit:
            return rule
    return None


def cookie_value(header: str, name: str) -> str | None:
    """The value of the first cookie called `name` in a Cookie header; None when it is not there."""
    for pair in header.split(";"):
        key, _, value = pair.strip().partition("=")
        if key == name:
            return value
    return None


def set_cookie(name: str, value: str, *, host: str, life: float) -> str:
    """A Set-Cookie header with the attributes, and in the order, that App Service sends.

    `life` is in real seconds and goes out as a whole number, at least 1: 0 would delete the cookie.
    """
    return f"{name}={value}; path=/; HttpOnly; Domain={host}; Max-Age={max(1, round(life))}; Secure; SameSite=None"
