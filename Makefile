# What a developer does here; `make` alone lists it. Go, make and git are enough
# for all of it but e2e, which wants root on Linux.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

IMAGE    ?= tcr-webhook:dev
FUZZTIME ?= 60s

# Tests that start a real API server; every other package is a unit.
INTEGRATION := ./test/integration/... ./test/cluster/... ./test/stack/... ./test/demo/...
# Helm and the API server at work on the chart: no code of ours runs here that
# could race, and the detector makes Helm's four times as slow.
CHART_LIVE := ./test/chart/live/...
UNIT = $(shell go list ./... | grep -Ev '/test/(integration|cluster|stack|demo|e2e|[a-z]+/live)(/|$$)')

# Of the measurements, in a module of their own, what needs no API server.
LOAD_UNIT := ./bench/... ./generate ./machine ./openloop ./report ./result ./rollout ./scale ./storm/...

# Tests of the node agent that take root; without it they are skipped.
HOSTS_E2E := TestTheFile|TestTheFolder|TestTheDisk|TestWithoutProc

# Each alert under its fault takes minutes, which make e2e does not ask for.
ALERTS := TestAlertsFireUnderTheirFaults

# The race detector needs a C compiler, which a machine may lack.
RACE = $(shell [ "$$(go env CGO_ENABLED)" = 1 ] && echo 'int main(void) { return 0; }' | \
	$$(go env CC) -include stdlib.h -pthread -x c -o /dev/null - 2>/dev/null && echo -race)

# What was measured is put together, also where a goal was missed.
REPORT := go -C test/load run ./report

# Tools are pinned in test/tools and built once for each state of it.
TOOLS     := $(CURDIR)/bin/tools-$(shell cat test/tools/go.mod test/tools/go.sum | cksum | cut -d' ' -f1)
LINT      := $(TOOLS)/golangci-lint
GOTESTSUM := $(TOOLS)/gotestsum

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: cluster ## the main job on this machine, start to end; KEEP=1 leaves it up
	@echo "compiling the demo (about a minute the first time) ..."
	@go build -o bin/demo ./test/demo && exec bin/demo $(if $(KEEP),--keep)

.PHONY: test
test: test-unit test-integration ## every test that needs no root

.PHONY: test-unit
test-unit: $(GOTESTSUM) ## pure functions, fakes, fake time: seconds
	@$(if $(RACE),,echo "no C compiler: testing without the race detector")
	@$(GOTESTSUM) --format pkgname -- $(RACE) $(UNIT)
	@cd test/load && $(GOTESTSUM) --format pkgname -- -short $(LOAD_UNIT)

.PHONY: test-integration
test-integration: $(GOTESTSUM) cluster ## real API server, SDK and registry: minutes
	@$(if $(RACE),,echo "no C compiler: testing without the race detector")
	@$(GOTESTSUM) --format testname -- $(RACE) -count=1 -timeout=25m -p=1 -parallel=3 $(INTEGRATION)
	@$(GOTESTSUM) --format testname -- -count=1 -timeout=10m $(CHART_LIVE)
	@cd test/load && $(GOTESTSUM) --format testname -- -count=1 -timeout=12m -run TestStormOfTwoMinutes ./storm

.PHONY: e2e
e2e: $(GOTESTSUM) ## as root: the chart on a real node, an application pulled by its kubelet; KEEP=1 leaves it up
	@[ "$$(id -u)" = 0 ] || { echo "make e2e takes root: it makes mounts, namespaces and cgroups of its own; try sudo -E make e2e" >&2; exit 1; }
	@[ "$$(uname)" = Linux ] || { echo "make e2e takes Linux: it runs a kubelet and containerd" >&2; exit 1; }
	@echo "looking for the programs of a node (about six minutes the first time, beside what make cluster builds) ..."
	@go run ./test/cluster/build --node
	@E2E=1 $(GOTESTSUM) --format testname -- $(RACE) -count=1 -timeout=15m -run '$(HOSTS_E2E)' ./cmd/tcr-hosts
	@E2E=1 $(GOTESTSUM) --format standard-verbose -- $(RACE) -count=1 -timeout=$(if $(KEEP),24h,15m) -p=1 -skip '$(ALERTS)' ./test/cluster/node ./test/e2e ./test/monitoring/live

.PHONY: alerts
alerts: $(GOTESTSUM) cluster ## as root: each alert fires on a real Prometheus under its fault, and only then: ten minutes
	@E2E=1 $(GOTESTSUM) --format testname -- -count=1 -timeout=25m -run '$(ALERTS)' ./test/monitoring/live

.PHONY: cluster
cluster: ## build kube-apiserver, etcd and kubectl into bin, once
	@echo "looking for the Kubernetes binaries (about a minute the first time, and then their build) ..."
	@go run ./test/cluster/build

.PHONY: fuzz
fuzz: ## each fuzz target for FUZZTIME (60s)
	@grep -r --include='*_test.go' '^func Fuzz' . | sed -E 's|^(.*)/[^/]*:func (Fuzz[^(]*).*|\1 \2|' | \
	while read -r dir target; do \
		go test -run='^$$' -fuzz="^$$target\$$" -fuzztime=$(FUZZTIME) -fuzzminimizetime=50x "$$dir" || exit 1; \
	done

.PHONY: bench
bench: ## against other webhooks, in process, over TLS and on an API server: nine minutes; writes test/load/bench.md
	@go -C test/load run ./bench --api-server; status=$$?; $(REPORT); exit $$status

.PHONY: chaos
chaos: cluster ## no call lost by restarts, faults and attacks, no login that ends; twenty storms, and bugs they find: over an hour
	@go -C test/load test -count=1 -timeout=20m ./chaos
	@go -C test/load test -count=1 -timeout=25m -parallel=4 ./credentials
	@go -C test/load run ./storm --seeds 1..20 --parallel 3 --for 2m --save .; status=$$?; $(REPORT); exit $$status
	@STORM_PLANT=1 go -C test/load test -count=1 -timeout=40m -parallel=3 -run TestPlantedBugsAreFound ./storm

.PHONY: soak
soak: cluster ## half an hour of storms, and what is left of memory, goroutines and files after it; writes test/load/results/soak.json
	@go -C test/load run ./storm --soak --for 30m --save .; status=$$?; $(REPORT); exit $$status

.PHONY: certmanager
certmanager: cluster ## certs.mode cert-manager with cert-manager's own controllers: minutes, most of them to compile
	@go -C test/certmanager vet ./... && go -C test/certmanager test -count=1 -timeout=15m ./...

.PHONY: scale
scale: build cluster ## three replicas for 10,000 namespaces: twenty minutes; writes test/load/credentials.md
	@go -C test/load run ./scale; status=$$?; $(REPORT); exit $$status

.PHONY: rollout
rollout: build ## 20,000 pods on 2,000 nodes without us, with one replica and with three: half an hour; writes test/load/rollout.md
	@go -C test/load run ./rollout; status=$$?; $(REPORT); exit $$status

.PHONY: policies
policies: cluster ## rendered policies against the engine on 10,000 pods: minutes; make test tries 400
	@go test -count=1 -timeout=30m -v -run=TestRenderedGenerated ./test/integration/plugin -args -pods=10000

.PHONY: lint
lint: $(LINT) ## gofmt, go vet, golangci-lint
	@unformatted=$$(gofmt -l .); [ -z "$$unformatted" ] || { echo "not gofmt-clean: $$unformatted"; exit 1; }
	@go vet ./... && go -C test/load vet ./...
	@$(LINT) run ./... && cd test/load && $(LINT) run --config ../../.golangci.yml ./...

.PHONY: fmt
fmt: $(LINT) ## format the code and its imports
	@$(LINT) fmt ./...

.PHONY: verify
verify: ## what is generated or derived is up to date
	@for gomod in $$(git ls-files -- go.mod '*/go.mod'); do go -C $$(dirname $$gomod) mod tidy -diff || exit 1; done

.PHONY: check
check: lint verify test ## what a commit must pass

.PHONY: build
build: ## bin/tcr-webhook, bin/kubectl-tcr with its completion and, on Linux, bin/tcr-hosts, static
	@CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o bin/ ./cmd/tcr-webhook ./cmd/kubectl-tcr \
		$(if $(filter linux,$(shell go env GOOS)),./cmd/tcr-hosts)
	@install -m 0755 cmd/kubectl-tcr/kubectl_complete-tcr bin/

.PHONY: image
image: ## the container image as an OCI layout in bin/image; PUSH=1 pushes it as IMAGE (tcr-webhook:dev)
	@go run ./deploy/image/build --output bin/image --title $(IMAGE) $(if $(PUSH),--push)

.PHONY: clean
clean: ## remove bin, built tools and Kubernetes included
	@rm -rf bin

$(TOOLS)/%:
	@echo "building $* (golangci-lint takes some minutes the first time) ..."
	@CGO_ENABLED=0 GOWORK=off go -C test/tools build -mod=readonly -trimpath -buildvcs=false -o $@ \
		$$(go -C test/tools list -mod=readonly tool | grep '/$*$$')
