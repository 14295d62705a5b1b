# Foghorn's image: one static program, its licence and an empty data directory.
#
# The base is pinned by its exact version. To pin its bytes as well, append the
# digest that your registry shows for the tag: rust:1.95.0-bookworm@sha256:...
# It only builds; nothing of it is in the image.
FROM rust:1.95.0-bookworm AS build

WORKDIR /build
# No allocator of another libc and no loader: the program runs on an empty
# root. glibc resolves names by itself since 2.34, from /etc/hosts and DNS. Cargo
# applies it to the program alone, not to procedural macros, when told a target.
ENV RUSTFLAGS="-C target-feature=+crt-static"
# What `cargo build` is told; the tests of this file may ask for another one.
ARG PROFILE=release

# The dependencies, in a layer of their own: every target that Cargo.toml names
# is an empty file here, so the layer stands until Cargo.toml or Cargo.lock change.
# The library alone is built, for linking an empty program would take a minute.
COPY Cargo.toml Cargo.lock ./
# The allocator is built for one page size; other kernels than x86's have up to 64 KiB.
RUN set -eu; \
    case $(uname -m) in x86_64) page=12 ;; *) page=16 ;; esac; \
    mkdir -p .cargo; printf '[env]\nJEMALLOC_SYS_WITH_LG_PAGE = "%s"\n' "$page" >.cargo/config.toml; \
    sed -n 's/^path = "\(.*\.rs\)"$/\1/p' Cargo.toml >stubs; \
    while read -r stub; do mkdir -p "$(dirname "$stub")"; echo '//! Empty.' >"$stub"; done <stubs; \
    host=$(rustc -vV | sed -n 's/^host: //p'); \
    cargo build --locked --profile "$PROFILE" --target "$host" --lib

COPY src src
# Cargo compares times, and the files above are younger than the real ones.
RUN set -eu; \
    find src -name '*.rs' -exec touch {} +; \
    host=$(rustc -vV | sed -n 's/^host: //p'); \
    cargo build --locked --profile "$PROFILE" --target "$host" --bin foghorn; \
    mkdir -p /image/data; \
    directory=$PROFILE; if [ "$directory" = dev ]; then directory=debug; fi; \
    cp "target/$host/$directory/foghorn" /image/foghorn; \
    /image/foghorn --version

FROM scratch

LABEL org.opencontainers.image.title="Foghorn" \
      org.opencontainers.image.description="Observability agent for Docker Compose stacks: every line once, searchable after the container is gone" \
      org.opencontainers.image.licenses="Apache-2.0"

COPY LICENSE /LICENSE
COPY --from=build /image/foghorn /foghorn
# A volume takes over the owner of the directory that it covers.
COPY --from=build --chown=65532:65532 /image/data /data

# Not root, and no account that the host has. To read /var/run/docker.sock
# directly, add the group that owns it: `--group-add $(stat -c %g /var/run/docker.sock)`,
# in Compose `group_add`. Behind a socket proxy no group is needed.
USER 65532:65532
ENV FOGHORN_STORE_PATH=/data \
    FOGHORN_HTTP_LISTEN=0.0.0.0:3644
VOLUME /data
EXPOSE 3644
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["/foghorn", "healthcheck"]
ENTRYPOINT ["/foghorn"]
CMD ["serve"]
