#!/bin/sh
# Removes the containers that serve no longer.
set -eu
serving=$(cat /root/bench/serving)
for container in $(docker ps --all --quiet --no-trunc); do
    [ "$container" = "$serving" ] || docker rm --force "$container" >/dev/null
done
