"""The errors a user can meet. Each message names what was found and what to do next."""


class AlmanacError(Exception):
    """Refused or failed for a reason the user can act on; the command line exits with 1."""


class ConfigError(AlmanacError):
    """The configuration cannot be used as it stands; the command line exits with 2."""


class ExtraMissing(AlmanacError):
    """A package is not installed; each of the `extras` brings it, the smallest first.

    `otherwise` is what can be done without.
    """

    def __init__(self, package: str, extras: tuple[str, ...], otherwise: str = "") -> None:
        self.package = package
        self.extras = extras
        self.otherwise = otherwise
        super().__init__(self.advice())

    def advice(self, preferred: str = "") -> str:
        """What to install: the `preferred` extra where it brings the package."""
        extra = preferred if preferred in self.extras else self.extras[0]
        command = f"pip install 'almanac[{extra}]'"
        otherwise = f", or {self.otherwise}" if self.otherwise else ""
        return f"this needs {self.package}, which is not installed: {command}{otherwise}"


class SourceUnavailable(AlmanacError):
    """A source as a whole cannot be listed; nothing was changed."""


class SourceAbsent(SourceUnavailable):
    """A dated source holds nothing for the time of the run; nothing was changed."""


class ReleaseNotFound(AlmanacError):
    """No release answers to the date, time or number that was asked for."""


class ReleaseNotOpen(AlmanacError):
    """The release is known, but by policy its index is not kept, or nothing of it is."""


class FormatTooNew(AlmanacError):
    """A later version of Almanac wrote it in a way that this one does not know."""


class RunRefused(AlmanacError):
    """The run must not publish: the losses are too large, or its time is already past."""


class LossesRefused(RunRefused):
    """Too many documents vanished or shrank since the last release."""


class TimePast(RunRefused):
    """A later release stands already: history is only added to."""


class CandidateWaits(RunRefused):
    """An index of another embedder or chunker waits for a person's word."""


class LeaseHeld(AlmanacError):
    """Another writer holds the lakehouse."""


class StorageUnavailable(AlmanacError):
    """The storage of a lakehouse does not answer, is full, or may not be written to."""


class NoLakehouse(AlmanacError):
    """There is no lakehouse at the place that was named, but nothing or something else."""


class LakehouseDamaged(AlmanacError):
    """A table or an index can't be read: its files are missing, cut or changed."""


class EmbeddingFailed(AlmanacError):
    """A model or endpoint did not return one finite vector of the right size per text."""


class TextRefused(EmbeddingFailed):
    """A model or endpoint will not take one text: the one at `position` of those it was given.

    `reason` says why without naming the position.
    """

    def __init__(self, position: int, reason: str, message: str = "") -> None:
        super().__init__(message or f"text {position} {reason}")
        self.position = position
        self.reason = reason


class EmbeddingWaits(RunRefused):
    """Texts are under way at a batch API: the next run collects their vectors and publishes."""


class VerificationFailed(AlmanacError):
    """The index differs from what Delta says it must hold; it was not published."""


class FeedbackUnreadable(AlmanacError):
    """A log of requests or votes cannot be read as a whole; nothing was stored."""


class FeedbackUnknown(AlmanacError):
    """No request of that id is stored."""


class DatasetRefused(AlmanacError):
    """There is nothing to train on, or a dataset is not what its hash says."""


class TuningFailed(AlmanacError):
    """The trainer or the evaluation did not end well; nothing was offered."""


class AdapterRefused(AlmanacError):
    """An adapter may not take that step, or no such adapter is known."""


class RolloutRefused(AlmanacError):
    """A rollout may not begin or take that step, or no such rollout is known."""


class AssistantRefused(AlmanacError):
    """A version of an assistant may not take that step, or no such prompt or version is stored."""


class BackfillStopped(AlmanacError):
    """A step of a backfill did not end well; the steps before it stand, later ones wait."""
