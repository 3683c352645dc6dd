# The image of the driver: node, the bundle and the tools that it calls. Build it after `npm ci` and `npm run build`, on a
# machine of the same architecture: koffi, which calls librados, comes with code for the machine that installed it.
FROM node:24-bookworm-slim

RUN apt-get update \
 && apt-get install --yes --no-install-recommends cryptsetup-bin dmsetup e2fsprogs xfsprogs util-linux mount \
    librados2 ceph-common rbd-nbd \
 && rm -rf /var/lib/apt/lists/*

COPY node_modules/koffi /usr/local/lib/keyward/node_modules/koffi
COPY node_modules/@koromix /usr/local/lib/keyward/node_modules/@koromix
COPY dist/keyward.cjs /usr/local/lib/keyward/keyward.cjs
RUN ln -s ../lib/keyward/keyward.cjs /usr/local/bin/keyward

# Compiled once here, read by every start: a third less time of the processor. Completion loads every command.
ENV NODE_COMPILE_CACHE=/usr/local/lib/keyward/compile-cache
RUN keyward completion bash > /dev/null

ENTRYPOINT ["keyward"]
