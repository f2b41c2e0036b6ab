"""What the service principal may do: custom roles, in the JSON that `az role definition create` takes.

https://learn.microsoft.com/azure/role-based-access-control/custom-roles
"""

from fnmatch import fnmatchcase
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError


class Role(BaseModel):
    """A role definition, as far as it decides: an action is allowed that `Actions` has and `NotActions` has not.

    `*` stands for any characters, and case does not matter. Data actions are of no use to App Service.
    """

    model_config = ConfigDict(extra="ignore")

    name: str = Field(default="", alias="Name")
    actions: list[str] = Field(alias="Actions")
    not_actions: list[str] = Field(default_factory=list, alias="NotActions")

    def allows(self, action: str) -> bool:
        return _among(action, self.actions) and not _among(action, self.not_actions)


class Roles:
    """The roles assigned to the service principal: at one scope, the subscription.

    None at all, as at the start, is no assignment but no enforcement: everything is allowed.
    """

    def __init__(self) -> None:
        self._assigned: list[Role] | None = None

    def assign(self, wanted: Any) -> None:
        """Assigns these roles, and no other, from a JSON list; [] allows nothing. ValueError if one is not in order."""
        if not isinstance(wanted, list):
            raise ValueError("a list of role definitions is expected")
        self._assigned = [_read(role) for role in wanted]

    def clear(self) -> None:
        """Allows everything again."""
        self._assigned = None

    def allow(self, action: str) -> bool:
        """Whether any of the roles allows it: assignments add up."""
        return self._assigned is None or any(role.allows(action) for role in self._assigned)

    def as_json(self) -> list[dict[str, Any]] | None:
        """The roles assigned; None while everything is allowed."""
        if self._assigned is None:
            return None
        return [role.model_dump(by_alias=True) for role in self._assigned]


def _read(wanted: Any) -> Role:
    try:
        return Role.model_validate(wanted)
    except ValidationError as error:
        problem = error.errors()[0]
        member = ".".join(map(str, problem["loc"])) or "a role"
        raise ValueError(f"{member} in {wanted!r}: {problem['msg']}") from None


def _among(action: str, patterns: list[str]) -> bool:
    return any(fnmatchcase(action.lower(), pattern.lower()) for pattern in patterns)
