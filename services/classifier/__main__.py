"""`tocsin classifier`."""

import sys
from functools import partial

from services.classifier.wiring import wired
from shared.errors import RedisUnavailable, TocsinError
from shared.runtime.process import begin, complain, redis_url
from shared.store.connection import Patience
from shared.store.patience import StoreUnavailable


def main() -> int:
    """RQ itself ends its work in good order at SIGTERM and SIGINT."""
    try:
        settings = begin("classifier")
        # A worker that gave up would leave its batch behind, as one that died of it does.
        patience = Patience()
        with wired(settings, redis_url(settings), patience) as (queue, topics):
            work = partial(
                queue.work,
                max_jobs=settings.classifier_max_jobs,
                blameless=StoreUnavailable,
                when_told_to_stop=patience.end,
            )
            work()
            # A fresh process would not start with packs that are refused: so long the old one stays.
            while topics.refused and not patience.ended:
                work()
    except TocsinError as error:
        return complain(error)
    except StoreUnavailable as error:
        return complain(RedisUnavailable(str(error)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
