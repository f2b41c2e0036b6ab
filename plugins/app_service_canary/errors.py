"""What can go wrong, split the way a retry policy asks.

AppServiceCanaryError
├── TransientError                 worth another try
│   ├── TransientAzureError        429, 5xx, a connection that broke
│   │   └── OperationInProgress    App Service works on this app already (409 59203, 429 59206)
│   ├── WeightNotApplied           written, but not there when read back
│   └── SourceUnavailable          a source of measurements did not answer this time
└── PermanentError                 another try gives the same answer
    ├── AzureUnavailable           trouble that should have passed did not, in all the time there was
    ├── AzureRequestRejected       400, 401, 403, 409 … with Azure's own reason
    │   └── AzureResourceMissing   404
    ├── InvalidReleasePlan         a release file or run parameters that cannot be followed
    ├── PreflightRefused           the app is not in a state to be released
    ├── ChangedByOthers            somebody changed what this release works on
    ├── DeploymentFailed           the slot did not take the package or image
    ├── SlotWarmUpTimeout          the slot did not answer well in time
    ├── SwapFailed                 App Service gave the swap up
    ├── SourceRefused              a source of measurements does not take the question
    ├── CanaryRejected             the verdict is bad
    ├── AnalysisInconclusive       there is no verdict
    ├── ApprovalDenied             a manager said no, or nobody answered in time
    ├── RestoreIncomplete          users could not be put back
    ├── ReleaseNotPromoted         the sentence with which a run ends that did not promote
    └── ReleaseAbandoned           something is left of a release that nobody goes on with
"""

from __future__ import annotations


class AppServiceCanaryError(Exception):
    """Base of everything this package raises on purpose. Its text is one sentence or more for people."""


class TransientError(AppServiceCanaryError):
    """Worth another try, within the deadline of whoever tries."""


class PermanentError(AppServiceCanaryError):
    """Another try would give the same answer: Airflow fails the task at once."""


class AzureAnswer(AppServiceCanaryError):
    """What Azure said, kept beside the sentence.

    Args:
        message: the sentence for people.
        status: HTTP status; None when there was no answer.
        code: Azure's own code, from either of its two error shapes ("ResourceNotFound", "59203" …).
        retry_after: seconds, as the Retry-After header asked; None when it did not.
    """

    status: int | None
    code: str | None
    retry_after: float | None

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.retry_after = status, code, retry_after

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions cross processes (worker, triggerer); the default would lose the keyword arguments.
        return _rebuild, (type(self), str(self), self.status, self.code, self.retry_after)


def _rebuild(
    kind: type[AzureAnswer], message: str, status: int | None, code: str | None, retry_after: float | None
) -> AzureAnswer:
    return kind(message, status=status, code=code, retry_after=retry_after)


class TransientAzureError(AzureAnswer, TransientError):
    """429, 5xx or a broken connection: Azure may do it when asked again."""


class OperationInProgress(TransientAzureError):
    """App Service is at work on this app and refuses a second operation until it is done."""


class WeightNotApplied(TransientError):
    """The traffic rule was written, but reading it back showed something else."""


class SourceUnavailable(TransientError):
    """A source of measurements other than Azure did not answer, or knows nothing yet."""


class AzureUnavailable(PermanentError):
    """Trouble that should have passed (throttling, an operation under way, no answer) lasted too long."""


class AzureRequestRejected(AzureAnswer, PermanentError):
    """Azure understood the request and refused it."""


class AzureResourceMissing(AzureRequestRejected):
    """The app, slot or plan does not exist, or this identity may not see it."""


class InvalidReleasePlan(PermanentError):
    """A release file or a run's parameters cannot be followed; nothing was changed."""


class PreflightRefused(PermanentError):
    """The app is not in a state in which a release may start; nothing was changed."""


class ChangedByOthers(PermanentError):
    """The slot's traffic rule or content is no longer what this release left there; it was not overwritten."""


class DeploymentFailed(PermanentError):
    """The slot did not take the package or the image."""


class SlotWarmUpTimeout(PermanentError):
    """The slot did not answer well in time; no traffic was moved."""


class SwapFailed(PermanentError):
    """App Service gave the swap up, its end was not heard of, or it ended in another state than asked for."""


class SourceRefused(PermanentError):
    """A source of measurements does not take the release file's question."""


class CanaryRejected(PermanentError):
    """The canary's verdict is bad, or it did not answer well just before it was to be swapped in."""


class AnalysisInconclusive(PermanentError):
    """The canary was not observed well enough for a verdict; no data is not good news."""


class ApprovalDenied(PermanentError):
    """A manager rejected the release, or nobody decided in time."""


class RestoreIncomplete(PermanentError):
    """Users could not be put back on the stable version; its text says what is left to do by hand."""


class ReleaseNotPromoted(PermanentError):
    """The release ended without promotion."""


class ReleaseAbandoned(PermanentError):
    """A rule, a running slot or a pending preview that no living release answers for; its text says what to do."""
