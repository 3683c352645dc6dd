# The image of the driver: node, the bundle and the tools that it calls. Build it after `npm run build`.
FROM node:24-bookworm-slim

RUN apt-get update \
 && apt-get install --yes --no-install-recommends cryptsetup-bin dmsetup e2fsprogs xfsprogs util-linux mount \
 && rm -rf /var/lib/apt/lists/*

COPY dist/keyward.cjs /usr/local/bin/keyward

ENTRYPOINT ["keyward"]
