"""A fault as it is ordered: which calls it meets, and what it does to them."""

from fnmatch import fnmatchcase
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator

from app_service_simulator.faults.endings import SWAP_ENDINGS
from app_service_simulator.faults.kinds import BEFORE, DEPLOYMENTS, KINDS, READS, SWAPS, Kind, is_read

LOOPBACK = ("127.0.0.1", "localhost", "::1")
"""Where a callback may lead: the simulator talks to nobody outside this machine."""

Status = Field(default=None, ge=200, le=599)


class Fault(BaseModel):
    """One fault. Seconds are real seconds, whatever the simulator's speed.

    Attributes:
        operation: Microsoft's operation id, in any case, with `*` for any characters: `WebApps_SwapSlot*`.
        method, path: instead of it, or to narrow it: the HTTP method, and the path as a glob in any case.
        app: only calls about this app. None: any, and calls that are about none, such as those to Entra ID.
        nth: the first matching call it acts on, counted from 1 since it was ordered.
        times: on how many calls from then on; None: on all.
        probability: instead of `nth`: acts on each matching call with this chance, 0 to 1.
        seed: makes the dice of `probability` fall the same way each time.
        when: `before` the call's effect, which then does not happen if the fault answers or breaks the call, or
            `after` it. None: as usual for the kind.
        do: the kind, a key of KINDS; the other attributes are options of kinds, described there.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    operation: str | None = None
    method: str | None = None
    path: str | None = None
    app: str | None = None
    nth: int | None = Field(default=None, ge=1)
    times: int | None = Field(default=1, ge=1)
    probability: float | None = Field(default=None, gt=0, le=1)
    seed: int | None = None
    when: Literal["before", "after"] | None = None
    do: str

    seconds: float | None = Field(default=None, ge=0)
    retry_after: int | None = Field(default=None, ge=0)
    status: int | None = Status
    code: str | None = None
    message: str | None = None
    extended_code: str | None = None
    process: int | Literal["caller"] | None = None
    url: str | None = None
    ending: str | None = None
    prepared: bool | None = None
    answer: Literal["gateway_timeout", "server_timeout", "bad_gateway", "server_error", "reset", "hang"] | None = None

    @field_validator("do")
    @classmethod
    def _known(cls, do: str) -> str:
        if do not in KINDS:
            raise ValueError(f"there are {', '.join(KINDS)}")
        return do

    @field_validator("ending")
    @classmethod
    def _known_ending(cls, ending: str | None) -> str | None:
        if ending not in (None, *ENDINGS):
            raise ValueError(f"there are {', '.join(ENDINGS)}")
        return ending

    @field_validator("process")
    @classmethod
    def _single_process(cls, process: object) -> object:
        # 0 and negative numbers are groups of processes to kill(2), and 1 is the machine's own.
        if isinstance(process, int) and process <= 1:
            raise ValueError("a process id above 1 or 'caller' is expected")
        return process

    @field_validator("url")
    @classmethod
    def _on_this_machine(cls, url: str | None) -> str | None:
        if url is not None:
            parts = urlsplit(url)
            if parts.scheme != "http" or parts.hostname not in LOOPBACK:
                raise ValueError(f"an http:// address at {', '.join(LOOPBACK)} is expected")
        return url

    @model_validator(mode="after")
    def _consistent(self, info: ValidationInfo) -> "Fault":
        if not (self.operation or self.path):
            raise ValueError("operation or path is needed, to say which calls are meant")
        if self.probability is not None and self.nth is not None:
            raise ValueError("nth and probability exclude each other")
        if self.seed is not None and self.probability is None:
            raise ValueError("seed is of use with probability only")
        if self.when is not None and self.when not in self.kind.moments:
            raise ValueError(f"when is {self.when!r}; {self.do} acts {' or '.join(self.kind.moments)} the effect")
        given = {name for name in OPTIONS if getattr(self, name) is not None}
        if unheeded := given - set(self.kind.options):
            allowed = ", ".join(self.kind.options) or "none"
            raise ValueError(f"{self.do} has no option {', '.join(sorted(unheeded))}; its options: {allowed}")
        if missing := {name for name, default in self.kind.options.items() if default is ...} - given:
            raise ValueError(f"{self.do} needs {', '.join(sorted(missing))}")
        if self.prepared and (self.ending == DEPLOYMENT_FAILED or self.moment != BEFORE):
            raise ValueError("prepared is for swaps that end before their cut-over")
        return self

    @property
    def kind(self) -> Kind:
        return KINDS[self.do]

    @property
    def moment(self) -> str:
        """`before` or `after` the effect."""
        return self.when or self.kind.moments[0]

    def option(self, name: str) -> Any:
        """An option's value: the one ordered, or the kind's default."""
        value = getattr(self, name)
        return self.kind.options[name] if value is None else value

    def matches(self, operation: str, method: str, path: str, app: str | None) -> bool:
        """Whether it is about this call."""
        kind = self.kind
        operations = ENDINGS.get(self.ending or "", kind.operations)
        return (
            (self.operation is None or _like(operation, self.operation))
            and (self.method is None or method.upper() == self.method.upper())
            and (self.path is None or _like(path, self.path))
            and (self.app is None or (app or "").lower() == self.app.lower())
            and (not operations or any(_like(operation, pattern) for pattern in operations))
            and (kind.calls is None or (kind.calls == READS) == is_read(operation, method))
        )

    def as_json(self) -> dict[str, Any]:
        """What was ordered, without the members left out."""
        return self.model_dump(mode="json", exclude_unset=True)


DEPLOYMENT_FAILED = "deployment_failed"
"""The one ending of deployments: status 3, with the fault's `message` as its text."""

ENDINGS = {**dict.fromkeys(SWAP_ENDINGS, SWAPS), DEPLOYMENT_FAILED: DEPLOYMENTS}
"""What `ends_with` can end with, and which operations can end so."""

OPTIONS = tuple(dict.fromkeys(name for kind in KINDS.values() for name in kind.options))
"""Every option that some kind has."""


def read(wanted: Any) -> Fault:
    """A fault from JSON; ValueError with the member, its value and what is allowed if it is none."""
    if not isinstance(wanted, dict):
        raise ValueError(f"{wanted!r} is no fault; an object is expected, with {', '.join(Fault.model_fields)}")
    try:
        return Fault.model_validate(wanted)
    except ValidationError as error:
        raise ValueError("; ".join(_sentence(wanted, problem) for problem in error.errors())) from None


def _sentence(wanted: dict[str, Any], problem: Any) -> str:
    reason = str(problem["msg"]).removeprefix("Value error, ")
    if not problem["loc"]:
        return f"{wanted!r}: {reason}"
    member = str(problem["loc"][0])
    if problem["type"] == "extra_forbidden":
        return f"a fault has no member {member}; there are {', '.join(Fault.model_fields)}"
    return f"{member} is {wanted.get(member)!r}: {reason}"


def _like(text: str, pattern: str) -> bool:
    return fnmatchcase(text.lower(), pattern.lower())
