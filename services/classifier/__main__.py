"""`tocsin classifier`."""

import sys

from services.classifier.wiring import wired
from shared.errors import TocsinError
from shared.runtime.process import begin, complain, redis_url
from shared.store.patience import StoreUnavailable


def main() -> int:
    """RQ itself ends its work in good order at SIGTERM and SIGINT."""
    try:
        settings = begin("classifier")
        with wired(settings, redis_url(settings)) as queue:
            queue.work(max_jobs=settings.classifier_max_jobs, blameless=StoreUnavailable)
    except TocsinError as error:
        return complain(error)
    return 0


if __name__ == "__main__":
    sys.exit(main())
