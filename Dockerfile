# The image of cmd/tcr-webhook and cmd/tcr-hosts, for each platform that buildx is asked for.
# Base images are named by tag here; the release pipeline resolves each tag to
# its digest and builds from that.
FROM --platform=$BUILDPLATFORM golang:1.26.8 AS build
WORKDIR /src
# Modules first: this layer changes with go.sum, not with every edit.
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETOS TARGETARCH
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -buildvcs=false -ldflags='-s -w' -o /out/ ./cmd/tcr-webhook ./cmd/tcr-hosts

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/ /
# By number, so that runAsNonRoot can be checked without the image's passwd.
USER 65532:65532
ENTRYPOINT ["/tcr-webhook"]
