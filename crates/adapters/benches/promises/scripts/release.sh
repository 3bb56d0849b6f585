#!/bin/sh
# Builds the files that are here and lets the result serve.
set -eu
DOCKER_BUILDKIT=1 docker build --quiet --tag "bench:$1" /root/bench/app >/dev/null
exec sh /root/bench/settle.sh "$1"
