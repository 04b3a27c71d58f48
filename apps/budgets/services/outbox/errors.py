"""The one way in which sending fails."""


class SendError(Exception):
    """Nothing was delivered, and why. `permanent`: it is given up. `everywhere`: others by the same way would fail too.

    `retry_after` is how many seconds the receiver asked to wait.
    """

    def __init__(
        self, words: str, *, permanent: bool = False, everywhere: bool = False, retry_after: int | None = None
    ) -> None:
        super().__init__(words)
        self.permanent = permanent
        self.everywhere = everywhere
        self.retry_after = retry_after
