#!/bin/sh
# Starts Tocsin's containers again that were ended by `docker kill`: Docker itself restarts what dies, under whatever
# policy, but not what was killed through it. Runs until Ctrl-C, beside the stack; see docs/how-to/run-with-docker.md.

# 137 is death by SIGKILL. What was asked to stop has ended well, and stays as it is.
while sleep 2; do
  docker ps --all --quiet --filter label=tocsin.keep --filter exited=137 | xargs -r docker start
done
