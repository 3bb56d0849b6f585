#!/bin/sh
# Runs an image that is here, waits until it answers, and sends nginx's traffic to it.
set -eu
container=$(docker run --detach --publish 127.0.0.1::8000 "bench:$1")
address=$(docker port "$container" 8000/tcp)
until curl --silent --fail --output /dev/null "http://$address/healthz"; do sleep 0.02; done
echo "upstream bench { server $address; }" >/etc/nginx/conf.d/bench-upstream.new
mv /etc/nginx/conf.d/bench-upstream.new /etc/nginx/conf.d/bench-upstream.conf
nginx -t -q
nginx -s reload 2>/dev/null
echo "$container" >/root/bench/serving
